//! What is read of a history from before a moment, so that a recording that begins there can be replayed without it.
//!
//! A read that is answered by rows from before is noted; a replay puts those rows into its own, empty history before it takes
//! the record that led to the read. Its history then holds a part of the live one, and all that the live one answered: so
//! it gives the same answers.

use super::{Direction, EdgeRow, History, HistoryError, RowReader, RowWriter};
use crate::graph::NodeState;
use crate::graph::row::read_op;
use crate::link::Hopset;
use std::cell::RefCell;
use std::rc::Rc;
use tracewell_model::{EventNs, NodeKey, Operation};

/// A history that notes what is read of it.
pub struct Witness<H> {
    history: H,
    noted: Noted,
}

/// What a [`Witness`] noted since it was last asked.
#[derive(Clone, Default)]
pub struct Noted(Rc<RefCell<Notes>>);

#[derive(Default)]
struct Notes {
    /// The number of the first edge that is not from before; `None` while nothing is noted.
    begins: Option<u64>,
    /// Rows in pieces of about [`PIECE_BYTES`].
    pieces: Vec<Vec<u8>>,
}

/// Far below what a record may hold, by more than the longest row.
const PIECE_BYTES: usize = 1 << 18;

const NODE: u64 = 0;
const EDGE: u64 = 1;
const BLOB: u64 = 2;

impl<H: History> Witness<H> {
    /// Notes nothing until it is told to [begin](Noted::begin).
    pub fn over(history: H) -> (Self, Noted) {
        let noted = Noted::default();
        (Self { history, noted: noted.clone() }, noted)
    }
}

impl Noted {
    /// Notes from now on; edges only those with a number below `next_seq`.
    pub fn begin(&self, next_seq: u64) {
        self.0.borrow_mut().begins = Some(next_seq);
    }

    /// Notes nothing any more, and forgets what was not taken.
    pub fn end(&self) {
        *self.0.borrow_mut() = Notes::default();
    }

    /// What was noted since the last time, in pieces for [`take_up`]. Mostly empty.
    pub fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.0.borrow_mut().pieces)
    }

    fn note(&self, write: impl FnOnce(&mut RowWriter<'_>)) {
        let mut notes = self.0.borrow_mut();
        if notes.begins.is_none() {
            return;
        }
        if notes.pieces.last().is_none_or(|piece| piece.len() > PIECE_BYTES) {
            notes.pieces.push(Vec::new());
        }
        let piece = notes.pieces.last_mut().expect("one was just made");
        write(&mut RowWriter::new(piece));
    }

    fn note_edge(&self, edge: &EdgeRow, may_repeat: bool) {
        if self.0.borrow().begins.is_none_or(|begins| edge.seq >= begins) {
            return;
        }
        self.note(|row| {
            row.u64(EDGE);
            row.u128(edge.from.0);
            row.u128(edge.to.0);
            row.u64(edge.op as u64);
            row.u64(edge.first.0);
            row.u64(edge.seq);
            row.bool(may_repeat);
            edge.write_value(row);
        });
    }
}

/// Puts rows that a [`Witness`] noted into a history.
///
/// # Errors
/// When they are not such rows, or the history fails.
pub fn take_up(history: &mut dyn History, piece: &[u8]) -> Result<(), HistoryError> {
    let mut rows = RowReader::new("what was read of a history", piece);
    while !rows.rest().is_empty() {
        match rows.u64()? {
            NODE => {
                let (key, row) = (NodeKey(rows.u128()?), rows.blob()?);
                history.put_node(key, NodeState::decode(row)?.last, row)?;
            }
            EDGE => {
                let (from, to) = (NodeKey(rows.u128()?), NodeKey(rows.u128()?));
                let (op, first, seq) = (read_op(&mut rows)?, EventNs(rows.u64()?), rows.u64()?);
                let may_repeat = rows.bool()?;
                let edge = EdgeRow::read_value((from, to, op), (first, seq), &mut rows)?;
                history.put_edge(&edge, may_repeat)?;
            }
            BLOB => {
                let (id, row) = (rows.u64()?, rows.blob()?);
                history.put_blob(id, Hopset::decode(row)?.last, row)?;
            }
            other => return Err(rows.corrupt(format!("a row of kind {other}, expected 0 to 2"))),
        }
    }
    Ok(())
}

impl<H: History> History for Witness<H> {
    fn put_node(&mut self, key: NodeKey, time: EventNs, row: &[u8]) -> Result<(), HistoryError> {
        self.history.put_node(key, time, row)
    }

    fn node(&mut self, key: NodeKey) -> Result<Option<Vec<u8>>, HistoryError> {
        let found = self.history.node(key)?;
        if let Some(node) = &found {
            self.noted.note(|row| {
                row.u64(NODE);
                row.u128(key.0);
                row.blob(node);
            });
        }
        Ok(found)
    }

    fn put_edge(&mut self, edge: &EdgeRow, may_repeat: bool) -> Result<(), HistoryError> {
        self.history.put_edge(edge, may_repeat)
    }

    fn head(&mut self, from: NodeKey, to: NodeKey, op: Operation) -> Result<Option<EdgeRow>, HistoryError> {
        let found = self.history.head(from, to, op)?;
        found.iter().for_each(|edge| self.noted.note_edge(edge, true));
        Ok(found)
    }

    fn edges(
        &mut self,
        node: NodeKey,
        direction: Direction,
        until: EventNs,
        limit: usize,
    ) -> Result<Vec<EdgeRow>, HistoryError> {
        let found = self.history.edges(node, direction, until, limit)?;
        found.iter().for_each(|edge| self.noted.note_edge(edge, false));
        Ok(found)
    }

    fn put_blob(&mut self, id: u64, time: EventNs, row: &[u8]) -> Result<(), HistoryError> {
        self.history.put_blob(id, time, row)
    }

    fn blob(&mut self, id: u64) -> Result<Option<Vec<u8>>, HistoryError> {
        let found = self.history.blob(id)?;
        if let Some(blob) = &found {
            self.noted.note(|row| {
                row.u64(BLOB);
                row.u64(id);
                row.blob(blob);
            });
        }
        Ok(found)
    }

    fn hand_over(&mut self) -> Result<(), HistoryError> {
        self.history.hand_over()
    }

    fn expire(&mut self, time: EventNs) -> Result<(), HistoryError> {
        self.history.expire(time)
    }
}
