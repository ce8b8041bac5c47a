//! Rows that were put and not written yet.
//!
//! They are gathered because edges that leave the hot window together share their nodes: as one row for each node they
//! cost RocksDB a fraction of what they cost one by one. All of them can be read from here, so that reading does not cut the
//! batches short.

use crate::edges;
use crate::key::{Bucket, Minute};
use hashbrown::HashMap;
use std::cmp::Reverse;
use tracewell_graph_core::history::{Direction, EdgeRow};
use tracewell_model::{EventNs, NodeKey, Operation};

pub(crate) type Head = (NodeKey, NodeKey, Operation);

#[derive(Default)]
pub(crate) struct Pending {
    /// In the order in which they were put. Of two with one `seq` the later counts.
    edges: Vec<EdgeRow>,
    /// Positions in `edges`.
    heads: HashMap<Head, usize>,
    by_node: ByNode,
    nodes: HashMap<NodeKey, Row>,
    row_bytes: usize,
}

/// The edges of each node, as far as anybody asked since the last batch: who only writes pays nothing for it.
#[derive(Default)]
struct ByNode {
    /// The position of the edge that was put last.
    latest: HashMap<NodeKey, usize>,
    /// Of each edge, the one before it at its source and at its target.
    before: Vec<[Option<usize>; 2]>,
}

pub(crate) struct Row {
    pub bucket: Bucket,
    pub bytes: Vec<u8>,
}

/// What a row costs beside its bytes.
const ROW_BYTES: usize = 64;

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty() && self.nodes.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.edges.len() * size_of::<EdgeRow>() + self.row_bytes
    }

    pub fn put_edge(&mut self, edge: &EdgeRow, may_repeat: bool) {
        if may_repeat {
            self.heads.insert((edge.from, edge.to, edge.op), self.edges.len());
            self.row_bytes += ROW_BYTES;
        }
        self.edges.push(*edge);
    }

    pub fn put_node(&mut self, key: NodeKey, time: EventNs, row: &[u8]) {
        self.row_bytes += ROW_BYTES + row.len();
        self.nodes.insert(key, Row::new(time, row));
    }

    pub fn head(&self, head: Head) -> Option<EdgeRow> {
        self.heads.get(&head).map(|&at| self.edges[at])
    }

    /// The edges of a node, what was put last first.
    pub fn edges_of(&mut self, node: NodeKey) -> impl Iterator<Item = &EdgeRow> {
        self.by_node.take_up(&self.edges);
        let (by_node, edges) = (&self.by_node, &self.edges);
        let before = move |&at: &usize| by_node.before[at][usize::from(edges[at].from != node)];
        std::iter::successors(by_node.latest.get(&node).copied(), before).map(|at| &edges[at])
    }

    pub fn node(&self, key: NodeKey) -> Option<&[u8]> {
        self.nodes.get(&key).map(|row| &*row.bytes)
    }

    /// Hands out the rows of edges, by node and minute.
    pub fn each_edges(&self, mut each: impl FnMut(NodeKey, Minute, &[u8])) {
        let ends = self.edges.iter().enumerate().flat_map(|(at, edge)| {
            let minute = Minute::of(edge.first);
            // Latest first, also of two entries of one edge.
            let order = Reverse((edge.order(), at));
            [(edge.from, minute, order, Direction::Out), (edge.to, minute, order, Direction::In)]
        });
        let mut ends: Vec<_> = ends.collect();
        ends.sort_unstable();
        let mut row = Vec::new();
        for together in ends.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (node, minute, ..) = together[0];
            row.clear();
            for &(.., Reverse((_, at)), direction) in together {
                edges::write(&self.edges[at], direction, minute, &mut row);
            }
            each(node, minute, &row);
        }
    }

    /// The rest, each in the order of its keys.
    pub fn heads(&self) -> Vec<(Head, &EdgeRow)> {
        sorted(self.heads.iter().map(|(&head, &at)| (head, &self.edges[at])))
    }

    pub fn nodes(&self) -> Vec<(NodeKey, &Row)> {
        sorted(self.nodes.iter().map(|(&key, row)| (key, row)))
    }

    pub fn clear(&mut self) {
        self.edges.clear();
        self.heads.clear();
        self.by_node.latest.clear();
        self.by_node.before.clear();
        self.nodes.clear();
        self.row_bytes = 0;
    }
}

impl ByNode {
    fn take_up(&mut self, edges: &[EdgeRow]) {
        for (at, edge) in edges.iter().enumerate().skip(self.before.len()) {
            let source = self.latest.insert(edge.from, at);
            // An edge has two ends.
            let target = self.latest.insert(edge.to, at);
            self.before.push([source, target]);
        }
    }
}

impl Row {
    fn new(time: EventNs, bytes: &[u8]) -> Self {
        Self { bucket: Bucket::of(time), bytes: bytes.to_vec() }
    }
}

fn sorted<K: Ord + Copy, V>(rows: impl Iterator<Item = (K, V)>) -> Vec<(K, V)> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable_by_key(|&(key, _)| key);
    rows
}
