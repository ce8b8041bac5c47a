//! An invented host that sends frames, and the alert graphs it sends.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use tracewell_aggregator::{Aggregator, Incidents};
use tracewell_model::{
    AlertEdge, AlertGraph, AlertId, AlertNode, AlertUpdate, EdgeKey, EventNs, FileKind, HostId, Loss, Millibits,
    NodeAttrs, NodeKey, NodeRole, Operation, ProcessRef, Protocol, Reason,
};
use tracewell_parameters::Parameters;
use tracewell_wire::{Class, Heartbeat, Message, Payload, decode, encode};

/// The sending side of one host.
pub struct Host {
    pub id: HostId,
    pub epoch: u32,
    sequences: BTreeMap<Class, u64>,
}

impl Host {
    pub fn new(name: &str) -> Self {
        Self { id: HostId::from_name(name), epoch: 1, sequences: BTreeMap::new() }
    }

    pub fn frame(&mut self, payload: Payload) -> Vec<u8> {
        let sequence = self.sequences.entry(payload.class()).or_default();
        *sequence += 1;
        encode(&Message { host: self.id, epoch: self.epoch, sequence: *sequence, payload }).unwrap()
    }

    /// Sends, and gives the answers beyond the acknowledgement, which must be there.
    pub fn send(&mut self, aggregator: &mut Aggregator, payload: Payload) -> Vec<Payload> {
        let class = payload.class();
        let frame = self.frame(payload);
        let sequence = self.sequences[&class];
        let mut answers = answers(aggregator, &frame);
        assert_eq!(answers.pop(), Some(Payload::Acknowledgement { class, sequence }));
        answers
    }

    pub fn alert(&mut self, aggregator: &mut Aggregator, graph: AlertGraph) -> Vec<Payload> {
        self.update(aggregator, 0, graph)
    }

    pub fn update(&mut self, aggregator: &mut Aggregator, extends: u32, mut graph: AlertGraph) -> Vec<Payload> {
        graph.host = self.id;
        self.send(aggregator, Payload::Alert(AlertUpdate { extends, graph }))
    }

    pub fn beat(&mut self, aggregator: &mut Aggregator, time: u64, settled: bool) -> Vec<Payload> {
        let heartbeat = Heartbeat { time: EventNs(time), n_events: 0, readiness_permille: 0, settled };
        self.send(aggregator, Payload::Heartbeat(heartbeat))
    }
}

pub fn answers(aggregator: &mut Aggregator, frame: &[u8]) -> Vec<Payload> {
    aggregator.receive(frame).unwrap().iter().map(|frame| decode(frame).unwrap().payload).collect()
}

pub fn aggregator() -> Aggregator {
    Aggregator::new(&Parameters::default())
}

/// The incidents of one host that sent these graphs.
pub fn incidents_of(graphs: impl IntoIterator<Item = AlertGraph>) -> Incidents {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    for graph in graphs {
        host.alert(&mut aggregator, graph);
    }
    aggregator.incidents().unwrap()
}

pub const HOUR: u64 = 3600 * EventNs::SECOND;

/// An empty graph that begins at this time. Its id also salts the keys of its nodes.
pub fn graph(id: u64, first: u64) -> AlertGraph {
    AlertGraph {
        id: AlertId(id),
        host: HostId(0),
        revision: 1,
        first: EventNs(first),
        last: EventNs(first + EventNs::SECOND),
        surprise: Millibits::ZERO,
        nodes: BTreeMap::new(),
        edges: BTreeMap::new(),
        n_omitted: 0,
        loss: Loss::default(),
    }
}

/// Key of the n-th node of a graph of its own.
pub fn key(id: u64, n: u64) -> NodeKey {
    NodeKey(u128::from(id) << 64 | u128::from(n))
}

/// A process that ran what it wrote, among others: an alarm of high severity, told apart by its executable's name.
pub fn intrusion(id: u64, first: u64, exe: &str) -> AlertGraph {
    let (process, file) = (key(id, 1), key(id, 2));
    let reasons = [
        Reason::RanOwnWrite { file, writer: process },
        Reason::GainedPrivilege { from_uid: 33, to_uid: 0 },
        Reason::DeletedOwnExecutable { file },
    ];
    let graph = with_process(graph(id, first), process, exe, NodeRole::Terminal, &reasons);
    let graph = with_file(graph, file, "/tmp/payload");
    with_edge(graph, file, Operation::Exec, process)
}

/// An unlikely process that did one structural thing: an alarm of medium severity.
pub fn alarm(id: u64, first: u64, exe: &str, reason: Reason) -> AlertGraph {
    let rare = Reason::RareChild { surprise: Millibits::bits(20), what: "/var/x".into() };
    let mut graph = oddity(id, first, exe);
    graph.nodes.values_mut().for_each(|node| node.reasons.extend([reason.clone(), rare.clone()]));
    graph.surprise = Millibits::bits(64);
    graph
}

/// A process that did what its profile calls unlikely, and nothing else: below what is shown.
pub fn oddity(id: u64, first: u64, exe: &str) -> AlertGraph {
    let rare = Reason::RareOperation { surprise: Millibits::bits(20), op: Operation::Write, what: "/var/x".into() };
    with_process(graph(id, first), key(id, 1), exe, NodeRole::Terminal, &[rare])
}

pub fn with_process(graph: AlertGraph, key: NodeKey, exe: &str, role: NodeRole, reasons: &[Reason]) -> AlertGraph {
    let process = ProcessRef { pid: 1, start: 0, uuid: None };
    let exe = Some(exe.into());
    let attrs = NodeAttrs::Process { process, exe, cmdline: None, uid: None, container: None, environment: None };
    with_node(graph, key, attrs, role, reasons)
}

pub fn with_file(graph: AlertGraph, key: NodeKey, path: &str) -> AlertGraph {
    let attrs = NodeAttrs::File { uuid: None, path: Some(path.into()), kind: FileKind::Regular };
    with_node(graph, key, attrs, NodeRole::Context, &[])
}

pub fn with_socket(graph: AlertGraph, key: NodeKey, local: &str, remote: &str) -> AlertGraph {
    let address = |text: &str| Some(text.parse::<SocketAddr>().expect("the test gives an address"));
    let (local, remote) = (address(local), address(remote));
    let attrs = NodeAttrs::Socket { uuid: None, protocol: Protocol::Tcp, local, remote, path: None };
    with_node(graph, key, attrs, NodeRole::Context, &[])
}

pub fn with_edge(mut graph: AlertGraph, from: NodeKey, op: Operation, to: NodeKey) -> AlertGraph {
    let edge = AlertEdge {
        count: 1,
        amount_bytes: 0,
        first: graph.first,
        last: graph.last,
        surprise: Millibits::ZERO,
        reasons: vec![],
        incomplete: false,
    };
    graph.edges.insert(EdgeKey { from, to, op }, edge);
    graph
}

fn with_node(mut graph: AlertGraph, key: NodeKey, attrs: NodeAttrs, role: NodeRole, reasons: &[Reason]) -> AlertGraph {
    let general = match &attrs {
        NodeAttrs::Process { exe: Some(text), .. } | NodeAttrs::File { path: Some(text), .. } => text.clone(),
        _ => "an address".into(),
    };
    let (first, last) = (graph.first, graph.last);
    let node = AlertNode { attrs, general, role, surprise: Millibits::ZERO, reasons: reasons.to_vec(), first, last };
    graph.nodes.insert(key, node);
    graph
}
