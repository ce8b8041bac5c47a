//! Keeping the hot window within its bytes: what goes to the history, and what comes back when it is touched.

use super::{EdgeIdx, Graph, NodeIdx, NodeState};
use crate::history::{Direction, HistoryError};
use tracewell_model::{EventNs, NodeKey, Operation};

impl Graph {
    /// Spills least recently used nodes until the window fits.
    ///
    /// # Errors
    /// When the history refuses a row; nothing that it has not taken leaves the window.
    pub(super) fn make_room(&mut self) -> Result<(), HistoryError> {
        while self.arena.bytes() > self.parameters.window_bytes {
            let Some(node) = self.arena.least_recent() else { break };
            self.spill_node(node)?;
        }
        Ok(())
    }

    /// Keeps the hot edges of two nodes under their limit; the oldest go, but not those that still repeat: they would
    /// only be read back.
    pub(super) fn trim(&mut self, from: NodeIdx, to: NodeIdx) -> Result<(), HistoryError> {
        for (node, direction) in [(from, Direction::Out), (to, Direction::In)] {
            if self.arena.n_edges(node, direction) > self.parameters.node_edges_hot_max {
                let idle = self.arena.idle_edge(node, direction).expect("a list over its limit has an end");
                self.spill_edge(idle)?;
            }
        }
        Ok(())
    }

    /// Forgets what ended before the day that holds `time`, hot or spilled, so that retention, too, does not depend on
    /// what was spilled. Returns whether a day has passed since the last time; costs O(hot nodes and edges) then.
    ///
    /// # Errors
    /// When the history fails.
    pub fn expire(&mut self, time: EventNs) -> Result<bool, HistoryError> {
        let horizon = EventNs(time.0 - time.0 % EventNs::DAY);
        if horizon <= self.horizon {
            return Ok(false);
        }
        self.horizon = horizon;
        self.history.expire(horizon)?;
        for edge in self.arena.edges_before(horizon) {
            self.arena.remove_edge(edge);
        }
        for node in self.arena.nodes_before(horizon) {
            self.arena.remove_node(node);
        }
        Ok(true)
    }

    /// What ended before this moment is forgotten.
    pub fn horizon(&self) -> EventNs {
        self.horizon
    }

    /// Folds away a file that came and went with one process: no trace passes through it, no answer names it.
    ///
    /// Its edges stay where they are, because a removed file may still be open: a later use brings all of it back.
    pub fn collapse(&mut self, node: NodeIdx) {
        if let super::Role::File(file) = &mut self.arena.state_mut(node).role {
            self.counts.collapsed_files += u64::from(!file.collapsed);
            file.collapsed = true;
        }
    }

    fn spill_node(&mut self, node: NodeIdx) -> Result<(), HistoryError> {
        for direction in [Direction::In, Direction::Out] {
            while let Some(edge) = self.arena.oldest_edge(node, direction) {
                self.spill_edge(edge)?;
            }
        }
        let mut row = Vec::with_capacity(128);
        let state = &self.arena.node(node).state;
        state.encode(&mut row);
        self.history.put_node(self.key(node), state.last, &row)?;
        let (key, _) = self.arena.remove_node(node);
        self.spilled.insert(key);
        self.counts.spilled_nodes += 1;
        Ok(())
    }

    fn spill_edge(&mut self, edge: EdgeIdx) -> Result<(), HistoryError> {
        let row = self.arena.row(edge);
        let (from, to) = (self.arena.edge(edge).from, self.arena.edge(edge).to);
        let may_repeat = self.arena.node(from).state.version == row.from_version && !self.has_exited(from, to, row.op);
        self.history.put_edge(&row, may_repeat)?;
        self.arena.remove_edge(edge);
        self.arena.state_mut(from).spilled_out = true;
        self.arena.state_mut(to).spilled_in = true;
        if may_repeat {
            self.arena.note_repeatable(from);
        }
        self.counts.spilled_edges += 1;
        Ok(())
    }

    /// Whether the process that does `op` between these two has ended: nothing it did repeats.
    pub(super) fn has_exited(&self, from: NodeIdx, to: NodeIdx, op: Operation) -> bool {
        let subject = if op.flows_inward() { to } else { from };
        self.arena.node(subject).state.role.process().is_some_and(|process| process.exited)
    }

    /// Makes a spilled node hot again.
    pub(super) fn read_back(&mut self, key: NodeKey) -> Result<Option<NodeIdx>, HistoryError> {
        if !self.spilled.may_contain(key) {
            return Ok(None);
        }
        let Some(row) = self.history.node(key)? else { return Ok(None) };
        let state = NodeState::decode(&row)?;
        self.counts.reloaded += 1;
        Ok(Some(self.arena.add_node(key, state)))
    }

    /// Makes the newest spilled edge of these ends hot again, if it may still be repeated.
    pub(super) fn read_back_head(
        &mut self,
        from: NodeIdx,
        to: NodeIdx,
        op: Operation,
    ) -> Result<Option<EdgeIdx>, HistoryError> {
        let (source, target) = (self.arena.node(from), self.arena.node(to));
        let version = source.state.version;
        if source.spilled_version != Some(version) || !target.state.spilled_in {
            return Ok(None);
        }
        let row = self
            .history
            .head(source.key, target.key, op)?
            .filter(|row| row.from_version == version && row.seq >= self.repeats_from);
        self.counts.reloaded += u64::from(row.is_some());
        Ok(row.map(|row| self.arena.add_edge(from, to, &row)))
    }
}
