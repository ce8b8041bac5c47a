//! The bytes of a row: little-endian varints and length-prefixed text, written and read by hand because rows are made
//! for every spilled edge.

use super::{Direction, HistoryError};
use tracewell_model::{EventFlags, EventNs, NodeKey, Operation};

/// An edge as the history keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeRow {
    pub from: NodeKey,
    pub to: NodeKey,
    pub op: Operation,
    /// Order of creation within one host's graph, from 1.
    pub seq: u64,
    pub first: EventNs,
    pub last: EventNs,
    pub count: u64,
    pub amount_bytes: u64,
    /// Versions of the ends when the edge was made (ARCHITECTURE.md, "Versions").
    pub from_version: u32,
    pub to_version: u32,
    pub flags: EventFlags,
    /// Millibits under the host's profile when the edge was made.
    pub surprise: u32,
}

impl EdgeRow {
    /// The order in which edges are listed: by first time, then by creation.
    pub fn order(&self) -> (EventNs, u64) {
        (self.first, self.seq)
    }

    /// Where the edge leads from the node whose edges in `direction` it is one of.
    pub fn other_end(&self, direction: Direction) -> NodeKey {
        match direction {
            Direction::In => self.from,
            Direction::Out => self.to,
        }
    }

    /// The fields that are not in a history's key (`from`, `to`, `op`, `first`, `seq` are).
    pub fn encode_value(&self, out: &mut Vec<u8>) {
        self.write_value(&mut RowWriter::new(out));
    }

    /// As [`Self::encode_value`], in a row that goes on after it.
    pub fn write_value(&self, row: &mut RowWriter<'_>) {
        row.u64(self.last.since(self.first));
        row.u64(self.count);
        row.u64(self.amount_bytes);
        row.u64(self.from_version.into());
        row.u64(self.to_version.into());
        row.u64(self.flags.0.into());
        row.u64(self.surprise.into());
    }

    /// Reads what [`Self::encode_value`] wrote.
    ///
    /// # Errors
    /// When `value` is truncated or a field is out of range.
    pub fn decode_value(
        (from, to, op): (NodeKey, NodeKey, Operation),
        (first, seq): (EventNs, u64),
        value: &[u8],
    ) -> Result<Self, HistoryError> {
        Self::read_value((from, to, op), (first, seq), &mut RowReader::new("an edge", value))
    }

    /// As [`Self::decode_value`], from a row that goes on after it.
    ///
    /// # Errors
    /// As [`Self::decode_value`].
    pub fn read_value(
        (from, to, op): (NodeKey, NodeKey, Operation),
        (first, seq): (EventNs, u64),
        row: &mut RowReader<'_>,
    ) -> Result<Self, HistoryError> {
        Ok(Self {
            from,
            to,
            op,
            seq,
            first,
            last: first.after(row.u64()?),
            count: row.u64()?,
            amount_bytes: row.u64()?,
            from_version: row.u32()?,
            to_version: row.u32()?,
            flags: EventFlags(row.u8()?),
            surprise: row.u32()?,
        })
    }
}

/// Appends fields to a row.
pub struct RowWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> RowWriter<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// LEB128: 7 bits a byte, low ones first.
    pub fn u64(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    pub fn u128(&mut self, value: u128) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    pub fn text(&mut self, text: &str) {
        self.blob(text.as_bytes());
    }

    pub fn blob(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    pub fn bool(&mut self, value: bool) {
        self.u64(value.into());
    }

    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.u64(value.is_some().into());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// Reads fields back in the order in which they were written. Every method fails on truncated or impossible input.
pub struct RowReader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> RowReader<'a> {
    /// `what` names the row in errors.
    pub fn new(what: &'static str, row: &'a [u8]) -> Self {
        Self { what, rest: row }
    }

    pub fn corrupt(&self, why: impl Into<String>) -> HistoryError {
        HistoryError::Corrupt { what: self.what.to_owned(), why: why.into() }
    }

    pub fn u64(&mut self) -> Result<u64, HistoryError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or_else(|| self.corrupt("ends within a number"))?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.corrupt("a number is longer than 64 bits"))
    }

    /// How many there are of something that has a bound.
    pub fn at_most(&mut self, max: u64) -> Result<u64, HistoryError> {
        let n = self.u64()?;
        if n > max { Err(self.corrupt(format!("it counts {n}, expected at most {max}"))) } else { Ok(n) }
    }

    pub fn u32(&mut self) -> Result<u32, HistoryError> {
        u32::try_from(self.u64()?).map_err(|_| self.corrupt("a number is over 32 bits"))
    }

    pub fn u8(&mut self) -> Result<u8, HistoryError> {
        u8::try_from(self.u64()?).map_err(|_| self.corrupt("a number is over 8 bits"))
    }

    pub fn u128(&mut self) -> Result<u128, HistoryError> {
        let bytes = self.bytes(16)?;
        Ok(u128::from_le_bytes(bytes.try_into().expect("16 bytes were taken")))
    }

    pub fn text(&mut self) -> Result<&'a str, HistoryError> {
        let bytes = self.blob()?;
        std::str::from_utf8(bytes).map_err(|_| self.corrupt("a text is not UTF-8"))
    }

    pub fn blob(&mut self) -> Result<&'a [u8], HistoryError> {
        let len = self.u64()?;
        let len = usize::try_from(len).map_err(|_| self.corrupt("a text is too long"))?;
        self.bytes(len)
    }

    pub fn bool(&mut self) -> Result<bool, HistoryError> {
        match self.u64()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.corrupt(format!("yes or no is {other}, expected 0 or 1"))),
        }
    }

    /// A number that is counted on from: no counter comes near half of its range.
    pub fn counter(&mut self) -> Result<u64, HistoryError> {
        let value = self.u64()?;
        if value > u64::MAX / 2 {
            Err(self.corrupt(format!("a counter is {value}, expected at most 2^63")))
        } else {
            Ok(value)
        }
    }

    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, HistoryError>,
    ) -> Result<Option<T>, HistoryError> {
        match self.u64()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            other => Err(self.corrupt(format!("an option is {other}, expected 0 or 1"))),
        }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Fails unless everything was read.
    pub fn end(self) -> Result<(), HistoryError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.corrupt(format!("{} bytes too many", self.rest.len()))) }
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], HistoryError> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.corrupt("ends within a field"))?;
        self.rest = rest;
        Ok(bytes)
    }
}
