use crate::args::SensorArgs;
use crate::failure::Failure;
use std::fs::{self, File, TryLockError};
use std::path::Path;
use tracewell_agent::sensor::Options;
use tracewell_model::HostId;

/// This host, and the right to be the one that watches it.
pub struct Host {
    pub id: HostId,
    pub name: String,
    _lock: File,
}

const LOCK: &str = "/run/tracewell-agent.lock";

impl Host {
    /// # Errors
    /// When another agent watches this host.
    pub fn claim(args: &SensorArgs) -> Result<Self, Failure> {
        let name = args.host.clone().unwrap_or_else(|| {
            let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            let name = name.trim();
            if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
        });
        let lock = File::create(Path::new(LOCK))
            .map_err(|error| Failure::Input(format!("cannot write {LOCK}: {error}; watching a host needs root")))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::SecondInstance(format!(
                    "another tracewell-agent watches this host (it holds {LOCK})"
                )));
            }
            Err(TryLockError::Error(error)) => return Err(Failure::Internal(format!("cannot lock {LOCK}: {error}"))),
        }
        Ok(Self { id: HostId::from_name(&name), name, _lock: lock })
    }
}

pub fn sensor_options(args: &SensorArgs) -> Options {
    Options {
        ring_bytes: args.ring_bytes,
        budget: args.budget,
        ignored_processes: args.ignore.clone(),
        ..Options::default()
    }
}
