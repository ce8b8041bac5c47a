use crate::failure::Failure;
use std::fs::{File, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tracewell_agent::sensor::SensorError;
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
    pub fn claim(name: &str) -> Result<Self, Failure> {
        let lock = File::create(Path::new(LOCK)).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => SensorError::NotPermitted(format!("cannot write {LOCK}")).into(),
            _ => Failure::Internal(format!("cannot write {LOCK}: {error}")),
        })?;
        // Who can open it can lock it, and so keep every agent from this host.
        lock.set_permissions(Permissions::from_mode(0o600))
            .map_err(|error| Failure::Internal(format!("cannot keep {LOCK} from others: {error}")))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::SecondInstance(format!(
                    "another tracewell-agent watches this host (it holds {LOCK})"
                )));
            }
            Err(TryLockError::Error(error)) => return Err(Failure::Internal(format!("cannot lock {LOCK}: {error}"))),
        }
        Ok(Self { id: HostId::from_name(name), name: name.to_owned(), _lock: lock })
    }
}
