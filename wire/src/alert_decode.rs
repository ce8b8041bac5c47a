//! Alert update from protobuf, with every index, length and limit checked.

use crate::error::at_most;
use crate::limits::{EDGES_MAX, KEYS_MAX, NODES_MAX, REASONS_MAX, TEXT_BYTES_MAX, TEXTS_MAX};
use crate::{WireError, proto};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use tracewell_model::{
    AlertEdge, AlertGraph, AlertId, AlertNode, AlertUpdate, EdgeKey, EventNs, FileKind, HostId, Loss, Millibits,
    NodeAttrs, NodeKey, NodeRole, Operation, ProcessRef, Protocol, Reason, Str, Uuid,
};

impl proto::AlertUpdate {
    /// The update as one of this host, which only the envelope names.
    pub(crate) fn of_host(self, host: HostId) -> Result<AlertUpdate, WireError> {
        let update = self;
        at_most("nodes of the alert", update.nodes.len(), NODES_MAX)?;
        at_most("edges of the alert", update.edges.len(), EDGES_MAX)?;
        let first = EventNs(update.first_ns);
        let lookup = Lookup::new(update.strings, &update.keys)?;
        let mut nodes = BTreeMap::new();
        for (index, node) in (0..).zip(update.nodes) {
            nodes.insert(lookup.key(index)?, lookup.node(first, node)?);
        }
        let mut edges = BTreeMap::new();
        for edge in update.edges {
            let (key, edge) = lookup.edge(first, edge)?;
            edges.insert(key, edge);
        }
        let graph = AlertGraph {
            id: AlertId(update.id),
            host,
            revision: update.revision,
            first,
            last: after(first, update.span_ns),
            surprise: Millibits(update.surprise_millibits),
            nodes,
            edges,
            n_omitted: update.omitted,
            loss: Loss { n_events: update.lost_events, n_gaps: update.lost_gaps },
        };
        Ok(AlertUpdate { extends: update.extends, graph })
    }
}

/// The tables that indexes point into.
pub(crate) struct Lookup {
    texts: Vec<Str>,
    keys: Vec<NodeKey>,
}

impl Lookup {
    fn new(texts: Vec<String>, keys: &[u8]) -> Result<Self, WireError> {
        at_most("texts of the alert", texts.len(), TEXTS_MAX)?;
        at_most("node keys of the alert", keys.len() / 16, KEYS_MAX)?;
        for text in &texts {
            at_most("text of the alert", text.len(), TEXT_BYTES_MAX)?;
        }
        let (keys, rest) = keys.as_chunks::<16>();
        if !rest.is_empty() {
            let got = rest.len() as u64;
            return Err(WireError::Invalid { what: "rest of the node keys", got, expected: "16 bytes each" });
        }
        let keys = keys.iter().map(|&bytes| NodeKey(u128::from_le_bytes(bytes))).collect();
        Ok(Self { texts: texts.into_iter().map(Str::from).collect(), keys })
    }

    pub(crate) fn key(&self, index: u32) -> Result<NodeKey, WireError> {
        let what = "a node";
        self.keys.get(index as usize).copied().ok_or(WireError::OutOfTable { what, index, len: self.keys.len() })
    }

    pub(crate) fn text(&self, index: u32) -> Result<Str, WireError> {
        let what = "a text";
        self.texts.get(index as usize).cloned().ok_or(WireError::OutOfTable { what, index, len: self.texts.len() })
    }

    fn maybe_text(&self, index: Option<u32>) -> Result<Option<Str>, WireError> {
        index.map(|index| self.text(index)).transpose()
    }

    fn reasons(&self, reasons: Vec<proto::Reason>) -> Result<Vec<Reason>, WireError> {
        at_most("reasons", reasons.len(), REASONS_MAX)?;
        reasons.into_iter().filter_map(|reason| self.reason(reason).transpose()).collect()
    }

    fn node(&self, base: EventNs, node: proto::Node) -> Result<AlertNode, WireError> {
        let first = shifted(base, node.first_delta_ns);
        let role = match proto::Role::try_from(node.role).map_err(|_| unknown("role", node.role))? {
            proto::Role::Terminal => NodeRole::Terminal,
            proto::Role::Connector => NodeRole::Connector,
            proto::Role::Context => NodeRole::Context,
        };
        Ok(AlertNode {
            attrs: self.attrs(node.attrs.ok_or(WireError::Missing { what: "kind of a node" })?)?,
            general: self.text(node.general)?,
            role,
            surprise: Millibits(node.surprise_millibits),
            reasons: self.reasons(node.reasons)?,
            first,
            last: after(first, node.span_ns),
        })
    }

