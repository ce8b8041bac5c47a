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
        Ok(state.filter(|state| !state.role.file().is_some_and(|file| file.collapsed)))
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

    /// Edges of a node that began at or before `until`, latest first, at most `limit`.
    ///
    /// Costs O(hot edges of the node + `limit`), and one range read if some were spilled.
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
        let mut found = BTreeMap::new();
        let mut is_spilled = self.spilled.may_contain(key);
        if let Some(node) = self.arena.find(key) {
            let hot = self.arena.edges(node, direction).map(|edge| self.arena.row(edge));
            found.extend(hot.filter(|row| row.first <= until).map(|row| (row.order(), row)));
            let state = &self.arena.node(node).state;
            is_spilled = match direction {
                Direction::In => state.spilled_in,
                Direction::Out => state.spilled_out,
            };
        }
        if is_spilled {
            // A hot edge may have an older row of itself in the history: the hot one is the truth.
            for row in self.history.edges(key, direction, until, limit + found.len())? {
                found.entry(row.order()).or_insert(row);
            }
        }
        Ok(found.into_values().rev().take(limit).collect())
    }
}
