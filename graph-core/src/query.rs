//! What an investigator asks of the graph: what led to this, and what came of it.

use crate::graph::Graph;
use crate::history::{Direction, HistoryError};
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{EventNs, NodeKey};

/// Bounds of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceBounds {
    /// Nodes after which the trace stops and says so.
    pub nodes_max: usize,
    /// Latest edges of each node that are followed.
    pub degree_max: usize,
}

/// What a trace reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Each node with the highest version (backward) or lowest version (forward) through which it was reached.
    pub nodes: BTreeMap<NodeKey, u32>,
    /// Whether a bound stopped the trace.
    pub cut: bool,
}

/// Everything that the latest version of `end` depends on.
///
/// Follows versions, so an edge that came later than what it would explain is never followed: from version `v` of a node
/// only edges into versions up to `v` count, and they lead to the version that their source then had.
///
/// # Errors
/// When the history fails.
pub fn backward(graph: &mut Graph, end: NodeKey, bounds: TraceBounds) -> Result<Trace, HistoryError> {
    trace(graph, end, Direction::In, bounds)
}

/// Everything that depends on any version of `start`.
///
/// # Errors
/// When the history fails.
pub fn forward(graph: &mut Graph, start: NodeKey, bounds: TraceBounds) -> Result<Trace, HistoryError> {
    trace(graph, start, Direction::Out, bounds)
}

fn trace(graph: &mut Graph, start: NodeKey, direction: Direction, bounds: TraceBounds) -> Result<Trace, HistoryError> {
    let mut trace = Trace::default();
    let Some(state) = graph.state(start)? else { return Ok(trace) };
    let from = if direction == Direction::In { state.version } else { 0 };
    let mut open = BTreeSet::from([(start, from)]);
    trace.nodes.insert(start, from);
    while let Some((node, version)) = open.pop_first() {
        let edges = graph.edges(node, direction, EventNs::MAX, bounds.degree_max)?;
        trace.cut |= edges.len() == bounds.degree_max;
        for edge in edges {
            let (counts, peer, reached) = match direction {
                Direction::In => (edge.to_version <= version, edge.from, edge.from_version),
                Direction::Out => (edge.from_version >= version, edge.to, edge.to_version),
            };
            let known = trace.nodes.get(&peer).copied();
            let further = known.is_none_or(|known| match direction {
                Direction::In => reached > known,
                Direction::Out => reached < known,
            });
            if !counts || !further || graph.state(peer)?.is_none() {
                continue;
            }
            if known.is_none() && trace.nodes.len() >= bounds.nodes_max {
                trace.cut = true;
                continue;
            }
            trace.nodes.insert(peer, reached);
            open.insert((peer, reached));
        }
    }
    Ok(trace)
}
