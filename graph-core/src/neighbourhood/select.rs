//! Which nodes and edges around an event are shown: breadth first, what is rare and what is recent before the rest.
//!
//! Beyond the event's own ends, files and sockets are passed through as information passes: from who read a file to those who
//! wrote it, from who wrote it to those who read it. So what half the host reads, as a library or a configuration, leads nowhere.

use super::{ANCESTORS_MAX, EventSeen, Neighbourhood, Place, Reach, Way};
use crate::graph::{Graph, Role};
use crate::history::{Direction, EdgeRow, HistoryError};
use crate::structure::ancestors;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{Event, EventFlags, EventNs, Millibits, NodeKey, Operation, Str};

/// Nodes whose edges are looked at, and those beside them that turn out to have none: files that were only read.
const LOOKED_AT_MAX: usize = 32;
const WITHOUT_EDGES_MAX: usize = 96;
/// Latest edges that are looked at in each direction, of each of the event's ends and of each other node. Of the ends' they are no more
/// than four times what may be shown, so that one with a short reach costs little at places where much happens.
const OWN_EDGES_MAX: usize = 512;
const OTHER_EDGES_MAX: usize = 64;

/// The edges of a node that are looked at.
type Sides = &'static [Direction];
const BOTH: Sides = &[Direction::In, Direction::Out];

/// Edges are told apart by their ends and their operation.
type WayKey = (NodeKey, NodeKey, Operation);

/// What is rare comes first, then what is recent; the order in which edges were made decides the rest.
type Rank = (Reverse<bool>, Reverse<EventNs>, Reverse<u64>);

impl Neighbourhood {
    /// What lies around the ends of an event that is in the graph, `rare_min_millibits` being what makes an edge rare.
    ///
    /// Depends on the graph alone. Costs the edges of at most 32 nodes, and 96 looks at nodes without any; no edges if the reach is 0
    /// hops, where the event must be the last that went in.
    ///
    /// # Errors
    /// When the history fails.
    pub fn around(
        graph: &mut Graph,
        event: &Event,
        (subject, object): (NodeKey, Option<NodeKey>),
        reach: Reach,
        rare_min_millibits: u32,
    ) -> Result<Self, HistoryError> {
        let object = object.filter(|&object| object != subject);
        let own = object.map(|object| match event.op.flows_inward() {
            true => (object, subject, event.op),
            false => (subject, object, event.op),
        });
        let mut selection = Selection { reach, rare_min_millibits, own, ..Selection::default() };
        selection.add(subject);
        object.into_iter().for_each(|object| selection.add(object));
        // Told with the subject's lineage, whatever else there is room for.
        ancestors(graph, subject)?.into_iter().for_each(|ancestor| selection.add(ancestor));
        if reach.hops == 0 {
            selection.add_writer(graph, object)?;
            selection.join_own(graph);
        }
        selection.grow(graph, std::iter::once(subject).chain(object).collect())?;
        let (edges, n_edges_left_out) = selection.edges();
        let nodes = places(graph, &selection, &edges, object)?;
        let event = EventSeen {
            time: event.time,
            op: event.op,
            has_object: object.is_some(),
            detail: event.detail.clone(),
            amount_bytes: event.amount_bytes,
            count: event.count,
        };
        Ok(Self { event, nodes, edges, n_nodes_left_out: selection.n_left_out, n_edges_left_out })
    }
}

#[derive(Default)]
struct Selection {
    reach: Reach,
    rare_min_millibits: u32,
    /// The event's own edge, which is shown in any case.
    own: Option<WayKey>,
    /// In the order in which they are shown, and where each stands.
    nodes: Vec<NodeKey>,
    index: BTreeMap<NodeKey, u32>,
    ways: BTreeMap<WayKey, EdgeRow>,
    /// Rows that are in `ways`: most are met from both ends.
    joined: BTreeSet<u64>,
    n_left_out: u32,
}

