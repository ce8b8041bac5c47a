//! Where the pipelines of a replay spill to.

use crate::failure::Failure;
use std::path::Path;
use tracewell_graph_core::history::{History, MemoryHistory};
use tracewell_model::HostId;
use tracewell_store::{RocksHistory, Store, StoreOptions};

pub enum Histories {
    Memory,
    Disk {
        store: Store,
        /// Removes the directory at the end where the replay chose it.
        _temporary: Option<tempfile::TempDir>,
    },
}

impl Histories {
    /// `memory`, a directory, or by default a temporary directory that goes with the replay.
    ///
    /// A directory must be new or empty: a graph that spilled in an earlier replay would be taken for this one's past.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(place: Option<&str>) -> Result<Self, Failure> {
        let disk = |path: &Path, temporary| {
            let store = Store::open(path, StoreOptions::default()).map_err(Failure::input)?;
            Ok(Self::Disk { store, _temporary: temporary })
        };
        match place {
            Some("memory") => Ok(Self::Memory),
            Some(path) => {
                let is_used = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
                if is_used {
                    return Err(Failure::Input(format!(
                        "history {path} is not empty, expected a new or empty directory"
                    )));
                }
                disk(Path::new(path), None)
            }
            None => {
                let made = tempfile::Builder::new().prefix("tracewell-history-").tempdir();
                let temporary = made.map_err(|error| Failure::Internal(format!("temporary history: {error}")))?;
                let path = temporary.path().to_owned();
                disk(&path, Some(temporary))
            }
        }
    }

    /// # Errors
    /// When the store cannot be read.
    pub fn of(&self, host: HostId) -> Result<Box<dyn History>, Failure> {
        match self {
            Self::Memory => Ok(Box::new(MemoryHistory::new())),
            Self::Disk { store, .. } => Ok(Box::new(RocksHistory::open(store, host).map_err(Failure::internal)?)),
        }
    }
}
