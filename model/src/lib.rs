//! The words of Tracewell: what an event is, who its subject and object are, and what an alert graph holds.
//!
//! Everything here is plain data with no I/O, no clock and no serialisation. Readers and the sensor make [`Record`]s;
//! `graph-core` turns them into a graph and emits [`AlertUpdate`]s; the aggregator joins those into [`AlertGraph`]s,
//! scores and folds them. Wire, disk and JSON forms live with the crates that speak them.

mod alert_graph;
mod event;
mod far_end;
mod finding;
mod identity;
mod mode;
mod operation;
mod reason;
mod units;

pub use alert_graph::{AlertEdge, AlertGraph, AlertId, AlertNode, AlertUpdate, EdgeKey, Loss, NodeAttrs, NodeRole};
pub use event::{
    CheckpointRecord, Detail, Event, EventFlags, FindingRecord, HistoryRecord, HostRecord, LossCause, LossRecord,
    Object, ProcessRecord, Record,
};
pub use far_end::FarEnd;
pub use finding::{Finding, FindingSeverity};
pub use identity::{FileKind, FileRef, HostId, Inode, NodeKey, NodeKind, ProcessRef, Protocol, SocketRef, Uuid};
pub use mode::Mode;
pub use operation::{OpClass, Operation};
pub use reason::Reason;
pub use units::{EventNs, Millibits};

/// A shared, immutable string. Cloning costs one atomic increment.
pub type Str = std::sync::Arc<str>;