impl Selection {
    fn add(&mut self, key: NodeKey) {
        if self.index.contains_key(&key) {
            return;
        }
        match u32::try_from(self.nodes.len()) {
            Ok(next) if next < self.reach.nodes_max => {
                self.index.insert(key, next);
                self.nodes.push(key);
            }
            _ => self.n_left_out = self.n_left_out.saturating_add(1),
        }
    }

    /// Who wrote the object last, where it is a file that somebody wrote.
    fn add_writer(&mut self, graph: &mut Graph, object: Option<NodeKey>) -> Result<(), HistoryError> {
        let Some(object) = object else { return Ok(()) };
        if let Some(writer) = writer_of(graph, object)?
            && graph.state(writer)?.is_some()
        {
            self.add(writer);
        }
        Ok(())
    }

    /// The event's own edge as it stands, which is in the hot window as long as nothing else went in.
    fn join_own(&mut self, graph: &Graph) {
        if let Some(row) = self.own.and_then(|(from, to, op)| graph.standing_edge(from, to, op)) {
            self.join(row);
        }
    }

    /// One hop after the other, the ends of the event first.
    fn grow(&mut self, graph: &mut Graph, ends: Vec<NodeKey>) -> Result<(), HistoryError> {
        let mut known: BTreeSet<_> = ends.iter().copied().collect();
        let mut front: Vec<_> = ends.into_iter().map(|end| (end, BOTH)).collect();
        let (mut n_looked_at, mut n_without_edges) = (0, 0);
        let own_edges = (self.reach.edges_max as usize * 4).clamp(OTHER_EDGES_MAX, OWN_EDGES_MAX);
        let followed = self.reach.operations | self.own.iter().map(|(.., op)| *op).collect();
        for hop in 0..self.reach.hops {
            let limit = if hop == 0 { own_edges } else { OTHER_EDGES_MAX };
            let mut found = Vec::new();
            for (key, sides) in front.drain(..) {
                if n_looked_at == LOOKED_AT_MAX || n_without_edges == WITHOUT_EDGES_MAX {
                    break;
                }
                let mut has_edges = false;
                for &direction in sides {
                    let (rows, any) = graph.edges_by(key, direction, EventNs::MAX, limit, followed)?;
                    has_edges |= any;
                    for row in rows {
                        if self.reach.operations.contains(row.op) || self.own == Some(ends_of(&row)) {
                            found.push((self.rank(&row), row.other_end(direction), onward(&row, direction)));
                            self.join(row);
                        }
                    }
                }
                *(if has_edges { &mut n_looked_at } else { &mut n_without_edges }) += 1;
            }
            found.sort_unstable();
            for (_, key, sides) in found {
                if known.insert(key) {
                    self.add(key);
                    front.push((key, sides));
                }
            }
        }
        Ok(())
    }

    fn rank(&self, row: &EdgeRow) -> Rank {
        (Reverse(row.surprise >= self.rare_min_millibits), Reverse(row.last), Reverse(row.seq))
    }

    fn join(&mut self, row: EdgeRow) {
        if !self.joined.insert(row.seq) {
            return;
        }
        let known = self.ways.entry(ends_of(&row)).or_insert(EdgeRow { count: 0, amount_bytes: 0, ..row });
        known.count = known.count.saturating_add(row.count);
        known.amount_bytes = known.amount_bytes.saturating_add(row.amount_bytes);
        (known.first, known.last) = (known.first.min(row.first), known.last.max(row.last));
        known.seq = known.seq.min(row.seq);
        known.surprise = known.surprise.max(row.surprise);
        known.flags = known.flags | row.flags;
    }

