use super::TracewellWriter;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::TempPath;
use tracewell_model::Record;

/// A file of Tracewell's own events, compressed as its extension says, for its owner alone: it holds command lines. It has its
/// name only when it is whole.
pub struct EventFile {
    path: PathBuf,
    /// Under a name that nobody can know before, so that no link can lie in wait for it; removed if it does not get its own.
    part: TempPath,
    writer: Option<TracewellWriter<Compressor>>,
}

impl EventFile {
    /// # Errors
    /// When the file cannot be made, or something is there that is no regular file, which it would replace.
    pub fn create(path: &Path) -> io::Result<Self> {
        let failed =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()));
        if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
            let kind = if path.is_dir() { "a directory" } else { "a link, a device or a pipe" };
            let message = format!("{} is {kind}, expected a file to write", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let made = tempfile::Builder::new().prefix(&format!(".{name}.")).suffix(".tmp").tempfile_in(folder);
        let (file, part) = made.map_err(failed)?.into_parts();
        let compressor = Compressor::new(file, path).map_err(failed)?;
        let writer = Some(TracewellWriter::new(compressor).map_err(failed)?);
        Ok(Self { path: path.to_owned(), part, writer })
    }

    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let writer = self.writer.as_mut().expect("the writer is taken only at the end");
        let path = &self.path;
        writer
            .write(record)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display())))
    }

    /// Bytes in the file so far; what is still to be compressed does not count.
    pub fn len_bytes(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |part| part.len())
    }

    /// # Errors
    /// When it cannot be written to the end or given its name.
    pub fn finish(mut self) -> io::Result<()> {
        let writer = self.writer.take().expect("the writer is taken only at the end");
        let done = writer.finish().and_then(Compressor::finish);
        let Self { path, part, .. } = self;
        let done = done.and_then(|()| part.persist(&path).map_err(|error| error.error));
        done.map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display())))
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
