//! The rows of the hot window, and what a restart does to the graph.

use super::arena::Arena;
use super::filter::{CHUNK_WORDS, SpilledFilter};
use super::{Graph, GraphCounts, NodeIdx, NodeState};
use crate::checkpoint::{LoadError, LoadRows, SaveRows};
use crate::graph::row::read_op;
use crate::history::{self, EdgeRow, HistoryError, RowReader};
use tracewell_model::{EventNs, HostId, NodeAttrs, NodeKey, ProcessRef};
use tracewell_parameters::GraphParameters;

/// Accounted bytes of a hot window that is taken up, where the parameters allow less: the surplus is spilled.
const WINDOW_BYTES_MAX: usize = 64 << 20;

/// Edges that a restart skips in their numbering, so that none gets the number of one that was made after the checkpoint.
const SEQ_STEP: u64 = 1 << 32;

/// A graph's state as it was read, but for its history.
pub struct GraphImage {
    spilled: SpilledFilter,
    arena: Arena,
    next_seq: u64,
    repeats_from: u64,
    horizon: EventNs,
    counts: GraphCounts,
}

impl Graph {
    /// Gives the graph's rows. The history must hand over what was written to it before they count.
    pub fn save(&self, rows: &mut SaveRows<'_>) {
        let (nodes, edges) = (self.arena.nodes_by_age(), self.arena.edges_by_seq());
        let chunks: Vec<_> = self.spilled.chunks().collect();
        rows.row(|row| {
            row.u64(self.host.0);
            row.u64(self.next_seq);
            row.u64(self.repeats_from);
            row.u64(self.horizon.0);
            let GraphCounts { events, failed, edges, processes, files, sockets, .. } = self.counts;
            let GraphCounts { spilled_nodes, spilled_edges, reloaded, collapsed_files, .. } = self.counts;
            let counts = [
                events,
                failed,
                edges,
                processes,
                files,
                sockets,
                spilled_nodes,
                spilled_edges,
                reloaded,
                collapsed_files,
            ];
            counts.into_iter().for_each(|count| row.u64(count));
        });
        rows.row(|row| {
            row.u64(self.spilled.n_chunks() as u64);
            row.u64(chunks.len() as u64);
            row.u64(nodes.len() as u64);
            row.u64(edges.len() as u64);
        });
        for (at, words) in chunks {
            rows.row(|row| {
                row.u64(at as u64);
                row.blob(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>());
            });
        }
        let mut places = vec![0; self.arena.n_slots()];
        for (&node, place) in nodes.iter().zip(0u64..) {
            places[node.0 as usize] = place;
            let (key, spilled_version) = (self.key(node), self.arena.node(node).spilled_version);
            rows.row(|row| {
                row.u128(key.0);
                row.option(spilled_version, |row, version| row.u64(version.into()));
                self.hot(node).write(row);
            });
        }
        for edge in edges {
            let (live, value) = (self.arena.edge(edge), self.arena.row(edge));
            rows.row(|row| {
                row.u64(places[live.from.0 as usize]);
                row.u64(places[live.to.0 as usize]);
                row.u64(live.op as u64);
                row.u64(live.seq);
                row.u64(live.first.0);
                row.bool(live.in_use);
                value.write_value(row);
            });
        }
    }

    /// Reads what [`Self::save`] gave.
    ///
    /// # Errors
    /// When a row cannot be of this host's graph; says which and why.
    pub fn load(host: HostId, parameters: &GraphParameters, rows: &mut LoadRows<'_>) -> Result<GraphImage, LoadError> {
        let (next_seq, repeats_from, horizon, counts) = rows.row("a graph", |row| {
            let of = HostId(row.u64()?);
            if of != host {
                return Err(row.corrupt(format!("it is of host {of}, expected {host}")));
            }
            Ok((row.counter()?.max(1), row.counter()?, EventNs(row.u64()?), read_counts(row)?))
        })?;
        let (n_filter, n_chunks, n_nodes, n_edges) =
            rows.row("a graph's sizes", |row| Ok((row.u64()?, row.u64()?, row.u64()?, row.u64()?)))?;
        let spilled = read_filter(parameters, n_filter, n_chunks, rows)?;
        let bytes_max = 2 * parameters.window_bytes.max(WINDOW_BYTES_MAX);
        let mut arena = Arena::default();
        let mut nodes = Vec::new();
        let full =
            |rows: &LoadRows<'_>, what| rows.wrong(what, format!("the window is over {bytes_max} bytes by then"));
        for _ in 0..n_nodes {
            let (key, spilled_version, state) = rows.row("a hot node", |row| {
                Ok((NodeKey(row.u128()?), row.option(RowReader::u32)?, NodeState::read(row)?))
            })?;
            if arena.find(key).is_some() {
                return Err(rows.wrong("a hot node", format!("node {key} stands there twice")));
            }
            let node = arena.add_node(key, state);
            arena.set_spilled_version(node, spilled_version);
            nodes.push(node);
            if arena.bytes() > bytes_max {
                return Err(full(rows, "a hot node"));
            }
        }
        let mut last_seq = 0;
        for _ in 0..n_edges {
            let (from, to, row, in_use) = rows.row("a hot edge", |row| read_edge(row, &arena, &nodes))?;
            if row.seq <= last_seq || row.seq >= next_seq {
                let why = format!("its number is {}, expected one from {} to {}", row.seq, last_seq + 1, next_seq - 1);
                return Err(rows.wrong("a hot edge", why));
            }
            last_seq = row.seq;
            let edge = arena.add_edge(from, to, &row);
            arena.edge_mut(edge).in_use = in_use;
            if arena.bytes() > bytes_max {
                return Err(full(rows, "a hot edge"));
            }
        }
        Ok(GraphImage { spilled, arena, next_seq, repeats_from, horizon, counts })
    }

