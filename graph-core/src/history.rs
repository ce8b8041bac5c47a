//! Where the graph's hot window spills to, and what it can read back.
//!
//! The hot window is a write-back cache over a [`History`]: whatever the graph asks for, it gets the same answer whether
//! the row is still hot or was spilled, so that the moment of spilling never changes a result. A history keeps nodes
//! (latest row wins), edges (in both directions, by time) and small blobs; what lies before the retention may be forgotten.

mod memory;
mod row;
mod witness;

pub use memory::MemoryHistory;
pub use row::{EdgeRow, RowReader, RowWriter};
pub use witness::{Noted, Witness, take_up};

use tracewell_model::{EventNs, NodeKey, Operation};

/// Which edges of a node are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Into the node: what it depends on.
    In,
    /// Out of the node: what depends on it.
    Out,
}

/// A failure of the history's medium. The graph passes it on; its own state stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("history: {0}")]
    Medium(String),
    #[error("history: row of {what} cannot be read: {why}")]
    Corrupt { what: String, why: String },
}

/// Rows that left the hot window. Writes may be buffered; every read sees all writes before it.
pub trait History {
    /// Stores a node's row in the bucket of `time`; an older row of the same node is superseded.
    fn put_node(&mut self, key: NodeKey, time: EventNs, row: &[u8]) -> Result<(), HistoryError>;

    /// The latest row of a node.
    fn node(&mut self, key: NodeKey) -> Result<Option<Vec<u8>>, HistoryError>;

    /// Stores an edge under both of its ends. An edge of the same `seq` is replaced: only `last`, `count`,
    /// `amount_bytes` and `flags` may differ. Only one that `may_repeat` will be asked for by [`head`](Self::head).
    fn put_edge(&mut self, edge: &EdgeRow, may_repeat: bool) -> Result<(), HistoryError>;

    /// The edge from `from` to `to` by `op` that was stored last of those that might repeat then.
    fn head(&mut self, from: NodeKey, to: NodeKey, op: Operation) -> Result<Option<EdgeRow>, HistoryError>;

    /// Edges of `node` that began at or before `until`, latest `(first, seq)` first, at most `limit`.
    fn edges(
        &mut self,
        node: NodeKey,
        direction: Direction,
        until: EventNs,
        limit: usize,
    ) -> Result<Vec<EdgeRow>, HistoryError>;

    /// Stores a small value under a number, replacing the one before (hopsets that left memory).
    fn put_blob(&mut self, id: u64, time: EventNs, row: &[u8]) -> Result<(), HistoryError>;

    fn blob(&mut self, id: u64) -> Result<Option<Vec<u8>>, HistoryError>;

    /// Gives to the medium what was written and is still held back, so that whoever owns the medium can make it durable.
    fn hand_over(&mut self) -> Result<(), HistoryError>;

    /// Forgets what was stored in buckets that end at or before `time`.
    fn expire(&mut self, time: EventNs) -> Result<(), HistoryError>;
}
