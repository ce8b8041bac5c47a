//! Answers about nodes and edges, the same whether they are hot or spilled.

use super::{Graph, NodeState};
use crate::history::{Direction, EdgeRow, HistoryError};
use std::borrow::Cow;
use std::collections::BTreeMap;
use tracewell_model::{EventNs, NodeKey};

impl Graph {
    /// What is known of a node; `None` for one never seen, forgotten, or folded away.
    ///
    /// # Errors
    /// When the history fails.
    pub fn state(&mut self, key: NodeKey) -> Result<Option<Cow<'_, NodeState>>, HistoryError> {
        let state = match self.arena.find(key) {
            Some(node) => Some(Cow::Borrowed(&self.arena.node(node).state)),
            None if self.spilled.may_contain(key) => match self.history.node(key)? {
                Some(row) => Some(Cow::Owned(NodeState::decode(&row)?)),
                None => None,
            },
            None => None,
        };
        Ok(state.filter(|state| !state.is_collapsed()))
    }

    /// Changes the process state of a node wherever it is; nothing happens to one that is not a known process.
    ///
    /// # Errors
    /// When the history fails.
    pub fn change_process(
        &mut self,
        key: NodeKey,
        change: impl FnOnce(&mut super::ProcessState),
    ) -> Result<(), HistoryError> {
        let node = match self.arena.find(key) {
            Some(node) => Some(node),
            None => self.read_back(key)?,
        };
        if let Some(node) = node {
            self.arena.change(node, |state| {
                if let Some(process) = state.role.process_mut() {
                    change(process);
                }
            });
        }
        Ok(())
    }

    /// Edges of a node that began at or before `until`, latest first, at most `limit`; none from or to what
    /// [`Self::state`] does not know.
    ///
    /// Costs O(hot edges of the node + `limit`), and if some were spilled a range read and a look at each other end.
    ///
    /// # Errors
    /// When the history fails.
    pub fn edges(
        &mut self,
        key: NodeKey,
        direction: Direction,
        until: EventNs,
        limit: usize,
    ) -> Result<Vec<EdgeRow>, HistoryError> {
        let Some(state) = self.state(key)? else { return Ok(Vec::new()) };
        let is_spilled = match direction {
            Direction::In => state.spilled_in,
            Direction::Out => state.spilled_out,
        };
        let mut found = BTreeMap::new();
        if let Some(node) = self.arena.find(key) {
            for edge in self.arena.edges(node, direction) {
                let row = self.arena.row(edge);
                if row.first <= until && !self.arena.node(self.arena.other_end(edge, direction)).state.is_collapsed() {
                    found.insert(row.order(), row);
                }
            }
        }
        if is_spilled {
            self.spilled_edges(&mut found, key, direction, until, limit)?;
        }
        Ok(found.into_values().rev().take(limit).collect())
    }

    /// Adds spilled edges to the hot ones in `found`, until `limit` of them are visible or there are no more.
    fn spilled_edges(
        &mut self,
        found: &mut BTreeMap<(EventNs, u64), EdgeRow>,
        key: NodeKey,
        direction: Direction,
        until: EventNs,
        limit: usize,
    ) -> Result<(), HistoryError> {
        let mut n_asked = limit;
        loop {
            let rows = self.history.edges(key, direction, until, n_asked)?;
            let is_all = rows.len() < n_asked;
            let mut n_visible = 0;
            for row in rows {
                // A hot edge may have an older row of itself in the history: the hot one is the truth.
                let is_visible = found.contains_key(&row.order()) || self.state(row.other_end(direction))?.is_some();
                if is_visible {
                    n_visible += 1;
                    found.entry(row.order()).or_insert(row);
                }
            }
            if is_all || n_visible >= limit {
                return Ok(());
            }
            n_asked = n_asked.saturating_mul(2);
        }
    }
}