    /// Becomes what was read. The history must be the one that the image was taken beside, or a later state of it.
    pub fn take_over(&mut self, image: GraphImage) {
        let GraphImage { spilled, arena, next_seq, repeats_from, horizon, counts } = image;
        (self.spilled, self.arena, self.next_seq, self.repeats_from) = (spilled, arena, next_seq, repeats_from);
        (self.horizon, self.counts) = (horizon, counts);
    }

    /// Has the history hand over what was written to it.
    ///
    /// # Errors
    /// When the history fails.
    pub fn hand_over(&mut self) -> Result<(), HistoryError> {
        self.history.hand_over()
    }

    /// The number of the next edge that is made.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Takes up what a live run read of its history from before the recording began.
    ///
    /// # Errors
    /// As [`take_up`](history::take_up).
    pub fn take_up_history(&mut self, piece: &[u8]) -> Result<(), HistoryError> {
        history::take_up(&mut *self.history, piece)
    }

    /// Goes on after a stop that may have come later than the image: the history may hold edges that were made in between.
    /// They stay what they are, but none of them is taken for one that repeats, and their numbers are not used again.
    pub fn recover(&mut self) {
        self.next_seq = self.next_seq.saturating_add(SEQ_STEP);
        self.repeats_from = self.next_seq;
    }

    /// The hot processes that are not known to have ended, by key, where the source names them.
    pub fn running(&self) -> Vec<ProcessRef> {
        let mut found: Vec<(NodeKey, ProcessRef)> = self
            .arena
            .nodes_by_age()
            .into_iter()
            .filter_map(|node| {
                let state = self.hot(node);
                let NodeAttrs::Process { process, .. } = &state.attrs else { return None };
                let runs = !state.role.process()?.exited && process.key(self.host) == self.key(node);
                runs.then_some((self.key(node), *process))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, process)| process).collect()
    }
}

fn read_counts(row: &mut RowReader<'_>) -> Result<GraphCounts, HistoryError> {
    Ok(GraphCounts {
        events: row.counter()?,
        failed: row.counter()?,
        edges: row.counter()?,
        processes: row.counter()?,
        files: row.counter()?,
        sockets: row.counter()?,
        spilled_nodes: row.counter()?,
        spilled_edges: row.counter()?,
        reloaded: row.counter()?,
        collapsed_files: row.counter()?,
    })
}

fn read_filter(
    parameters: &GraphParameters,
    n_filter: u64,
    n_chunks: u64,
    rows: &mut LoadRows<'_>,
) -> Result<SpilledFilter, LoadError> {
    let mut spilled = SpilledFilter::new(parameters.spilled_filter_bytes);
    // One of another size says nothing of where its bits would lie in ours.
    let fits = n_filter == spilled.n_chunks() as u64;
    if !fits {
        spilled.fill();
    }
    for _ in 0..n_chunks {
        rows.row("a part of the filter", |row| {
            let (at, bytes) = (row.u64()?, row.blob()?);
            if bytes.len() > CHUNK_WORDS * 8 || bytes.len() % 8 != 0 {
                return Err(row.corrupt(format!("it has {} bytes, expected {}", bytes.len(), CHUNK_WORDS * 8)));
            }
            if fits && !spilled.set_chunk(at, bytes) {
                return Err(row.corrupt(format!("its place is {at}, expected less than {n_filter}")));
            }
            Ok(())
        })?;
    }
    Ok(spilled)
}

fn read_edge(
    row: &mut RowReader<'_>,
    arena: &Arena,
    nodes: &[NodeIdx],
) -> Result<(NodeIdx, NodeIdx, EdgeRow, bool), HistoryError> {
    let mut end = || {
        let place = row.u64()?;
        let node = usize::try_from(place).ok().and_then(|place| nodes.get(place));
        node.copied().ok_or_else(|| row.corrupt(format!("its end is node {place}, expected less than {}", nodes.len())))
    };
    let (from, to) = (end()?, end()?);
    let op = read_op(row)?;
    let (seq, first, in_use) = (row.counter()?, EventNs(row.u64()?), row.bool()?);
    let key = |node: NodeIdx| arena.node(node).key;
    let value = EdgeRow::read_value((key(from), key(to), op), (first, seq), row)?;
    Ok((from, to, value, in_use))
}
