//! A history that outlives the pipeline that writes to it, as one on disk does.

use std::cell::RefCell;
use std::rc::Rc;
use tracewell_graph_core::history::{Direction, EdgeRow, History, HistoryError, MemoryHistory};
use tracewell_model::{EventNs, NodeKey, Operation};

#[derive(Clone, Default)]
pub struct SharedHistory(Rc<RefCell<MemoryHistory>>);

impl History for SharedHistory {
    fn put_node(&mut self, key: NodeKey, time: EventNs, row: &[u8]) -> Result<(), HistoryError> {
        self.0.borrow_mut().put_node(key, time, row)
    }

    fn node(&mut self, key: NodeKey) -> Result<Option<Vec<u8>>, HistoryError> {
        self.0.borrow_mut().node(key)
    }

    fn put_edge(&mut self, edge: &EdgeRow, may_repeat: bool) -> Result<(), HistoryError> {
        self.0.borrow_mut().put_edge(edge, may_repeat)
    }

    fn head(&mut self, from: NodeKey, to: NodeKey, op: Operation) -> Result<Option<EdgeRow>, HistoryError> {
        self.0.borrow_mut().head(from, to, op)
    }

    fn edges(
        &mut self,
        node: NodeKey,
        direction: Direction,
        until: EventNs,
        limit: usize,
    ) -> Result<Vec<EdgeRow>, HistoryError> {
        self.0.borrow_mut().edges(node, direction, until, limit)
    }

    fn put_blob(&mut self, id: u64, time: EventNs, row: &[u8]) -> Result<(), HistoryError> {
        self.0.borrow_mut().put_blob(id, time, row)
    }

    fn blob(&mut self, id: u64) -> Result<Option<Vec<u8>>, HistoryError> {
        self.0.borrow_mut().blob(id)
    }

    fn hand_over(&mut self) -> Result<(), HistoryError> {
        self.0.borrow_mut().hand_over()
    }

    fn expire(&mut self, time: EventNs) -> Result<(), HistoryError> {
        self.0.borrow_mut().expire(time)
    }
}
