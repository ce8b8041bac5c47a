use crate::output::directory::DirectoryError;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// What was asked for cannot be done: wrong usage or input. The message says what was expected.
    Input(String),
    /// A fault of this program or of the machine.
    Internal(String),
}

impl Failure {
    pub fn input(error: impl fmt::Display) -> Self {
        Self::Input(error.to_string())
    }

    pub fn internal(error: impl fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }

    /// Says it on stderr and gives the exit code.
    pub fn report(&self) -> ExitCode {
        let (message, code) = match self {
            Self::Input(message) => (message, 2),
            Self::Internal(message) => (message, 1),
        };
        let _ = writeln!(io::stderr(), "tracewell: {}", crate::output::text::clean(message));
        ExitCode::from(code)
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Write { .. } => Self::internal(error),
            _ => Self::input(error),
        }
    }
}

/// Prints to stdout. A reader that has gone away (`| head`) wanted no more: that is no failure.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Internal(format!("stdout: {error}"))),
        _ => Ok(()),
    }
}
