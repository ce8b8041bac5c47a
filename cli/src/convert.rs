//! `tracewell convert`: any format into Tracewell's own.

use crate::args::ConvertArgs;
use crate::failure::Failure;
use crate::input::Input;
use crate::output::text::plural;
use crate::progress::Progress;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tracewell_datasets::tracewell::TracewellWriter;
use tracewell_model::Record;

pub fn run(args: &ConvertArgs) -> Result<(), Failure> {
    let mut input = Input::open(&args.inputs, &args.read)?;
    let mut progress = Progress::new(input.bytes_total());
    let target = args.to.canonicalize();
    if args.inputs.iter().any(|input| target.is_ok() && input.canonicalize().ok() == target.as_ref().ok().cloned()) {
        return Err(Failure::Input(format!("{} is read and cannot be written as well", args.to.display())));
    }
    let mut file = EventFile::create(&args.to)?;
    while let Some(record) = input.next() {
        let record = record?;
        progress.record(matches!(record, Record::Event(_)), || input.bytes_read());
        file.write(&record)?;
    }
    file.finish()?;
    let (_, n_events) = progress.finish();
    let counts = input.counts();
    let mut told = format!("{} written to {}", plural(n_events, "event"), args.to.display());
    if counts.bad_records > 0 {
        told += &format!(", {} passed over", plural(counts.bad_records, "bad record"));
    }
    if !counts.unknown.is_empty() {
        let unknown: Vec<_> = counts.unknown.iter().map(|(name, n)| format!("{name} {n}")).collect();
        told += &format!(", of unknown types: {}", unknown.join(", "));
    }
    let _ = writeln!(io::stderr(), "{told}");
    Ok(())
}

/// A file of Tracewell's own events, compressed as its extension says. It has its name only when it is whole.
pub struct EventFile {
    path: PathBuf,
    part: PathBuf,
    writer: Option<TracewellWriter<Compressor>>,
}

impl EventFile {
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::Input(format!("cannot write {}: {error}", path.display()));
        if path.is_dir() {
            return Err(Failure::Input(format!("{} is a directory, expected a file to write", path.display())));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let part = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        let compressor = Compressor::new(File::create(&part).map_err(failed)?, path).map_err(failed)?;
        let writer = Some(TracewellWriter::new(compressor).map_err(failed)?);
        Ok(Self { path: path.to_owned(), part, writer })
    }

    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, record: &Record) -> Result<(), Failure> {
        let writer = self.writer.as_mut().expect("the writer is taken only at the end");
        writer
            .write(record)
            .map_err(|error| Failure::Internal(format!("cannot write {}: {error}", self.path.display())))
    }

    /// # Errors
    /// When it cannot be written to the end or given its name.
    pub fn finish(mut self) -> Result<(), Failure> {
        let writer = self.writer.take().expect("the writer is taken only at the end");
        let done = writer.finish().and_then(Compressor::finish).and_then(|()| fs::rename(&self.part, &self.path));
        done.map_err(|error| Failure::Internal(format!("cannot write {}: {error}", self.path.display())))
    }
}

impl Drop for EventFile {
    fn drop(&mut self) {
        // After the rename there is nothing of this name.
        let _ = fs::remove_file(&self.part);
    }
}

enum Compressor {
    Plain(BufWriter<File>),
    Gzip(BufWriter<flate2::write::GzEncoder<File>>),
    Xz(BufWriter<xz2::write::XzEncoder<File>>),
    Zstd(BufWriter<zstd::Encoder<'static, File>>),
}

impl Compressor {
    /// Bytes gathered before they are compressed or written.
    const BUFFER_BYTES: usize = 1 << 17;

    fn new(file: File, path: &Path) -> io::Result<Self> {
        let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
        Ok(match extension.as_ref().and_then(|extension| extension.to_str()) {
            Some("gz") => Self::Gzip(BufWriter::with_capacity(
                Self::BUFFER_BYTES,
                flate2::write::GzEncoder::new(file, flate2::Compression::default()),
            )),
            Some("xz") => Self::Xz(BufWriter::with_capacity(Self::BUFFER_BYTES, xz2::write::XzEncoder::new(file, 6))),
            Some("zst") => Self::Zstd(BufWriter::with_capacity(Self::BUFFER_BYTES, zstd::Encoder::new(file, 3)?)),
            _ => Self::Plain(BufWriter::with_capacity(Self::BUFFER_BYTES, file)),
        })
    }

    fn finish(self) -> io::Result<()> {
        let file = match self {
            Self::Plain(writer) => writer.into_inner().map_err(|error| error.into_error())?,
            Self::Gzip(writer) => writer.into_inner().map_err(|error| error.into_error())?.finish()?,
            Self::Xz(writer) => writer.into_inner().map_err(|error| error.into_error())?.finish()?,
            Self::Zstd(writer) => writer.into_inner().map_err(|error| error.into_error())?.finish()?,
        };
        file.sync_all()
    }
}

impl Write for Compressor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(writer) => writer.write(bytes),
            Self::Gzip(writer) => writer.write(bytes),
            Self::Xz(writer) => writer.write(bytes),
            Self::Zstd(writer) => writer.write(bytes),
        }
    }

    /// Nothing to do before the end: flushing a compressor in between only costs size.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
