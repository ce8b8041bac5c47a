//! What a pipeline knows, framed, so that it outlasts the process and can begin a recording.
//!
//! | Bytes | What |
//! |---|---|
//! | 8 | `TWSTATE\n` |
//! | 4 | version |
//! | for each row: 4, n | n, and the row |
//! | 4 | 2^32 - 1: no row follows |
//! | 32 | BLAKE3 of all before |
//!
//! Numbers are little-endian. Which rows there are `pipeline/checkpoint.rs` says. A reader knows all versions up to its own.

use std::fmt;
use std::io::{self, Read, Write};
use tracewell_graph_core::checkpoint::{LoadError, LoadRows, ROW_BYTES_MAX, SaveRows};
use tracewell_graph_core::history::HistoryError;

/// Raised with every change of a row.
///
/// | Version | What is new |
/// |---|---|
/// | 5 | rows of files say their mode, and how far their times were set back; operation `set-times` |
/// | 6 | rows of processes say how surprising the host alone found what was rare, and of what in its profile |
/// | 7 | rows of the fleet's view say the votes of the host's group |
/// | 8 | a record that waits may be a finding |
pub const VERSION: u32 = 8;

/// The oldest that is read: its rows say less.
const OLDEST: u32 = 4;

const MAGIC: [u8; 8] = *b"TWSTATE\n";
const NO_ROW: u32 = u32::MAX;

/// Why a checkpoint cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("it does not begin as a checkpoint does, expected \"TWSTATE\" at byte 0")]
    Foreign,
    #[error("it has version {found}, this program reads version {VERSION}")]
    Version { found: u32 },
    #[error(transparent)]
    Row(#[from] LoadError),
    #[error("{n_bytes} bytes follow its last row, expected its end")]
    Long { n_bytes: usize },
    #[error("its hash is {found}, expected {expected}: it was damaged")]
    Hash { found: blake3::Hash, expected: blake3::Hash },
    /// In a recording.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The same.
    #[error("part {found} of it came where {expected} was expected")]
    Part { found: String, expected: String },
}

/// Writes what `save` gives as rows.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(out: &mut dyn Write, save: impl FnOnce(&mut SaveRows<'_>)) -> io::Result<()> {
    let mut framed = Hashed { inner: out, hasher: blake3::Hasher::new() };
    framed.write_all(&MAGIC)?;
    framed.write_all(&VERSION.to_le_bytes())?;
    let mut done = Ok(());
    let mut take = |row: &[u8]| {
        if done.is_ok() {
            done =
                row_len(row).and_then(|len| framed.write_all(&len.to_le_bytes())).and_then(|()| framed.write_all(row));
        }
    };
    save(&mut SaveRows::new(&mut take));
    done?;
    framed.write_all(&NO_ROW.to_le_bytes())?;
    let hash = framed.hasher.finalize();
    framed.inner.write_all(hash.as_bytes())
}

/// Reads rows by `load`. What they gave counts only once all of it has proved to be whole.
///
/// # Errors
/// When it is not a checkpoint, is newer than this program, was damaged, or a row is not what `load` expects.
pub fn read<T>(
    from: &mut dyn Read,
    load: impl FnOnce(&mut LoadRows<'_>) -> Result<T, LoadError>,
) -> Result<T, CheckpointError> {
    let mut framed = Hashed { inner: from, hasher: blake3::Hasher::new() };
    let mut magic = [0; MAGIC.len()];
    framed.read_exact(&mut magic)?;
    if magic != MAGIC {
        return Err(CheckpointError::Foreign);
    }
    let found = framed.number()?;
    if !(OLDEST..=VERSION).contains(&found) {
        return Err(CheckpointError::Version { found });
    }
    let loaded = load(&mut LoadRows::new(&mut |row| framed.row(row).map_err(|error| error.to_string())))?;
    let end = framed.number()?;
    if end != NO_ROW {
        return Err(CheckpointError::Long { n_bytes: end as usize });
    }
    let expected = framed.hasher.finalize();
    let mut found = [0; blake3::OUT_LEN];
    framed.inner.read_exact(&mut found)?;
    let found = blake3::Hash::from_bytes(found);
    if found != expected {
        return Err(CheckpointError::Hash { found, expected });
    }
    let n_bytes = framed.inner.read(&mut [0; 64])?;
    if n_bytes > 0 { Err(CheckpointError::Long { n_bytes }) } else { Ok(loaded) }
}

fn row_len(row: &[u8]) -> io::Result<u32> {
    let len = u32::try_from(row.len()).ok().filter(|len| *len as usize <= ROW_BYTES_MAX);
    len.ok_or_else(|| TooLong { n_bytes: row.len() as u64 }.into())
}

#[derive(Debug)]
struct TooLong {
    n_bytes: u64,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a row of {} bytes, expected at most {ROW_BYTES_MAX}", self.n_bytes)
    }
}

impl std::error::Error for TooLong {}

impl From<TooLong> for io::Error {
    fn from(error: TooLong) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Hashes what passes through.
struct Hashed<T> {
    inner: T,
    hasher: blake3::Hasher,
}

impl Hashed<&mut dyn Write> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.inner.write_all(bytes)
    }
}

impl Hashed<&mut dyn Read> {
    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.hasher.update(bytes);
        Ok(())
    }

    fn number(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn row(&mut self, row: &mut Vec<u8>) -> io::Result<()> {
        let len = self.number()?;
        if len == NO_ROW {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "there is none, expected another row"));
        }
        if len as usize > ROW_BYTES_MAX {
            return Err(TooLong { n_bytes: len.into() }.into());
        }
        // No more is reserved than there is.
        let n_bytes = (&mut *self.inner).take(len.into()).read_to_end(row)?;
        if n_bytes < len as usize {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.hasher.update(row);
        Ok(())
    }
}
