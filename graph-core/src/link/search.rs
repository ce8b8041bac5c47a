//! The nearest hopset around a terminal: Dijkstra's algorithm, bounded in radius, nodes and degree.
//!
//! A way leads through a file or a socket only as information does: from who wrote it to who read it, or back. That two
//! processes read one file that neither wrote, or write one log that neither read, tells nothing of either; no way leads through
//! devices and folders.

use crate::graph::{Graph, NodeState};
use crate::history::{Direction, HistoryError};
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{EventNs, FileKind, NodeAttrs, NodeKey, Operation};
use tracewell_parameters::LinkParameters;

/// A way from a terminal to another hopset.
pub(super) struct Path {
    pub(super) hopset: u64,
    /// The nodes between the terminal and the first member of the other hopset, both left out.
    pub(super) between: Vec<NodeKey>,
}

/// A node and where a way may go on from it: from a process anywhere, from an object only to the other side.
type Place = (NodeKey, Option<Direction>);

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
    let start = (start, None);
    let mut open = BTreeSet::from([(0u32, start)]);
    let mut best = BTreeMap::from([(start, (0u32, start))]);
    let mut n_visited = 0;
    while let Some((cost, place)) = open.pop_first() {
        if best[&place].0 < cost {
            continue;
        }
        n_visited += 1;
        if n_visited > parameters.visited_max {
            return Ok(None);
        }
        if place != start {
            let Some(state) = graph.state(place.0)? else { continue };
            let hopset = state.role.process().map_or(0, |process| process.hopset);
            if hopset != 0 && hopset != own {
                return Ok(Some(Path { hopset, between: way_back(&best, start, place) }));
            }
        }
        for (next, direction) in neighbours(graph, parameters, place, now)? {
            let Some(state) = graph.state(next)?.filter(|state| passes_on(state)) else { continue };
            let next = (next, state.role.process().is_none().then_some(direction));
            let reached = cost + parameters.step_cost_millibits + hub_cost(&state);
            if reached <= parameters.radius_millibits && best.get(&next).is_none_or(|known| reached < known.0) {
                best.insert(next, (reached, place));
                open.insert((reached, next));
            }
        }
    }
    Ok(None)
}

/// Parent, children, files and sockets, each once for each direction that its edges are walked in.
fn neighbours(
    graph: &mut Graph,
    parameters: &LinkParameters,
    (node, only): Place,
    now: EventNs,
) -> Result<BTreeSet<(NodeKey, Direction)>, HistoryError> {
    let limit = parameters.degree_max as usize;
    let mut found = BTreeSet::new();
    if let Some(state) = graph.state(node)? {
        found.extend(state.role.process().and_then(|process| process.parent).map(|parent| (parent, Direction::In)));
    }
    for direction in [Direction::In, Direction::Out] {
        if only.is_some_and(|only| only != direction) {
            continue;
        }
        for edge in graph.edges(node, direction, now, limit)? {
            // What a loader maps says nothing of who belongs to whom.
            if edge.op != Operation::MapExecutable {
                let other = if direction == Direction::In { edge.from } else { edge.to };
                found.insert((other, direction));
            }
        }
    }
    found.retain(|(other, _)| *other != node);
    Ok(found)
}

/// Whether what goes in may come out again: what is written to a device or a folder tells its readers nothing of the writer.
fn passes_on(state: &NodeState) -> bool {
    !matches!(state.attrs, NodeAttrs::File { kind: FileKind::Device | FileKind::Directory, .. })
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

fn way_back(best: &BTreeMap<Place, (u32, Place)>, start: Place, end: Place) -> Vec<NodeKey> {
    let mut between = Vec::new();
    let mut place = best[&end].1;
    while place != start {
        between.push(place.0);
        place = best[&place].1;
    }
    between
}
