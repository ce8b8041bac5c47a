//! Joins alert graphs that tell one story: they share what stands out, or two hosts saw the two ends of one connection.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tracewell_model::{AlertGraph, AlertNode, EventNs, HostId, NodeAttrs, NodeKey, NodeRole, Protocol, Reason};
use tracewell_parameters::FoldParameters;

/// Alert graphs that belong together, in canonical order; at least one.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub members: Vec<Arc<AlertGraph>>,
}

/// The order in which graphs and stories are looked at, whatever order they arrived in.
pub(crate) fn canonical(graph: &AlertGraph) -> (EventNs, HostId, tracewell_model::AlertId) {
    (graph.first, graph.host, graph.id)
}

/// Groups the graphs into stories, in canonical order of their first members. O(nodes · log nodes).
pub(crate) fn join(mut graphs: Vec<Arc<AlertGraph>>, parameters: &FoldParameters) -> Vec<Story> {
    graphs.sort_by_key(|graph| canonical(graph));
    let mut groups = Groups::new(graphs.len());
    join_by_nodes(&graphs, parameters.hub_alerts_max as usize, &mut groups);
    join_by_connections(&graphs, parameters, &mut groups);
    let mut stories = BTreeMap::<usize, Story>::new();
    for (index, graph) in graphs.into_iter().enumerate() {
        stories.entry(groups.first(index)).or_insert(Story { members: Vec::new() }).members.push(graph);
    }
    stories.into_values().collect()
}

impl Story {
    pub fn graphs(&self) -> Vec<&AlertGraph> {
        self.members.iter().map(Arc::as_ref).collect()
    }
}

/// How a graph holds a node that several graphs may hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    /// Between terminals.
    Involved,
    /// A terminal, or what a structural fact speaks of: the dropped file, the socket of the commands.
    Anchor,
}

/// Two graphs are one story where one's anchor is at least involved in the other. A node that many graphs hold is a hub
/// and joins none: everything on a host hangs together through its first process.
fn join_by_nodes(graphs: &[Arc<AlertGraph>], hub_alerts_max: usize, groups: &mut Groups) {
    let mut holders = BTreeMap::<NodeKey, Vec<(usize, Hold)>>::new();
    for (index, graph) in graphs.iter().enumerate() {
        for (key, hold) in held(graph) {
            holders.entry(key).or_default().push((index, hold));
        }
    }
    for holders in holders.into_values().filter(|holders| holders.len() <= hub_alerts_max) {
        if let Some(&(anchor, _)) = holders.iter().find(|(_, hold)| *hold == Hold::Anchor) {
            holders.iter().for_each(|&(index, _)| groups.join(anchor, index));
        }
    }
}

fn held(graph: &AlertGraph) -> BTreeMap<NodeKey, Hold> {
    let mut held = BTreeMap::new();
    for (&key, node) in &graph.nodes {
        match node.role {
            NodeRole::Terminal => held.insert(key, Hold::Anchor),
            NodeRole::Connector => held.insert(key, Hold::Involved),
            NodeRole::Context => None,
        };
        for key in node.reasons.iter().filter_map(spoken_of) {
            held.insert(key, Hold::Anchor);
        }
    }
    held
}

/// The object of a structural fact. The server below which something happened is not one: it serves everybody.
fn spoken_of(reason: &Reason) -> Option<NodeKey> {
    match reason {
        Reason::RanOwnWrite { file, .. } | Reason::DeletedOwnExecutable { file } | Reason::RanUnlinked { file } => {
            Some(*file)
        }
        Reason::CallsOut { socket } | Reason::CommandsFromSocket { socket } => Some(*socket),
        Reason::EnteredProcess { target } => Some(*target),
        _ => None,
    }
}

/// One end of a connection, as one host saw it.
struct Seen {
    graph: usize,
    host: HostId,
    /// The host's own address is the lower of the two.
    lower_is_local: bool,
    first: EventNs,
    last: EventNs,
}

/// Graphs of two hosts are one story where each saw its own end of the same connection at the same time.
///
/// An address that every machine has, or that container bridges give out, tells nothing; nor does a connection of which
/// one host saw both ends.
fn join_by_connections(graphs: &[Arc<AlertGraph>], parameters: &FoldParameters, groups: &mut Groups) {
    let mut connections = BTreeMap::<(Protocol, SocketAddr, SocketAddr), Vec<Seen>>::new();
    for (index, graph) in graphs.iter().enumerate() {
        for node in graph.nodes.values() {
            let Some((protocol, local, remote)) = connection(node) else { continue };
            let lower_is_local = local < remote;
            let ends = if lower_is_local { (local, remote) } else { (remote, local) };
            connections.entry((protocol, ends.0, ends.1)).or_default().push(Seen {
                graph: index,
                host: graph.host,
                lower_is_local,
                first: node.first,
                last: node.last,
            });
        }
    }
    for seen in connections.into_values().filter(|seen| seen.len() <= parameters.hub_alerts_max as usize) {
        let (lower, upper): (Vec<_>, Vec<_>) = seen.iter().partition(|seen| seen.lower_is_local);
        if lower.iter().any(|a| upper.iter().any(|b| a.host == b.host)) {
            continue;
        }
        for a in &lower {
            for b in upper.iter().filter(|b| overlap(a, b, parameters.join_slack_ns)) {
                groups.join(a.graph, b.graph);
            }
        }
    }
}

/// What both hosts name a connection by, where that is no other connection's name in the fleet: its protocol, and its ends as the
/// node's host sees them.
pub(crate) fn connection(node: &AlertNode) -> Option<(Protocol, SocketAddr, SocketAddr)> {
    match node.attrs {
        NodeAttrs::Socket { protocol, local: Some(local), remote: Some(remote), .. } => {
            let tells = |address: SocketAddr| is_of_one_machine(address.ip()) && address.port() != 0;
            (tells(local) && tells(remote)).then_some((protocol, canonical_address(local), canonical_address(remote)))
        }
        _ => None,
    }
}

fn canonical_address(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Whether an address belongs to one machine of the fleet and no other: not loopback, link-local, multicast, shared
/// (RFC 6598), nor from the private ranges that container bridges use by default (172.16/12 and 192.168/16).
fn is_of_one_machine(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let bridge = (a == 172 && b & 0xf0 == 16) || (a == 192 && b == 168);
            let shared = a == 100 && b & 0xc0 == 64;
            !(bridge
                || shared
                || ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast())
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unicast_link_local()
                || ip.is_unique_local()
                || ip.is_multicast())
        }
    }
}

fn overlap(a: &Seen, b: &Seen, slack_ns: u64) -> bool {
    a.first <= b.last.after(slack_ns) && b.first <= a.last.after(slack_ns)
}

/// Disjoint sets of graphs; each is named by its lowest index, which is its first graph in canonical order.
struct Groups {
    parents: Vec<usize>,
}

impl Groups {
    fn new(n: usize) -> Self {
        Self { parents: (0..n).collect() }
    }

    fn first(&mut self, mut index: usize) -> usize {
        while self.parents[index] != index {
            self.parents[index] = self.parents[self.parents[index]];
            index = self.parents[index];
        }
        index
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.parents[a.max(b)] = a.min(b);
    }
}
