use crate::{
    EventNs, FileKind, HostId, Millibits, NodeKey, NodeKind, Operation, ProcessRef, Protocol, Reason, Str, Uuid,
};
use petgraph::graph::DiGraph;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

/// The identity of an alert graph over all its revisions: a hash of its host and its first terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(pub u64);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A small connected subgraph over terminals, as it leaves the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertGraph {
    pub id: AlertId,
    pub host: HostId,
    /// 1 for the first emission, one more for each that followed.
    pub revision: u32,
    pub first: EventNs,
    pub last: EventNs,
    /// Joint surprise of the terminals, each reason counted once.
    pub surprise: Millibits,
    pub nodes: BTreeMap<NodeKey, AlertNode>,
    pub edges: BTreeMap<EdgeKey, AlertEdge>,
    /// Nodes that belonged here but were left out for size.
    pub n_omitted: u32,
    pub loss: Loss,
}

/// What is new in an alert graph: all of it when `extends` is 0, else what changed since that revision.
///
/// Nodes and edges of an update replace those of the same key; nothing is ever taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertUpdate {
    pub extends: u32,
    pub graph: AlertGraph,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlertNode {
    pub attrs: NodeAttrs,
    /// The label with everything masked that varies between occurrences; what folding compares.
    pub general: Str,
    pub role: NodeRole,
    pub surprise: Millibits,
    /// Why the node is here; at least one, strongest first.
    pub reasons: Vec<Reason>,
    pub first: EventNs,
    pub last: EventNs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeRole {
    /// A process whose surprise stands out.
    Terminal,
    /// On a path between terminals.
    Connector,
    /// Shown because a terminal touched it.
    Context,
}

/// What a node is, in the source's own words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeAttrs {
    Process {
        process: ProcessRef,
        exe: Option<Str>,
        cmdline: Option<Str>,
        uid: Option<u32>,
        container: Option<Str>,
        /// Chosen variables of the environment with which it was executed, as in [`Detail::Exec`](crate::Detail::Exec).
        environment: Option<Str>,
    },
    File {
        uuid: Option<Uuid>,
        path: Option<Str>,
        kind: FileKind,
    },
    Socket {
        uuid: Option<Uuid>,
        protocol: Protocol,
        local: Option<SocketAddr>,
        remote: Option<SocketAddr>,
        path: Option<Str>,
    },
}

impl NodeAttrs {
    pub fn kind(&self) -> NodeKind {
        match self {
            Self::Process { .. } => NodeKind::Process,
            Self::File { .. } => NodeKind::File,
            Self::Socket { .. } => NodeKind::Socket,
        }
    }
}

/// Edges are told apart by their ends, in the direction of information flow, and their operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeKey {
    pub from: NodeKey,
    pub to: NodeKey,
    pub op: Operation,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlertEdge {
    pub count: u64,
    pub amount_bytes: u64,
    pub first: EventNs,
    pub last: EventNs,
    pub surprise: Millibits,
    /// Why the edge is here; at least one.
    pub reasons: Vec<Reason>,
    /// Seen incompletely: some event under this edge was truncated, repaired, clamped or came after a loss.
    pub incomplete: bool,
}

/// Losses near an alert graph's time span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    pub n_events: u64,
    pub n_gaps: u32,
}

impl AlertGraph {
    /// The graph as petgraph's algorithms want it, in key order. O(nodes + edges).
    pub fn to_petgraph(&self) -> DiGraph<NodeKey, EdgeKey> {
        let mut graph = DiGraph::with_capacity(self.nodes.len(), self.edges.len());
        let index: BTreeMap<_, _> = self.nodes.keys().map(|&key| (key, graph.add_node(key))).collect();
        for key in self.edges.keys() {
            if let (Some(&from), Some(&to)) = (index.get(&key.from), index.get(&key.to)) {
                graph.add_edge(from, to, *key);
            }
        }
        graph
    }

    /// The same alert as a host found it anew that had lost what it knew of it: what this graph has, and what the host said of it
    /// `before` where it says nothing now.
    #[must_use]
    pub fn with_what_was_known(mut self, before: Self) -> Self {
        before.nodes.into_iter().for_each(|(key, node)| _ = self.nodes.entry(key).or_insert(node));
        before.edges.into_iter().for_each(|(key, edge)| _ = self.edges.entry(key).or_insert(edge));
        (self.first, self.last) = (self.first.min(before.first), self.last.max(before.last));
        self.surprise = self.surprise.max(before.surprise);
        self.n_omitted = self.n_omitted.max(before.n_omitted);
        self.loss.n_events = self.loss.n_events.max(before.loss.n_events);
        self.loss.n_gaps = self.loss.n_gaps.max(before.loss.n_gaps);
        self
    }

    /// Joins an update into this graph.
    ///
    /// # Errors
    /// When the update is of another alert or extends a revision that this graph has not reached; the graph is then
    /// unchanged and the sender must be asked for the whole.
    pub fn apply(&mut self, update: AlertUpdate) -> Result<(), String> {
        let AlertUpdate { extends, graph } = update;
        if graph.id != self.id || graph.host != self.host {
            return Err(format!("update of alert {} offered to alert {}", graph.id, self.id));
        }
        if extends > self.revision {
            return Err(format!("update extends revision {extends}, only {} is known", self.revision));
        }
        if graph.revision <= self.revision {
            return Ok(());
        }
        let (mut nodes, mut edges) = if extends == 0 {
            Default::default()
        } else {
            (std::mem::take(&mut self.nodes), std::mem::take(&mut self.edges))
        };
        nodes.extend(graph.nodes);
        edges.extend(graph.edges);
        // What a host has forgotten began no later for it.
        let first = if extends == 0 { graph.first } else { graph.first.min(self.first) };
        *self = Self { nodes, edges, first, ..graph };
        Ok(())
    }
}