    fn attrs(&self, attrs: proto::node::Attrs) -> Result<NodeAttrs, WireError> {
        use proto::node::Attrs;
        Ok(match attrs {
            Attrs::Process(process) => NodeAttrs::Process {
                process: ProcessRef { pid: process.pid, start: process.start, uuid: uuid(process.uuid)? },
                exe: self.maybe_text(process.exe)?,
                cmdline: self.maybe_text(process.cmdline)?,
                uid: process.uid,
                container: self.maybe_text(process.container)?,
                environment: self.maybe_text(process.environment)?,
            },
            Attrs::File(file) => {
                NodeAttrs::File { kind: file_kind(&file), uuid: uuid(file.uuid)?, path: self.maybe_text(file.path)? }
            }
            Attrs::Socket(socket) => NodeAttrs::Socket {
                protocol: protocol(socket.protocol()),
                uuid: uuid(socket.uuid)?,
                local: socket.local.map(address).transpose()?,
                remote: socket.remote.map(address).transpose()?,
                path: self.maybe_text(socket.path)?,
            },
        })
    }

    fn edge(&self, base: EventNs, edge: proto::Edge) -> Result<(EdgeKey, AlertEdge), WireError> {
        let key = EdgeKey { from: self.key(edge.from)?, to: self.key(edge.to)?, op: operation(edge.op)? };
        let first = shifted(base, edge.first_delta_ns);
        let edge = AlertEdge {
            count: edge.count,
            amount_bytes: edge.amount_bytes,
            first,
            last: after(first, edge.span_ns),
            surprise: Millibits(edge.surprise_millibits),
            reasons: self.reasons(edge.reasons)?,
            incomplete: edge.incomplete,
        };
        Ok((key, edge))
    }
}

fn shifted(base: EventNs, delta_ns: i64) -> EventNs {
    EventNs(base.0.wrapping_add_signed(delta_ns))
}

fn after(first: EventNs, span_ns: u64) -> EventNs {
    EventNs(first.0.wrapping_add(span_ns))
}

fn unknown(what: &'static str, got: i32) -> WireError {
    WireError::Invalid { what, got: got.unsigned_abs().into(), expected: "one that this version knows" }
}

fn uuid(bytes: Option<Vec<u8>>) -> Result<Option<Uuid>, WireError> {
    let read = |bytes: Vec<u8>| match <[u8; 16]>::try_from(bytes.as_slice()) {
        Ok(bytes) => Ok(Uuid(u128::from_le_bytes(bytes))),
        Err(_) => Err(WireError::Invalid { what: "length of a uuid", got: bytes.len() as u64, expected: "16 bytes" }),
    };
    bytes.map(read).transpose()
}

pub(crate) fn address(address: proto::Address) -> Result<SocketAddr, WireError> {
    let port = u16::try_from(address.port).map_err(|_| WireError::Invalid {
        what: "port",
        got: address.port.into(),
        expected: "0 to 65535",
    })?;
    let bytes = address.ip.as_slice();
    let ip = <[u8; 4]>::try_from(bytes)
        .map(|octets| IpAddr::V4(Ipv4Addr::from(octets)))
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(|octets| IpAddr::V6(Ipv6Addr::from(octets))))
        .map_err(|_| WireError::Invalid {
            what: "length of an address",
            got: bytes.len() as u64,
            expected: "4 or 16 bytes",
        })?;
    Ok(match ip {
        IpAddr::V4(ip) => SocketAddrV4::new(ip, port).into(),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, address.flow_info, address.scope_id).into(),
    })
}

/// A kind that only a newer sender knows is read as unknown.
pub(crate) fn operation(number: u32) -> Result<Operation, WireError> {
    Operation::ALL.get(number as usize).copied().ok_or(WireError::Invalid {
        what: "operation",
        got: number.into(),
        expected: "the number of an operation",
    })
}

fn file_kind(file: &proto::File) -> FileKind {
    match file.kind() {
        proto::FileKind::Unknown => FileKind::Unknown,
        proto::FileKind::Regular => FileKind::Regular,
        proto::FileKind::Directory => FileKind::Directory,
        proto::FileKind::Device => FileKind::Device,
        proto::FileKind::Pipe => FileKind::Pipe,
        proto::FileKind::Memory => FileKind::Memory,
    }
}

/// A protocol that only a newer sender knows is read as unknown.
pub(crate) fn protocol(protocol: proto::Protocol) -> Protocol {
    match protocol {
        proto::Protocol::Unknown => Protocol::Unknown,
        proto::Protocol::Tcp => Protocol::Tcp,
        proto::Protocol::Udp => Protocol::Udp,
        proto::Protocol::Unix => Protocol::Unix,
        proto::Protocol::Other => Protocol::Other,
    }
}
