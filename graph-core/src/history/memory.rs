use super::{Direction, EdgeRow, History, HistoryError};
use std::collections::BTreeMap;
use tracewell_model::{EventNs, NodeKey, Operation};

/// A history in memory, unbounded but for its retention: for tests and short replays.
#[derive(Debug, Default)]
pub struct MemoryHistory {
    nodes: BTreeMap<NodeKey, (EventNs, Vec<u8>)>,
    edges: BTreeMap<u64, EdgeRow>,
    by_end: BTreeMap<(NodeKey, Direction, EventNs, u64), ()>,
    heads: BTreeMap<(NodeKey, NodeKey, Operation), u64>,
    blobs: BTreeMap<u64, (EventNs, Vec<u8>)>,
}

impl MemoryHistory {
    pub fn new() -> Self {
        Self::default()
    }
}

impl History for MemoryHistory {
    fn put_node(&mut self, key: NodeKey, time: EventNs, row: &[u8]) -> Result<(), HistoryError> {
        self.nodes.insert(key, (time, row.to_vec()));
        Ok(())
    }

    fn node(&mut self, key: NodeKey) -> Result<Option<Vec<u8>>, HistoryError> {
        Ok(self.nodes.get(&key).map(|(_, row)| row.clone()))
    }

    fn put_edge(&mut self, edge: &EdgeRow, may_repeat: bool) -> Result<(), HistoryError> {
        self.edges.insert(edge.seq, *edge);
        self.by_end.insert((edge.from, Direction::Out, edge.first, edge.seq), ());
        self.by_end.insert((edge.to, Direction::In, edge.first, edge.seq), ());
        if may_repeat {
            self.heads.insert((edge.from, edge.to, edge.op), edge.seq);
        }
        Ok(())
    }

    fn head(&mut self, from: NodeKey, to: NodeKey, op: Operation) -> Result<Option<EdgeRow>, HistoryError> {
        Ok(self.heads.get(&(from, to, op)).and_then(|seq| self.edges.get(seq)).copied())
    }

    fn edges(
        &mut self,
        node: NodeKey,
        direction: Direction,
        until: EventNs,
        limit: usize,
    ) -> Result<Vec<EdgeRow>, HistoryError> {
        let range = (node, direction, EventNs::ZERO, 0)..=(node, direction, until, u64::MAX);
        let found = self.by_end.range(range).rev().take(limit);
        Ok(found.filter_map(|((.., seq), ())| self.edges.get(seq)).copied().collect())
    }

    fn put_blob(&mut self, id: u64, time: EventNs, row: &[u8]) -> Result<(), HistoryError> {
        self.blobs.insert(id, (time, row.to_vec()));
        Ok(())
    }

    fn blob(&mut self, id: u64) -> Result<Option<Vec<u8>>, HistoryError> {
        Ok(self.blobs.get(&id).map(|(_, row)| row.clone()))
    }

    fn hand_over(&mut self) -> Result<(), HistoryError> {
        Ok(())
    }

    fn expire(&mut self, time: EventNs) -> Result<(), HistoryError> {
        self.nodes.retain(|_, (at, _)| *at >= time);
        self.blobs.retain(|_, (at, _)| *at >= time);
        let edges = &mut self.edges;
        self.by_end.retain(|&(.., first, seq), ()| {
            let keep = first >= time;
            if !keep {
                edges.remove(&seq);
            }
            keep
        });
        self.heads.retain(|_, seq| edges.contains_key(seq));
        Ok(())
    }
}
