//! From a path to a stream of decompressed bytes with its beginning at hand.

use crate::{Position, ReadError};
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes of a file without its compression.
///
/// # Errors
/// When it is missing, a directory, or empty.
pub fn decompressed(path: &Path) -> Result<Box<dyn Read + Send>, ReadError> {
    Ok(Input::open(path)?.into_stream())
}

/// As much of the decompressed beginning as format detection may look at.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;

/// Memory that an xz header may ask for. The highest preset needs 65 MiB; zstd has such a bound of its own.
const XZ_MEMORY_BYTES_MAX: u64 = 256 << 20;

type Stream = Box<dyn Read + Send>;

/// A recording that is open, before its format is known.
pub(crate) struct Input {
    /// What errors call it.
    pub name: String,
    /// The host name to use when the recording has none: the file name without its extensions.
    pub stem: String,
    /// Where it lies, for formats that keep attributes in a second file.
    pub path: Option<std::path::PathBuf>,
    pub progress: Progress,
    /// The first [`HEAD_BYTES`] of the decompressed stream, or all of it if shorter.
    pub head: Vec<u8>,
    rest: Stream,
}

/// How much of the file has been read, in bytes as they are on disk. Cheap to clone and to ask from another thread.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Progress {
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// `None` where the input has no known size.
    pub fn bytes_total(&self) -> Option<u64> {
        self.total
    }
}

impl Input {
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        let open = |source| ReadError::Open { name: name.clone(), source };
        let file = File::open(path).map_err(open)?;
        let metadata = file.metadata().map_err(open)?;
        if metadata.is_dir() {
            return Err(ReadError::Directory { name });
        }
        // A pipe or a device says 0 and is not empty.
        let total = metadata.is_file().then_some(metadata.len());
        let mut input = Self::new(file, name, total)?;
        input.stem = stem(path);
        input.path = Some(path.to_owned());
        Ok(input)
    }

    /// An input out of any stream of bytes, compressed or not.
    pub fn new(stream: impl Read + Send + 'static, name: String, total: Option<u64>) -> Result<Self, ReadError> {
        let progress = Progress { read: Arc::default(), total };
        let counted = Counted { inner: stream, read: Arc::clone(&progress.read) };
        let stream_error = |source| ReadError::Stream { name: name.clone(), position: Position::Byte(0), source };
        let mut rest = decompress(counted).map_err(stream_error)?;
        let mut head = Vec::new();
        rest.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(stream_error)?;
        if head.is_empty() {
            return Err(ReadError::Empty { name });
        }
        Ok(Self { stem: name.clone(), name, path: None, progress, head, rest })
    }

    /// The whole decompressed stream from its first byte.
    pub fn into_stream(self) -> Stream {
        Box::new(Cursor::new(self.head).chain(self.rest))
    }
}

/// Looks at the magic bytes: gzip RFC 1952 §2.3.1, xz file format §2.1.1.1, zstd RFC 8878 §3.1.1.
///
/// Members and frames that were concatenated are read one after the other.
fn decompress(stream: impl Read + Send + 'static) -> io::Result<Stream> {
    let mut stream = BufReader::with_capacity(HEAD_BYTES, stream);
    let mut magic = Vec::with_capacity(6);
    stream.by_ref().take(6).read_to_end(&mut magic)?;
    let gzip = magic.starts_with(&[0x1f, 0x8b]);
    let xz = magic.starts_with(b"\xfd7zXZ\0");
    let zstd = magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    let whole = BufReader::with_capacity(HEAD_BYTES, Cursor::new(magic).chain(stream));
    Ok(if gzip {
        Box::new(flate2::bufread::MultiGzDecoder::new(whole))
    } else if xz {
        let decoder = xz2::stream::Stream::new_stream_decoder(XZ_MEMORY_BYTES_MAX, xz2::stream::CONCATENATED)?;
        Box::new(xz2::bufread::XzDecoder::new_stream(whole, decoder))
    } else if zstd {
        Box::new(zstd::Decoder::with_buffer(whole)?)
    } else {
        Box::new(whole)
    })
}

/// The file name without the extension of its compression and of its format.
fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = [".gz", ".xz", ".zst"].iter().find_map(|ext| name.strip_suffix(ext)).unwrap_or(&name);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => name.to_owned(),
    }
}

struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
