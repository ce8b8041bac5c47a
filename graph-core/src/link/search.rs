//! The nearest hopset around a terminal: Dijkstra's algorithm, bounded in radius, nodes and degree.

use crate::graph::{Graph, NodeState};
use crate::history::{Direction, HistoryError};
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{EventNs, NodeKey, Operation};
use tracewell_parameters::LinkParameters;

/// A way from a terminal to another hopset.
pub(super) struct Path {
    pub(super) hopset: u64,
    /// The nodes between the terminal and the first member of the other hopset, both left out.
    pub(super) between: Vec<NodeKey>,
}

/// The cheapest way from `start` to a process of another hopset than `own`, if one lies within the radius.
///
/// Looks at no more than `visited_max` nodes and `degree_max` latest edges of each in each direction. Equal costs are
/// decided by key, so that the answer depends on the graph alone.
pub(super) fn nearest(
    graph: &mut Graph,
    parameters: &LinkParameters,
    start: NodeKey,
    own: u64,
    now: EventNs,
) -> Result<Option<Path>, HistoryError> {
    let mut open = BTreeSet::from([(0u32, start)]);
    let mut best = BTreeMap::from([(start, (0u32, start))]);
    let mut n_visited = 0;
    while let Some((cost, node)) = open.pop_first() {
        if best[&node].0 < cost {
            continue;
        }
        n_visited += 1;
        if n_visited > parameters.visited_max {
            return Ok(None);
        }
        if node != start {
            let Some(state) = graph.state(node)? else { continue };
            let hopset = state.role.process().map_or(0, |process| process.hopset);
            if hopset != 0 && hopset != own {
                return Ok(Some(Path { hopset, between: way_back(&best, start, node) }));
            }
        }
        for next in neighbours(graph, parameters, node, now)? {
            let Some(state) = graph.state(next)? else { continue };
            let reached = cost + parameters.step_cost_millibits + hub_cost(&state);
            if reached <= parameters.radius_millibits && best.get(&next).is_none_or(|known| reached < known.0) {
                best.insert(next, (reached, node));
                open.insert((reached, next));
            }
        }
    }
    Ok(None)
}

/// Parent, children, files and sockets, each once.
fn neighbours(
    graph: &mut Graph,
    parameters: &LinkParameters,
    node: NodeKey,
    now: EventNs,
) -> Result<BTreeSet<NodeKey>, HistoryError> {
    let limit = parameters.degree_max as usize;
    let mut found = BTreeSet::new();
    if let Some(state) = graph.state(node)? {
        found.extend(state.role.process().and_then(|process| process.parent));
    }
    for direction in [Direction::In, Direction::Out] {
        for edge in graph.edges(node, direction, now, limit)? {
            // What a loader maps says nothing of who belongs to whom.
            if edge.op != Operation::MapExecutable {
                found.insert(if direction == Direction::In { edge.from } else { edge.to });
            }
        }
    }
    found.remove(&node);
    Ok(found)
}

/// log2(1 + degree) in thousandths of a bit: a process counts its children, everything else its edges.
fn hub_cost(state: &NodeState) -> u32 {
    let degree = match state.role.process() {
        Some(process) => process.n_children,
        None => state.n_in.saturating_add(state.n_out),
    };
    let degree = u64::from(degree) + 1;
    // Integer part by the highest bit, the rest by linear interpolation: within 0.09 bits and the same everywhere.
    let whole = degree.ilog2();
    let fraction = ((degree << 10 >> whole) - 1024) * 1000 / 1024;
    whole * 1000 + u32::try_from(fraction).expect("below 1000")
}

fn way_back(best: &BTreeMap<NodeKey, (u32, NodeKey)>, start: NodeKey, end: NodeKey) -> Vec<NodeKey> {
    let mut between = Vec::new();
    let mut node = best[&end].1;
    while node != start {
        between.push(node);
        node = best[&node].1;
    }
    between
}