    /// The edges between the chosen nodes as far as there is room, in the order in which they began.
    fn edges(&self) -> (Vec<Way>, u32) {
        let between = self.ways.iter().filter_map(|(key, row)| {
            let (from, to) = (*self.index.get(&key.0)?, *self.index.get(&key.1)?);
            Some(((Reverse(self.own == Some(*key)), self.rank(row)), from, to, row))
        });
        let mut between: Vec<_> = between.collect();
        between.sort_unstable_by_key(|(rank, ..)| *rank);
        let max = self.reach.edges_max as usize;
        let n_left_out = u32::try_from(between.len().saturating_sub(max)).unwrap_or(u32::MAX);
        between.truncate(max);
        between.sort_unstable_by_key(|(.., row)| row.order());
        let ways = between.into_iter().map(|(_, from, to, row)| Way {
            from,
            to,
            op: row.op,
            count: row.count,
            amount_bytes: row.amount_bytes,
            first: row.first,
            last: row.last,
            surprise: Millibits(row.surprise),
            incomplete: row.flags != EventFlags::NONE,
        });
        (ways.collect(), n_left_out)
    }
}

/// Where it goes on from the other end of an edge: from a process any way, from what a process handled only on.
fn onward(row: &EdgeRow, direction: Direction) -> Sides {
    let is_between_processes = matches!(row.op, Operation::Fork | Operation::Ptrace | Operation::Signal);
    let leads_to_subject = row.op.flows_inward() == (direction == Direction::Out);
    match direction {
        _ if is_between_processes || leads_to_subject => BOTH,
        Direction::In => &[Direction::In],
        Direction::Out => &[Direction::Out],
    }
}

fn ends_of(row: &EdgeRow) -> WayKey {
    (row.from, row.to, row.op)
}

/// The nodes with what is known of them. One that was forgotten meanwhile does not come up: edges lead to known nodes only.
fn places(
    graph: &mut Graph,
    selection: &Selection,
    edges: &[Way],
    object: Option<NodeKey>,
) -> Result<Vec<Place>, HistoryError> {
    let mut told: Vec<_> = selection.nodes.first().copied().into_iter().collect();
    if let Some(object) = object {
        told.push(object);
        told.extend(writer_of(graph, object)?);
    }
    let mut surprise = vec![Millibits::ZERO; selection.nodes.len()];
    let mut degree = vec![0u32; selection.nodes.len()];
    for edge in edges {
        for end in [edge.from as usize, edge.to as usize] {
            surprise[end] = surprise[end].max(edge.surprise);
            degree[end] += 1;
        }
    }
    let mut places = Vec::with_capacity(selection.nodes.len());
    for (at, &key) in selection.nodes.iter().enumerate() {
        let state = match graph.state(key)? {
            Some(state) => state.into_owned(),
            // An ancestor that is known by its key alone.
            None => crate::graph::NodeState::new(unknown_process(), EventNs::ZERO),
        };
        let from = match &state.role {
            Role::Process(process) => process.parent,
            Role::File(file) => file.writer,
            Role::Socket(_) => None,
        };
        let ancestors = match &state.role {
            Role::Process(_) if told.contains(&key) => executables(graph, key)?,
            _ => Vec::new(),
        };
        places.push(Place {
            key,
            is_cut: state.n_in.saturating_add(state.n_out) > degree[at],
            surprise: surprise[at],
            fleet_rarity: None,
            from: from.and_then(|key| selection.index.get(&key).copied()),
            ancestors,
            state,
        });
    }
    Ok(places)
}

fn writer_of(graph: &mut Graph, file: NodeKey) -> Result<Option<NodeKey>, HistoryError> {
    Ok(graph.state(file)?.and_then(|state| state.role.file()?.writer))
}

fn executables(graph: &mut Graph, process: NodeKey) -> Result<Vec<Option<Str>>, HistoryError> {
    let mut executables = Vec::new();
    for ancestor in ancestors(graph, process)?.into_iter().take(ANCESTORS_MAX) {
        executables.push(graph.state(ancestor)?.and_then(|state| state.exe().cloned()));
    }
    Ok(executables)
}

fn unknown_process() -> tracewell_model::NodeAttrs {
    tracewell_model::NodeAttrs::Process {
        process: tracewell_model::ProcessRef { pid: 0, start: 0, uuid: None },
        exe: None,
        cmdline: None,
        uid: None,
        container: None,
        environment: None,
    }
}
