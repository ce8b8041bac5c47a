use crate::config::ConfigError;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use tracewell_agent::PipelineError;
use tracewell_agent::sensor::SensorError;

/// Why the agent ended. One sentence each, and one exit code.
#[derive(Debug)]
pub enum Failure {
    /// 2: what was asked for cannot be done.
    Input(String),
    /// 3: this user may not.
    NotPermitted(String),
    /// 3 to 7: this machine does not let itself be watched, or not by this build.
    Sensor(SensorError),
    /// 8: another agent watches this host.
    SecondInstance(String),
    /// 9: no agent runs that could be asked.
    NotRunning(String),
    /// 10: one runs, but does not answer.
    NoAnswer(String),
    /// 1: a fault of this program or machine.
    Internal(String),
}

impl Failure {
    pub fn input(error: impl fmt::Display) -> Self {
        Self::Input(error.to_string())
    }

    pub fn internal(error: impl fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Internal(_) | Self::Sensor(SensorError::Object(_) | SensorError::Bpf(..)) => 1,
            Self::Input(_) | Self::Sensor(SensorError::Secrets(_)) => 2,
            Self::NotPermitted(_) | Self::Sensor(SensorError::NotPermitted(_)) => 3,
            Self::Sensor(SensorError::NoBtf(_)) => 4,
            Self::Sensor(SensorError::LockedDown) => 5,
            Self::Sensor(SensorError::NotBuilt) => 6,
            Self::Sensor(SensorError::Kernel(_)) => 7,
            Self::SecondInstance(_) => 8,
            Self::NotRunning(_) => 9,
            Self::NoAnswer(_) => 10,
        }
    }

    /// Says it on stderr and gives the exit code.
    pub fn report(&self) -> ExitCode {
        let _ = writeln!(io::stderr(), "tracewell-agent: {self}");
        ExitCode::from(self.code())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(message)
            | Self::NotPermitted(message)
            | Self::SecondInstance(message)
            | Self::NotRunning(message)
            | Self::NoAnswer(message)
            | Self::Internal(message) => f.write_str(message),
            Self::Sensor(error) => error.fmt(f),
        }
    }
}

impl From<SensorError> for Failure {
    fn from(error: SensorError) -> Self {
        Self::Sensor(error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::input(error)
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        Self::internal(error)
    }
}

/// Prints to stdout. A reader that has gone away (`| head`) wanted no more.
///
/// # Errors
/// When stdout cannot be written.
pub fn print(text: &str) -> Result<Printed, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Printed::Yes),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Printed::NobodyReads),
        Err(error) => Err(Failure::Internal(format!("stdout: {error}"))),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printed {
    Yes,
    NobodyReads,
}
