//! Rows of one family by name, all of them held in memory. What changes is on the disk before it counts.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use tracewell_aggregator::StoreError;
use tracewell_aggregator::disk::{Disk, Family};

pub struct Table<T> {
    disk: Disk,
    family: Family,
    rows: BTreeMap<String, T>,
}

impl<T: Serialize + DeserializeOwned> Table<T> {
    /// # Errors
    /// When a row cannot be read, or is not one.
    pub fn open(disk: Disk, family: Family) -> Result<Self, StoreError> {
        let rows = disk.rows(family, &[])?.into_iter();
        let rows = rows.map(|(key, row)| Ok((String::from_utf8_lossy(&key).into_owned(), read("a row", &row)?)));
        let rows = rows.collect::<Result<_, StoreError>>()?;
        Ok(Self { disk, family, rows })
    }

    pub fn rows(&self) -> &BTreeMap<String, T> {
        &self.rows
    }

    /// # Errors
    /// When it cannot be written; it is then as before.
    pub fn put(&mut self, name: &str, row: T) -> Result<(), StoreError> {
        self.disk.change(&[(self.family, name.into(), Some(write(&row)))])?;
        self.rows.insert(name.into(), row);
        Ok(())
    }

    /// # Errors
    /// When it cannot be written; it is then as before.
    pub fn remove(&mut self, name: &str) -> Result<Option<T>, StoreError> {
        self.disk.change(&[(self.family, name.into(), None)])?;
        Ok(self.rows.remove(name))
    }
}

pub fn write(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).expect("plain structs are JSON")
}

/// # Errors
/// When it is no such row: `what` says which was expected.
pub fn read<T: DeserializeOwned>(what: &'static str, row: &[u8]) -> Result<T, StoreError> {
    let corrupt = |error: serde_json::Error| StoreError::Corrupt { what, why: error.to_string() };
    serde_json::from_slice(row).map_err(corrupt)
}
