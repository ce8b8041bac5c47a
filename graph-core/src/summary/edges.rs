//! The edges between the nodes of an alert graph, repetitions and versions joined, each with its reason.

use crate::graph::Graph;
use crate::history::{Direction, EdgeRow, HistoryError};
use std::collections::BTreeMap;
use tracewell_model::{
    AlertEdge, AlertNode, EdgeKey, EventFlags, EventNs, Millibits, NodeKey, NodeKind, Operation, Reason,
};

/// Latest edges of a process that are looked through in each direction.
const EDGES_SEEN_MAX: usize = 512;

pub(super) fn between(
    graph: &mut Graph,
    nodes: &BTreeMap<NodeKey, AlertNode>,
    rare_min_millibits: u32,
) -> Result<BTreeMap<EdgeKey, AlertEdge>, HistoryError> {
    let mut edges = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    // Every edge has a process at one end.
    for (&key, _) in nodes.iter().filter(|(_, node)| node.attrs.kind() == NodeKind::Process) {
        for direction in [Direction::In, Direction::Out] {
            for row in graph.edges(key, direction, EventNs::MAX, EDGES_SEEN_MAX)? {
                if nodes.contains_key(&row.from) && nodes.contains_key(&row.to) && seen.insert(row.seq) {
                    join(&mut edges, &row);
                }
            }
        }
    }
    for (key, edge) in &mut edges {
        edge.reasons.push(reason(key, edge, nodes, rare_min_millibits));
    }
    Ok(edges)
}

fn join(edges: &mut BTreeMap<EdgeKey, AlertEdge>, row: &EdgeRow) {
    let edge = edges.entry(EdgeKey { from: row.from, to: row.to, op: row.op }).or_insert(AlertEdge {
        count: 0,
        amount_bytes: 0,
        first: row.first,
        last: row.last,
        surprise: Millibits::ZERO,
        reasons: Vec::new(),
        incomplete: false,
    });
    edge.count = edge.count.saturating_add(row.count);
    edge.amount_bytes = edge.amount_bytes.saturating_add(row.amount_bytes);
    edge.first = edge.first.min(row.first);
    edge.last = edge.last.max(row.last);
    edge.surprise = edge.surprise.max(Millibits(row.surprise));
    edge.incomplete |= row.flags != EventFlags::NONE;
}

/// The strongest thing to say of an edge: a fact that one end states about the other, rarity, descent, or touch.
fn reason(key: &EdgeKey, edge: &AlertEdge, nodes: &BTreeMap<NodeKey, AlertNode>, rare_min_millibits: u32) -> Reason {
    let fact = [(key.to, key.from), (key.from, key.to)].into_iter().find_map(|(process, peer)| {
        nodes.get(&process)?.reasons.iter().find(|fact| is_about(fact, key.op, peer)).cloned()
    });
    if let Some(fact) = fact {
        return fact;
    }
    if edge.surprise.0 >= rare_min_millibits {
        let (process, object) = if key.op.flows_inward() { (key.to, key.from) } else { (key.from, key.to) };
        let what = nodes.get(&object).or(nodes.get(&process)).map(|node| node.general.clone());
        return Reason::RareOperation { surprise: edge.surprise, op: key.op, what: what.unwrap_or_default() };
    }
    match key.op {
        Operation::Fork => Reason::DescendsFrom { ancestor: key.from },
        op if op.flows_inward() => Reason::TouchedBy { process: key.to },
        _ => Reason::TouchedBy { process: key.from },
    }
}

fn is_about(fact: &Reason, op: Operation, peer: NodeKey) -> bool {
    match *fact {
        Reason::RanOwnWrite { file, .. } | Reason::RanUnlinked { file } => {
            file == peer && matches!(op, Operation::Exec | Operation::MapExecutable)
        }
        Reason::DeletedOwnExecutable { file } => file == peer && op == Operation::Unlink,
        Reason::CallsOut { socket } => socket == peer && op == Operation::Connect,
        Reason::CommandsFromSocket { socket } => socket == peer && matches!(op, Operation::Read | Operation::Receive),
        Reason::EnteredProcess { target } => target == peer && op == Operation::Ptrace,
        _ => false,
    }
}
