//! Who asked for which change, and what came of it. An entry is on the disk before anything is changed.

use crate::registry::now;
use crate::table::{read, write};
use serde::{Deserialize, Serialize};
use tracewell_aggregator::StoreError;
use tracewell_aggregator::disk::{Disk, Family};

/// Entries that are kept; the oldest goes first.
const ENTRIES_MAX: u64 = 1_000_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Seconds since 1970.
    pub time: u64,
    pub operator: String,
    pub method: String,
    /// As JSON.
    pub request: String,
    /// Empty for what was done.
    pub failure: String,
}

pub struct Audit {
    disk: Disk,
    /// Of the latest entry; 0 before the first.
    latest: u64,
}

impl Audit {
    /// # Errors
    /// When the store cannot be read.
    pub fn open(disk: Disk) -> Result<Self, StoreError> {
        let latest = disk.last_key(Family::Audit)?.and_then(|key| key.try_into().ok().map(u64::from_be_bytes));
        Ok(Self { disk, latest: latest.unwrap_or(0) })
    }

    /// Notes what is about to be done; gives the entry's number.
    ///
    /// # Errors
    /// When the store cannot be written: it must not be done then.
    pub fn begin(&mut self, operator: &str, method: &str, request: String) -> Result<u64, StoreError> {
        let number = self.latest + 1;
        let (operator, method) = (operator.into(), method.into());
        let entry = Entry { time: now(), operator, method, request, failure: "unknown".into() };
        let mut changes = vec![(Family::Audit, number.to_be_bytes().to_vec(), Some(write(&entry)))];
        if let Some(oldest) = number.checked_sub(ENTRIES_MAX) {
            changes.push((Family::Audit, oldest.to_be_bytes().to_vec(), None));
        }
        self.disk.change(&changes)?;
        self.latest = number;
        Ok(number)
    }

    /// Notes what came of it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn end(&self, number: u64, failure: Option<&str>) -> Result<(), StoreError> {
        let Some(mut entry) = self.entry(number)? else { return Ok(()) };
        entry.failure = failure.unwrap_or_default().into();
        self.disk.change(&[(Family::Audit, number.to_be_bytes().to_vec(), Some(write(&entry)))])
    }

    /// The entries before that of a number, latest first; with 0 the latest of all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn before(&self, number: u64, limit: usize) -> Result<Vec<(u64, Entry)>, StoreError> {
        let from = if number == 0 { self.latest } else { self.latest.min(number - 1) };
        let mut entries = Vec::new();
        for number in (1..=from).rev().take(limit) {
            let Some(entry) = self.entry(number)? else { break };
            entries.push((number, entry));
        }
        Ok(entries)
    }

    fn entry(&self, number: u64) -> Result<Option<Entry>, StoreError> {
        let row = self.disk.row(Family::Audit, &number.to_be_bytes())?;
        row.map(|row| read("an entry of the audit log", &row)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_seen_also_if_nobody_said_how_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        let mut audit = Audit::open(disk.clone()).unwrap();
        assert_eq!(audit.before(0, 10).unwrap(), []);
        let first = audit.begin("kim", "Hosts/RevokeHost", "{}".into()).unwrap();
        audit.begin("kim", "Hosts/RevokeHost", "{}".into()).unwrap();
        audit.end(first, None).unwrap();
        let mut audit = Audit::open(disk).unwrap();
        let third = audit.begin("lee", "Hosts/RevokeHost", "{}".into()).unwrap();
        audit.end(third, Some("no such host")).unwrap();
        let all = audit.before(0, 10).unwrap();
        let failures: Vec<_> = all.iter().map(|(number, entry)| (*number, entry.failure.as_str())).collect();
        assert_eq!(failures, [(3, "no such host"), (2, "unknown"), (1, "")]);
        assert_eq!(audit.before(3, 1).unwrap(), all[1..2]);
    }
}
