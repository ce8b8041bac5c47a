use std::fmt;
use std::io;

/// Why a recording cannot be opened or read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot open {name}: {source}")]
    Open { name: String, source: io::Error },
    #[error("{name} is a directory, expected a file")]
    Directory { name: String },
    #[error("{name} is empty, expected one of: {}", crate::Format::names())]
    Empty { name: String },
    #[error("{name}: format not recognised from its first bytes {head:?}, expected one of: {}", crate::Format::names())]
    UnknownFormat { name: String, head: String },
    /// The file is of the format but not of a kind or version that can be read.
    #[error("{name} is not readable as {format}: {problem}")]
    Unreadable { name: String, format: crate::Format, problem: String },
    /// One record is bad; the records after it can still be read.
    #[error("{name}, {position}: {problem}")]
    BadRecord { name: String, position: Position, problem: String },
    /// The stream itself broke off; nothing after it can be read.
    #[error("{name}: cannot read on after {position}: {source}")]
    Stream { name: String, position: Position, source: io::Error },
}

impl ReadError {
    /// Whether `--skip-bad` may pass over it.
    pub fn is_skippable(&self) -> bool {
        matches!(self, Self::BadRecord { .. })
    }
}

/// Where in the decompressed file a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Counted from 1.
    Line(u64),
    /// Records of a binary container, counted from 1.
    Record(u64),
    /// Bytes from the beginning.
    Byte(u64),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Record(record) => write!(f, "record {record}"),
            Self::Byte(byte) => write!(f, "byte {byte}"),
        }
    }
}
