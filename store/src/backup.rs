use crate::{Store, StoreError};
use rocksdb::checkpoint::Checkpoint;
use std::path::Path;

impl Store {
    /// Makes a consistent copy of the running store in a new folder, which opens as a store of its own.
    ///
    /// On the same filesystem files are linked, so that it takes no space and next to no time. Rows that a history still
    /// holds back are not in it: [flush](crate::RocksHistory::flush) it first.
    ///
    /// # Errors
    /// When the folder exists already or cannot be written.
    pub fn checkpoint(&self, path: &Path) -> Result<(), StoreError> {
        if path.exists() {
            return Err(StoreError::CheckpointExists { path: path.into() });
        }
        let failed = self.failed("making a checkpoint");
        // Without a log, only what is in files is copied.
        self.flush()?;
        Checkpoint::new(self.db()).and_then(|checkpoint| checkpoint.create_checkpoint(path)).map_err(failed)
    }
}
