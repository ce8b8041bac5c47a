use crate::open::Family;
use crate::{Store, StoreError};
use rocksdb::{Direction, IteratorMode, WriteBatch, WriteOptions};

/// Rows that outlast a crash of the process, and of the machine where they are written durably. In the order of their keys.
#[derive(Clone)]
pub struct SpoolRows {
    store: Store,
}

/// A key and what is under it.
pub type SpoolRow = (Box<[u8]>, Box<[u8]>);

impl SpoolRows {
    pub fn of(store: &Store) -> Self {
        Self { store: store.clone() }
    }

    /// Puts and removes rows, all or none. When it returns, a durable change is on the disk, and so are all before it.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn change(&self, put: &[(&[u8], &[u8])], removed: &[&[u8]], durably: bool) -> Result<(), StoreError> {
        let family = self.store.family(Family::Spool);
        let mut batch = WriteBatch::default();
        put.iter().for_each(|(key, row)| batch.put_cf(family, key, row));
        removed.iter().for_each(|key| batch.delete_cf(family, key));
        let mut options = WriteOptions::default();
        options.set_sync(durably);
        self.store.db().write_opt(batch, &options).map_err(self.store.failed("writing to the spool"))
    }

    /// # Errors
    /// When the disk cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.db().get_cf(self.store.family(Family::Spool), key).map_err(self.store.failed("reading the spool"))
    }

    /// The first row from a key on.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn first_from(&self, key: &[u8]) -> Result<Option<SpoolRow>, StoreError> {
        self.rows_from(key).next().transpose()
    }

    /// All rows from a key on.
    pub fn rows_from(&self, key: &[u8]) -> impl Iterator<Item = Result<SpoolRow, StoreError>> {
        let rows =
            self.store.db().iterator_cf(self.store.family(Family::Spool), IteratorMode::From(key, Direction::Forward));
        rows.map(|row| row.map_err(self.store.failed("reading the spool")))
    }
}
