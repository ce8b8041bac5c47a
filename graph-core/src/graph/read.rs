//! Answers about nodes and edges, the same whether they are hot or spilled.

use super::{Graph, NodeIdx, NodeState};
use crate::history::{Direction, EdgeRow, HistoryError};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use tracewell_model::{EventNs, NodeKey};

/// Edges looked at for each that is asked for: most ends of most nodes are there to be seen.
pub const EXAMINED: usize = 4;

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

    /// A node's place in the hot window, read back if it was spilled; `None` for one that is not known.
    ///
    /// # Errors
    /// When the history fails.
    pub fn place(&mut self, key: NodeKey) -> Result<Option<NodeIdx>, HistoryError> {
        match self.arena.find(key) {
            Some(node) => Ok(Some(node)),
            None => self.read_back(key),
        }
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
        if let Some(node) = self.place(key)? {
            self.arena.change(node, |state| {
                if let Some(process) = state.role.process_mut() {
                    change(process);
                }
            });
        }
        Ok(())
    }

    /// Edges of a node that began at or before `until`, latest first, at most `limit`, out of the latest
    /// [`EXAMINED`] × `limit` that there are; none from or to what [`Self::state`] does not know.
    ///
    /// Costs O(hot edges of the node + `limit`), and if some were spilled a range read and a look at each other end. Without
    /// the bound a process that makes one temporary file after the other would cost a look at each of them.
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
        let n_examined = limit.saturating_mul(EXAMINED);
        let spilled = if is_spilled { self.history.edges(key, direction, until, n_examined)? } else { Vec::new() };
        let mut found: BTreeMap<_, _> = spilled.into_iter().map(|row| (row.order(), row)).collect();
        if let Some(node) = self.arena.find(key) {
            // A hot edge may have an older row of itself in the history: the hot one is the truth.
            let hot = self.arena.edges(node, direction).map(|edge| (Reverse(self.arena.order(edge)), edge));
            let mut hot: Vec<_> = hot.filter(|(Reverse((first, _)), _)| *first <= until).collect();
            // Of a place where much happens only the latest are made rows of.
            if hot.len() > n_examined {
                hot.select_nth_unstable_by_key(n_examined, |(order, _)| *order);
                hot.truncate(n_examined);
            }
            found.extend(hot.into_iter().map(|(Reverse(order), edge)| (order, self.arena.row(edge))));
        }
        let mut visible = Vec::new();
        for row in found.into_values().rev().take(n_examined) {
            if self.state(row.other_end(direction))?.is_some() {
                visible.push(row);
                if visible.len() == limit {
                    break;
                }
            }
        }
        Ok(visible)
    }
}
