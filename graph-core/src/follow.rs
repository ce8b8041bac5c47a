//! Where an alert of another host leads on this one: the processes at this end of a connection, and what they did since.
//!
//! A step of an intrusion that is nothing by itself (a login with a key that is good, a read by a database) raises no alert. That it is
//! the other end of one is known to the aggregator alone, which has it followed. DISTDET (USENIX Security 2023) recovers what clients
//! had not reported in its case of lateral movement in the same way, on demand.

use crate::checkpoint::{LoadError, LoadRows, SaveRows};
use crate::graph::{Graph, NodeIdx};
use crate::history::{Direction, HistoryError};
use crate::link::Linker;
use crate::neighbourhood::OperationSet;
use crate::structure::{Structure, is_other_machine};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use tracewell_model::{EventNs, FarEnd, NodeAttrs, NodeKey, Operation, Protocol, Reason};

/// Connections to other machines that a host finds again, the latest, and those that wait to be followed.
const REMEMBERED_MAX: usize = 4096;
const WAITING_MAX: usize = 4096;
/// Edges of a socket, and connections and children of a server, that are looked at.
const EDGES_SEEN_MAX: usize = 256;
/// Processes at one end, and those that they started, that are shown.
const PROCESSES_MAX: usize = 8;
const DESCENDANTS_MAX: usize = 64;

/// The latest connections of a host by their ends, and which of them are asked for. It takes 300 kB at its bounds.
#[derive(Debug, Default)]
pub struct Connections {
    sockets: BTreeMap<Ends, NodeKey>,
    /// Oldest first.
    order: VecDeque<Ends>,
    waiting: Vec<FarEnd>,
    /// Processes that were shown.
    n_followed: u64,
}

/// Names a connection, 64 bits of a hash over protocol, own and other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ends(u64);

impl Ends {
    fn of(protocol: Protocol, local: SocketAddr, remote: SocketAddr) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[protocol as u8]);
        for end in [local, remote] {
            match end.ip().to_canonical() {
                IpAddr::V4(ip) => hasher.update(&ip.octets()),
                IpAddr::V6(ip) => hasher.update(&ip.octets()),
            };
            hasher.update(&end.port().to_le_bytes());
        }
        Self(u64::from_le_bytes(*hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes")))
    }
}

impl Connections {
    /// Remembers a socket that a process connected or accepted, if both ends are known and the other is another machine.
    pub fn note(&mut self, graph: &Graph, socket: NodeIdx) {
        let attrs = &graph.hot(socket).attrs;
        let NodeAttrs::Socket { protocol, local: Some(local), remote: Some(remote), .. } = *attrs else { return };
        if !is_other_machine(attrs) {
            return;
        }
        let ends = Ends::of(protocol, local, remote);
        if self.sockets.insert(ends, graph.key(socket)).is_none() {
            self.order.push_back(ends);
        }
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.sockets.remove(&oldest);
        }
    }

    /// Takes up which connections lead here from alerts of other hosts, if they are this host's. Beyond the bound those go that wait
    /// longest: another host may have said a time that never comes.
    pub fn ask(&mut self, ends: Vec<FarEnd>) {
        self.waiting.extend(ends);
        let n_surplus = self.waiting.len().saturating_sub(WAITING_MAX);
        self.waiting.drain(..n_surplus);
    }

    /// Has the linker show what is at this host's end of connections that were last seen until `until`: a host that is behind comes to
    /// the rest in time.
    ///
    /// `slack_ns` is how far the hosts' clocks may be apart, `now` the time of the host's last event. O(ends · log connections), and for
    /// those of this host O(edges at that end).
    ///
    /// # Errors
    /// When the history fails.
    pub fn follow(
        &mut self,
        graph: &mut Graph,
        (structure, linker): (&Structure, &mut Linker),
        (until, now): (EventNs, EventNs),
        slack_ns: u64,
    ) -> Result<(), HistoryError> {
        let due: Vec<_> = self.waiting.extract_if(.., |end| end.last <= until).collect();
        for end in due {
            let Some(&socket) = self.sockets.get(&Ends::of(end.protocol, end.local, end.remote)) else { continue };
            let Some((first, last)) = graph.state(socket)?.map(|state| (state.first, state.last)) else { continue };
            if first > end.last.after(slack_ns) || end.first > last.after(slack_ns) {
                continue;
            }
            for process in led_by(graph, socket, first)? {
                let Some(place) = graph.place(process)? else { continue };
                // What an alert leads to is shown, however usual it is here.
                let is_usual = |_: &mut Graph, _, _: &_| Ok(false);
                if structure.take_up(graph, place, Reason::Followed { socket }, is_usual)? {
                    self.n_followed += 1;
                    linker.raise(graph, structure, place, now)?;
                    inherit(graph, linker, process, now)?;
                }
            }
        }
        Ok(())
    }

    /// Processes that alerts of other hosts led to; not part of a checkpoint.
    pub fn n_followed(&self) -> u64 {
        self.n_followed
    }

    pub fn save(&self, rows: &mut SaveRows<'_>) {
        rows.row(|row| {
            row.u64(self.order.len() as u64);
            for ends in &self.order {
                row.u64(ends.0);
                row.u128(self.sockets[ends].0);
            }
        });
    }

    /// Reads what [`Self::save`] gave. What waited is not saved: a host that starts is told again.
    ///
    /// # Errors
    /// When the row is not of connections.
    pub fn load(rows: &mut LoadRows<'_>) -> Result<Self, LoadError> {
        rows.row("connections", |row| {
            let mut connections = Self::default();
            for _ in 0..row.at_most(REMEMBERED_MAX as u64)? {
                let ends = Ends(row.u64()?);
                if connections.sockets.insert(ends, NodeKey(row.u128()?)).is_none() {
                    connections.order.push_back(ends);
                }
            }
            Ok(connections)
        })
    }
}

