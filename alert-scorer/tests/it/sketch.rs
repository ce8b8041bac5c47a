//! Alert graphs from a few words.

use std::collections::BTreeMap;
use tracewell_model::{
    AlertEdge, AlertGraph, AlertId, AlertNode, EdgeKey, EventNs, FileKind, HostId, Loss, Millibits, NodeAttrs, NodeKey,
    NodeRole, Operation, ProcessRef, Protocol, Reason,
};

pub fn key(n: u128) -> NodeKey {
    NodeKey(n)
}

/// A graph under construction; the first letter of a general label is the test's own affair.
#[derive(Clone)]
pub struct Sketch(pub AlertGraph);

impl Sketch {
    pub fn new() -> Self {
        Self(AlertGraph {
            id: AlertId(1),
            host: HostId(1),
            revision: 1,
            first: EventNs(1000),
            last: EventNs(2000),
            surprise: Millibits::ZERO,
            nodes: BTreeMap::new(),
            edges: BTreeMap::new(),
            n_omitted: 0,
            loss: Loss::default(),
        })
    }

    pub fn process(self, n: u128, exe: &str, role: NodeRole, reasons: &[Reason]) -> Self {
        let process = ProcessRef { pid: n as u32, start: 0, uuid: None };
        let exe = Some(exe.into());
        self.node(
            n,
            NodeAttrs::Process { process, exe, cmdline: None, uid: None, container: None, environment: None },
            role,
            reasons,
        )
    }

    pub fn file(self, n: u128, path: &str) -> Self {
        let attrs = NodeAttrs::File { uuid: None, path: Some(path.into()), kind: FileKind::Regular };
        self.node(n, attrs, NodeRole::Context, &[])
    }

    pub fn socket(self, n: u128, remote: &str) -> Self {
        let remote = Some(remote.parse().expect("the test gives an address"));
        let attrs = NodeAttrs::Socket { uuid: None, protocol: Protocol::Tcp, local: None, remote, path: None };
        self.node(n, attrs, NodeRole::Context, &[])
    }

    pub fn edge(mut self, from: u128, op: Operation, to: u128) -> Self {
        let edge = AlertEdge {
            count: 1,
            amount_bytes: 0,
            first: EventNs(1000),
            last: EventNs(1000),
            surprise: Millibits::ZERO,
            reasons: vec![],
            incomplete: false,
        };
        self.0.edges.insert(EdgeKey { from: key(from), to: key(to), op }, edge);
        self
    }

    /// Moves a node in time.
    pub fn at(mut self, n: u128, time: u64) -> Self {
        self.0.nodes.get_mut(&key(n)).expect("the node is there").first = EventNs(time);
        self
    }

    fn node(mut self, n: u128, attrs: NodeAttrs, role: NodeRole, reasons: &[Reason]) -> Self {
        let general = match &attrs {
            NodeAttrs::Process { exe: Some(text), .. } | NodeAttrs::File { path: Some(text), .. } => text.clone(),
            _ => "an address".into(),
        };
        let (first, last) = (EventNs(1000), EventNs(2000));
        let node =
            AlertNode { attrs, general, role, surprise: Millibits::ZERO, reasons: reasons.to_vec(), first, last };
        self.0.nodes.insert(key(n), node);
        self
    }
}

/// A server's child fetched a program, ran it and was given a new user by it.
pub fn intrusion() -> Sketch {
    let reasons = [
        Reason::ServesNetwork { server: key(1) },
        Reason::RanOwnWrite { file: key(3), writer: key(2) },
        Reason::CallsOut { socket: key(4) },
        Reason::GainedPrivilege { from_uid: 33, to_uid: 0 },
        Reason::CommandsFromSocket { socket: key(4) },
        Reason::DeletedOwnExecutable { file: key(3) },
    ];
    Sketch::new()
        .process(1, "/usr/sbin/httpd", NodeRole::Connector, &[Reason::Connects])
        .process(2, "/tmp/dropper", NodeRole::Terminal, &reasons)
        .file(3, "/tmp/payload")
        .socket(4, "203.0.113.7:443")
        .edge(1, Operation::Fork, 2)
        .edge(3, Operation::Exec, 2)
        .edge(2, Operation::Connect, 4)
}

/// One process did one thing that its profile did not expect.
pub fn oddity() -> Sketch {
    let reasons =
        [Reason::RareOperation { surprise: Millibits::bits(18), op: Operation::Write, what: "/var/lib/x".into() }];
    Sketch::new().process(1, "/usr/bin/updater", NodeRole::Terminal, &reasons).file(2, "/var/lib/x").edge(
        1,
        Operation::Write,
        2,
    )
}
