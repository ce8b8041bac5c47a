//! Answers about nodes and edges, the same whether they are hot or spilled.

use super::state::row;
use super::{EdgeIdx, Graph, NodeIdx, NodeState};
use crate::history::{Direction, EdgeRow, HistoryError};
use crate::neighbourhood::OperationSet;
use std::borrow::Cow;
use std::cmp::Reverse;
use tracewell_model::{EventNs, NodeKey, Operation};

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

    /// What [`Self::state`] says of a node, if it is hot; `None` says nothing.
    pub fn at_hand(&self, key: NodeKey) -> Option<&NodeState> {
        let state = self.arena.find(key).map(|node| &self.arena.node(node).state);
        state.filter(|state| !state.is_collapsed())
    }

    /// Whether [`Self::state`] knows a node.
    fn is_known(&mut self, key: NodeKey) -> Result<bool, HistoryError> {
        match self.arena.find(key) {
            Some(node) => Ok(!self.arena.node(node).state.is_collapsed()),
            None if self.spilled.may_contain(key) => match self.history.node(key)? {
                Some(row) => Ok(!row::is_collapsed(&row)?),
                None => Ok(false),
            },
            None => Ok(false),
        }
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

    /// The edge that an operation between two hot nodes last made or repeated, while it is hot.
    pub(crate) fn standing_edge(&self, from: NodeKey, to: NodeKey, op: Operation) -> Option<EdgeRow> {
        let (from, to) = (self.arena.find(from)?, self.arena.find(to)?);
        self.arena.head(from, to, op).map(|edge| self.arena.row(edge))
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
        Ok(self.edges_by(key, direction, until, limit, OperationSet::ALL)?.0)
    }

    /// Those of [`Self::edges`] that are of some operations, and whether there are any at all.
    ///
    /// # Errors
    /// When the history fails.
    pub(crate) fn edges_by(
        &mut self,
        key: NodeKey,
        direction: Direction,
        until: EventNs,
        limit: usize,
        operations: OperationSet,
    ) -> Result<(Vec<EdgeRow>, bool), HistoryError> {
        let Some(state) = self.state(key)? else { return Ok((Vec::new(), false)) };
        let is_spilled = match direction {
            Direction::In => state.spilled_in,
            Direction::Out => state.spilled_out,
        };
        let n_examined = limit.saturating_mul(EXAMINED);
        let spilled = if is_spilled { self.history.edges(key, direction, until, n_examined)? } else { Vec::new() };
        let mut hot = self.hot_edges(key, direction, until, n_examined).into_iter().peekable();
        let mut spilled = spilled.into_iter().peekable();
        let (mut wanted, mut n_visible) = (Vec::new(), 0);
        // Both come latest first. A hot edge may have an older row of itself in the history: the hot one is the truth.
        for _ in 0..n_examined {
            let (order, in_history) = (hot.peek().map(|(order, _)| order.0), spilled.peek().map(EdgeRow::order));
            let stored = if in_history >= order { spilled.next() } else { None };
            let (is_visible, row) = match (hot.next_if(|_| order >= in_history), stored) {
                (Some((_, edge)), _) => {
                    let is_wanted = operations.contains(self.arena.edge(edge).op);
                    (!self.ends_collapsed(edge, direction), is_wanted.then(|| self.arena.row(edge)))
                }
                (None, Some(row)) => {
                    (self.is_known(row.other_end(direction))?, operations.contains(row.op).then_some(row))
                }
                (None, None) => break,
            };
            if is_visible {
                n_visible += 1;
                wanted.extend(row);
            }
            if n_visible == limit {
                break;
            }
        }
        Ok((wanted, n_visible > 0))
    }

    /// Hot edges of a node that began at or before `until`, latest first, at most `limit`.
    fn hot_edges(
        &self,
        key: NodeKey,
        direction: Direction,
        until: EventNs,
        limit: usize,
    ) -> Vec<(Reverse<(EventNs, u64)>, EdgeIdx)> {
        let Some(node) = self.arena.find(key) else { return Vec::new() };
        let hot = self.arena.edges(node, direction).map(|edge| (Reverse(self.arena.order(edge)), edge));
        let mut hot: Vec<_> = hot.filter(|(Reverse((first, _)), _)| *first <= until).collect();
        if hot.len() > limit {
            hot.select_nth_unstable_by_key(limit, |(order, _)| *order);
            hot.truncate(limit);
        }
        hot.sort_unstable_by_key(|(order, _)| *order);
        hot
    }

    /// Whether the other end of a hot edge, which is hot as well, was folded away.
    fn ends_collapsed(&self, edge: EdgeIdx, direction: Direction) -> bool {
        let edge = self.arena.edge(edge);
        let other = if direction == Direction::In { edge.from } else { edge.to };
        self.arena.node(other).state.is_collapsed()
    }
}
