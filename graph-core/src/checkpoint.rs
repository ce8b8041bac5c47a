//! What the core knows, as rows in a fixed order: how a host's state survives the end of its process.
//!
//! Each part of the core has `save`, which gives its rows to a [`SaveRows`], and `load`, which reads them from a
//! [`LoadRows`] and changes nothing if one is wrong. Whoever holds the parts frames the rows, names their version and
//! checks them as a whole. Rows are read as if an enemy had written them: nothing is believed that would break an
//! invariant or reserve memory for what is not there.

mod record;

pub use record::{read_record, write_record};

use crate::history::{HistoryError, RowReader, RowWriter};

/// Bytes of one row. Longest are hopsets of many members; of a thousand of them a row has some 50 KB.
pub const ROW_BYTES_MAX: usize = 4 << 20;

/// Where rows go, one after the other.
pub struct SaveRows<'a> {
    take: &'a mut dyn FnMut(&[u8]),
    row: Vec<u8>,
}

impl<'a> SaveRows<'a> {
    pub fn new(take: &'a mut dyn FnMut(&[u8])) -> Self {
        Self { take, row: Vec::with_capacity(256) }
    }

    pub fn row(&mut self, write: impl FnOnce(&mut RowWriter<'_>)) {
        self.row.clear();
        write(&mut RowWriter::new(&mut self.row));
        (self.take)(&self.row);
    }
}

/// Where rows come from, in the order in which they went.
pub struct LoadRows<'a> {
    /// Puts the next row into an empty vector, or says why there is none.
    next: &'a mut dyn FnMut(&mut Vec<u8>) -> Result<(), String>,
    row: Vec<u8>,
    n_rows: u64,
}

/// A checkpoint that cannot be taken up: where in it, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {row}, {what}: {why}")]
pub struct LoadError {
    /// Counts from 1.
    pub row: u64,
    pub what: &'static str,
    pub why: String,
}

impl<'a> LoadRows<'a> {
    pub fn new(next: &'a mut dyn FnMut(&mut Vec<u8>) -> Result<(), String>) -> Self {
        Self { next, row: Vec::new(), n_rows: 0 }
    }

    /// Reads one row to its end. `what` names it in errors.
    ///
    /// # Errors
    /// When there is none, or it does not hold what `read` expects.
    pub fn row<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut RowReader<'_>) -> Result<T, HistoryError>,
    ) -> Result<T, LoadError> {
        self.row.clear();
        self.n_rows += 1;
        (self.next)(&mut self.row).map_err(|why| self.wrong(what, why))?;
        let mut row = RowReader::new(what, &self.row);
        let value = read(&mut row).and_then(|value| row.end().map(|()| value));
        value.map_err(|error| match error {
            HistoryError::Medium(why) | HistoryError::Corrupt { why, .. } => self.wrong(what, why),
        })
    }

    /// The error that the row read last cannot be what it says.
    pub fn wrong(&self, what: &'static str, why: impl Into<String>) -> LoadError {
        LoadError { row: self.n_rows, what, why: why.into() }
    }
}
