/// Why a frame was refused, or a message could not be made into one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("version {got} of the wire format is not understood, expected {expected}")]
    Version { got: u32, expected: u32 },
    #[error("{what} has {got} entries or bytes, at most {max} are allowed")]
    TooLarge { what: &'static str, got: usize, max: usize },
    #[error("frame is not protobuf: {0}")]
    Malformed(String),
    #[error("{what} is missing")]
    Missing { what: &'static str },
    #[error("{what} is {got}, expected {expected}")]
    Invalid { what: &'static str, got: u64, expected: &'static str },
    #[error("{what} points at entry {index} of a table of {len}")]
    OutOfTable { what: &'static str, index: u32, len: usize },
    #[error("payload hashes to {got:016x}, the envelope says {expected:016x}")]
    ContentHash { got: u64, expected: u64 },
}

impl From<prost::DecodeError> for WireError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Refuses more than `max` of something.
pub(crate) fn at_most(what: &'static str, got: usize, max: usize) -> Result<(), WireError> {
    if got <= max { Ok(()) } else { Err(WireError::TooLarge { what, got, max }) }
}
