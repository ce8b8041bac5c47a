use crate::WireError;
use crate::session::Close;
use std::io;

/// Why a connection was not made, or ended.
#[derive(Debug, thiserror::Error)]
pub enum QuicError {
    #[error("TLS: {0}")]
    Tls(String),
    #[error("UDP socket: {0}")]
    Socket(#[from] io::Error),
    /// There is no such server, or it cannot be named.
    #[error("server {server}: {why}")]
    Server { server: String, why: String },
    #[error("{0}")]
    Connect(#[from] quinn::ConnectError),
    #[error("the other side closed the connection: {0:?}")]
    Closed(Close),
    #[error("the connection is lost: {0}")]
    Lost(quinn::ConnectionError),
    #[error("the other side is silent for {seconds} s, {expected} was expected")]
    Silent { seconds: u64, expected: &'static str },
    /// The other side did not keep to the rules.
    #[error("the other side sent what it must not: {0}")]
    Wire(#[from] WireError),
    #[error("the other side sent what it must not: {0}")]
    Violation(&'static str),
    #[error("no more is taken in: this side stops")]
    Stopping,
}

impl QuicError {
    /// What the other side is told, if anything is left to tell.
    pub fn close(&self) -> Close {
        match self {
            Self::Wire(WireError::Version { .. }) => Close::Version,
            Self::Wire(_) | Self::Violation(_) | Self::Silent { .. } => Close::Violation,
            _ => Close::Done,
        }
    }
}

impl From<quinn::ConnectionError> for QuicError {
    fn from(error: quinn::ConnectionError) -> Self {
        match &error {
            quinn::ConnectionError::ApplicationClosed(close) => {
                Close::of(close.error_code.into_inner()).map_or(Self::Lost(error), Self::Closed)
            }
            _ => Self::Lost(error),
        }
    }
}

impl From<quinn::WriteError> for QuicError {
    fn from(error: quinn::WriteError) -> Self {
        match error {
            quinn::WriteError::ConnectionLost(error) => error.into(),
            _ => Self::Violation("an end to a stream that was needed"),
        }
    }
}

impl From<quinn::ReadError> for QuicError {
    fn from(error: quinn::ReadError) -> Self {
        match error {
            quinn::ReadError::ConnectionLost(error) => error.into(),
            _ => Self::Violation("an end to a stream that was needed"),
        }
    }
}
