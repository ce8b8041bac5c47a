//! The streaming graph: what happened on one host, bounded in memory, exact in what it answers.
//!
//! Events go in ([`insert`](Graph::insert)); nodes and versioned edges come out. Repeated edges merge when no backward or
//! forward trace could tell the difference (Hossain et al., USENIX Security 2018, full dependence preservation; the idea
//! of CPR, Xu et al., CCS 2016): an edge repeats if its source learned nothing since the edge was made. What does not fit
//! the window goes to the [`History`] and is read back from there, so that spilling never changes an answer.

mod arena;
mod checkpoint;
mod filter;
mod insert;
mod keys;
mod read;
mod spill;
mod state;

pub use checkpoint::GraphImage;
pub use insert::Inserted;
pub(crate) use state::row;
pub use state::{FileState, NodeState, ProcessState, RARE_MAX, Rare, Role, SocketState, set_back_ns};

use crate::history::History;
use arena::Arena;
use filter::SpilledFilter;
use keys::Keys;
use tracewell_model::{EventNs, HostId, NodeKey, NodeKind};
use tracewell_parameters::GraphParameters;

/// A node's place in the hot window. Valid until the next [`Graph::insert`] or [`Graph::describe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIdx(pub(crate) u32);

/// An edge's place in the hot window, valid as long as a [`NodeIdx`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeIdx(pub(crate) u32);

/// The provenance graph of one host.
pub struct Graph {
    host: HostId,
    parameters: GraphParameters,
    history: Box<dyn History>,
    spilled: SpilledFilter,
    arena: Arena,
    next_seq: u64,
    /// Spilled edges with a lower number repeat no more; see [`Graph::recover`].
    repeats_from: u64,
    keys: Keys,
    /// What ended before is forgotten.
    horizon: EventNs,
    counts: GraphCounts,
}

/// What went in and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GraphCounts {
    /// Events inserted, each collapsed repetition counted.
    pub events: u64,
    /// Events that failed and left no edge.
    pub failed: u64,
    /// Edges made; the rest merged into one that stood already.
    pub edges: u64,
    pub processes: u64,
    pub files: u64,
    pub sockets: u64,
    pub spilled_nodes: u64,
    pub spilled_edges: u64,
    /// Rows read back because an event touched what had been spilled.
    pub reloaded: u64,
    /// Files that came and went with one process and were folded away with their edges.
    pub collapsed_files: u64,
}

impl GraphCounts {
    /// Nodes ever made, of one kind.
    pub fn nodes(&self, kind: NodeKind) -> u64 {
        match kind {
            NodeKind::Process => self.processes,
            NodeKind::File => self.files,
            NodeKind::Socket => self.sockets,
        }
    }
}

impl Graph {
    pub fn new(host: HostId, parameters: &GraphParameters, history: Box<dyn History>) -> Self {
        Self {
            host,
            parameters: parameters.clone(),
            history,
            spilled: SpilledFilter::new(parameters.spilled_filter_bytes),
            arena: Arena::default(),
            next_seq: 1,
            repeats_from: 0,
            keys: Keys::new(host),
            horizon: EventNs::ZERO,
            counts: GraphCounts::default(),
        }
    }

    pub fn host(&self) -> HostId {
        self.host
    }

    pub fn counts(&self) -> GraphCounts {
        self.counts
    }

    /// Bytes that the hot window answers for: slots, index entries and strings (DESIGN.md: never allocator bytes).
    pub fn accounted_bytes(&self) -> usize {
        self.arena.bytes()
    }

    pub fn key(&self, node: NodeIdx) -> NodeKey {
        self.arena.node(node).key
    }

    /// State of a hot node.
    pub fn hot(&self, node: NodeIdx) -> &NodeState {
        &self.arena.node(node).state
    }

    /// Process state of a hot node that is a process.
    pub fn process_mut(&mut self, node: NodeIdx) -> Option<&mut ProcessState> {
        self.arena.state_mut(node).role.process_mut()
    }

    pub(crate) fn history_mut(&mut self) -> &mut dyn History {
        &mut *self.history
    }
}