/// Who is led over a connection, or led it: the processes that used it and serve nobody else, the first of each line. Where only a
/// server did, those that it started before it took another one.
fn led_by(graph: &mut Graph, socket: NodeKey, first: EventNs) -> Result<BTreeSet<NodeKey>, HistoryError> {
    let (mut own, mut servers) = (BTreeSet::new(), BTreeSet::new());
    for direction in [Direction::In, Direction::Out] {
        for edge in graph.edges(socket, direction, EventNs::MAX, EDGES_SEEN_MAX)? {
            let process = edge.other_end(direction);
            match graph.state(process)?.and_then(|state| state.role.process().map(|process| process.serves)) {
                Some(true) => _ = servers.insert(process),
                Some(false) => _ = own.insert(process),
                None => {}
            }
        }
    }
    for server in servers.into_iter().take(if own.is_empty() { PROCESSES_MAX } else { 0 }) {
        own.extend(started_for(graph, server, first)?);
    }
    let mut topmost = BTreeSet::new();
    for &process in &own {
        let ancestors = crate::structure::ancestors(graph, process)?;
        if !ancestors.iter().any(|ancestor| own.contains(ancestor)) && topmost.len() < PROCESSES_MAX {
            topmost.insert(process);
        }
    }
    Ok(topmost)
}

/// The children that a server started after it took a connection at `taken` and before it took the next.
fn started_for(graph: &mut Graph, server: NodeKey, taken: EventNs) -> Result<Vec<NodeKey>, HistoryError> {
    let accepts = OperationSet::from_iter([Operation::Accept]);
    let (accepts, _) = graph.edges_by(server, Direction::In, EventNs::MAX, EDGES_SEEN_MAX, accepts)?;
    let next = accepts.into_iter().map(|edge| edge.first).filter(|&first| first > taken).min();
    let until = next.unwrap_or(EventNs::MAX);
    let children = children(graph, server, until)?;
    Ok(children.into_iter().filter(|(started, _)| *started >= taken).map(|(_, child)| child).collect())
}

/// Whatever a process has started already belongs to it, as what it will start does.
fn inherit(graph: &mut Graph, linker: &mut Linker, process: NodeKey, now: EventNs) -> Result<(), HistoryError> {
    let mut to_see = vec![process];
    let mut n_seen = 0;
    while let Some(parent) = to_see.pop() {
        for (_, child) in children(graph, parent, EventNs::MAX)? {
            let Some((parent, child_place)) = both(graph, parent, child)? else { continue };
            let has_own = graph.hot(child_place).role.process().is_none_or(|process| process.hopset != 0);
            if has_own || n_seen == DESCENDANTS_MAX {
                continue;
            }
            n_seen += 1;
            linker.inherit(graph, parent, child_place, now)?;
            to_see.push(child);
        }
    }
    Ok(())
}

/// Both in the hot window at once: to read the one back may send the other away.
fn both(graph: &mut Graph, one: NodeKey, other: NodeKey) -> Result<Option<(NodeIdx, NodeIdx)>, HistoryError> {
    let (Some(_), Some(_)) = (graph.place(one)?, graph.place(other)?) else { return Ok(None) };
    Ok(graph.place(one)?.zip(graph.place(other)?))
}

/// When a process started which others, latest first.
fn children(graph: &mut Graph, process: NodeKey, until: EventNs) -> Result<Vec<(EventNs, NodeKey)>, HistoryError> {
    let forks = OperationSet::from_iter([Operation::Fork]);
    let (forks, _) = graph.edges_by(process, Direction::Out, until, EDGES_SEEN_MAX, forks)?;
    Ok(forks.into_iter().map(|edge| (edge.first, edge.to)).collect())
}
