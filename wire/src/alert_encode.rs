//! Alert update to protobuf: texts and node keys go into tables, times become distances.

use crate::error::at_most;
use crate::limits::{CUT_MARK, EDGES_MAX, KEYS_MAX, NODES_MAX, REASONS_MAX, TEXT_BYTES_MAX, TEXTS_MAX};
use crate::{WireError, proto};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tracewell_model::{
    AlertEdge, AlertGraph, AlertNode, AlertUpdate, EdgeKey, EventNs, FileKind, NodeAttrs, NodeKey, NodeRole, Protocol,
    Str, Uuid,
};

impl TryFrom<&AlertUpdate> for proto::AlertUpdate {
    type Error = WireError;

    fn try_from(update: &AlertUpdate) -> Result<Self, WireError> {
        let graph = &update.graph;
        at_most("nodes of the alert", graph.nodes.len(), NODES_MAX)?;
        at_most("edges of the alert", graph.edges.len(), EDGES_MAX)?;
        let mut tables = Tables::with_nodes(graph.nodes.keys());
        let nodes = graph.nodes.values().map(|node| tables.node(graph, node)).collect::<Result<_, _>>()?;
        let edges = graph.edges.iter().map(|(key, edge)| tables.edge(graph, key, edge)).collect::<Result<_, _>>()?;
        at_most("texts of the alert", tables.texts.len(), TEXTS_MAX)?;
        at_most("node keys of the alert", tables.keys.len(), KEYS_MAX)?;
        Ok(Self {
            id: graph.id.0,
            revision: graph.revision,
            extends: update.extends,
            first_ns: graph.first.0,
            span_ns: span(graph.first, graph.last),
            surprise_millibits: graph.surprise.0,
            omitted: graph.n_omitted,
            lost_events: graph.loss.n_events,
            lost_gaps: graph.loss.n_gaps,
            strings: tables.texts,
            keys: tables.keys.iter().flat_map(|key| key.0.to_le_bytes()).collect(),
            nodes,
            edges,
        })
    }
}

/// What nodes, edges and reasons point into, in the order of first use.
pub(crate) struct Tables {
    texts: Vec<String>,
    text_index: BTreeMap<Str, u32>,
    keys: Vec<NodeKey>,
    key_index: BTreeMap<NodeKey, u32>,
}

impl Tables {
    fn with_nodes<'a>(nodes: impl Iterator<Item = &'a NodeKey>) -> Self {
        let mut tables =
            Self { texts: Vec::new(), text_index: BTreeMap::new(), keys: Vec::new(), key_index: BTreeMap::new() };
        for &key in nodes {
            tables.key(key);
        }
        tables
    }

    pub(crate) fn key(&mut self, key: NodeKey) -> u32 {
        *self.key_index.entry(key).or_insert_with(|| {
            self.keys.push(key);
            self.keys.len() as u32 - 1
        })
    }

    pub(crate) fn text(&mut self, text: &Str) -> u32 {
        if let Some(&index) = self.text_index.get(text) {
            return index;
        }
        let index = self.texts.len() as u32;
        self.texts.push(cut(text));
        self.text_index.insert(text.clone(), index);
        index
    }

    fn maybe_text(&mut self, text: &Option<Str>) -> Option<u32> {
        text.as_ref().map(|text| self.text(text))
    }

    fn node(&mut self, graph: &AlertGraph, node: &AlertNode) -> Result<proto::Node, WireError> {
        at_most("reasons of a node", node.reasons.len(), REASONS_MAX)?;
        Ok(proto::Node {
            general: self.text(&node.general),
            role: role(node.role).into(),
            surprise_millibits: node.surprise.0,
            first_delta_ns: delta(graph.first, node.first),
            span_ns: span(node.first, node.last),
            reasons: node.reasons.iter().map(|reason| self.reason(reason)).collect(),
            attrs: Some(self.attrs(&node.attrs)),
        })
    }

    fn attrs(&mut self, attrs: &NodeAttrs) -> proto::node::Attrs {
        use proto::node::Attrs;
        match attrs {
            NodeAttrs::Process { process, exe, cmdline, uid, container, environment } => {
                Attrs::Process(proto::Process {
                    pid: process.pid,
                    start: process.start,
                    uuid: uuid(process.uuid),
                    exe: self.maybe_text(exe),
                    cmdline: self.maybe_text(cmdline),
                    uid: *uid,
                    container: self.maybe_text(container),
                    environment: self.maybe_text(environment),
                })
            }
            NodeAttrs::File { uuid: id, path, kind } => {
                Attrs::File(proto::File { uuid: uuid(*id), path: self.maybe_text(path), kind: file_kind(*kind).into() })
            }
            NodeAttrs::Socket { uuid: id, protocol: kind, local, remote, path } => Attrs::Socket(proto::Socket {
                uuid: uuid(*id),
                protocol: protocol(*kind).into(),
                local: local.map(address),
                remote: remote.map(address),
                path: self.maybe_text(path),
            }),
        }
    }

    fn edge(&mut self, graph: &AlertGraph, key: &EdgeKey, edge: &AlertEdge) -> Result<proto::Edge, WireError> {
        at_most("reasons of an edge", edge.reasons.len(), REASONS_MAX)?;
        Ok(proto::Edge {
            from: self.key(key.from),
            to: self.key(key.to),
            op: key.op as u32,
            count: edge.count,
            amount_bytes: edge.amount_bytes,
            first_delta_ns: delta(graph.first, edge.first),
            span_ns: span(edge.first, edge.last),
            surprise_millibits: edge.surprise.0,
            incomplete: edge.incomplete,
            reasons: edge.reasons.iter().map(|reason| self.reason(reason)).collect(),
        })
    }
}

/// Distances wrap around instead of saturating, so that any two times survive the round trip.
fn delta(base: EventNs, time: EventNs) -> i64 {
    time.0.wrapping_sub(base.0) as i64
}

fn span(first: EventNs, last: EventNs) -> u64 {
    last.0.wrapping_sub(first.0)
}

/// The text if it is short enough, else as many whole characters as fit before the mark.
///
/// A process with an endless command line must still be reported, so this cuts and does not refuse.
fn cut(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(TEXT_BYTES_MAX - CUT_MARK.len());
    format!("{}{CUT_MARK}", &text[..end])
}

fn uuid(uuid: Option<Uuid>) -> Option<Vec<u8>> {
    uuid.map(|uuid| uuid.0.to_le_bytes().to_vec())
}

pub(crate) fn address(address: SocketAddr) -> proto::Address {
    match address {
        SocketAddr::V4(v4) => {
            proto::Address { ip: v4.ip().octets().to_vec(), port: v4.port().into(), flow_info: 0, scope_id: 0 }
        }
        SocketAddr::V6(v6) => proto::Address {
            ip: v6.ip().octets().to_vec(),
            port: v6.port().into(),
            flow_info: v6.flowinfo(),
            scope_id: v6.scope_id(),
        },
    }
}

fn role(role: NodeRole) -> proto::Role {
    match role {
        NodeRole::Terminal => proto::Role::Terminal,
        NodeRole::Connector => proto::Role::Connector,
        NodeRole::Context => proto::Role::Context,
    }
}

fn file_kind(kind: FileKind) -> proto::FileKind {
    match kind {
        FileKind::Unknown => proto::FileKind::Unknown,
        FileKind::Regular => proto::FileKind::Regular,
        FileKind::Directory => proto::FileKind::Directory,
        FileKind::Device => proto::FileKind::Device,
        FileKind::Pipe => proto::FileKind::Pipe,
        FileKind::Memory => proto::FileKind::Memory,
    }
}

pub(crate) fn protocol(protocol: Protocol) -> proto::Protocol {
    match protocol {
        Protocol::Unknown => proto::Protocol::Unknown,
        Protocol::Tcp => proto::Protocol::Tcp,
        Protocol::Udp => proto::Protocol::Udp,
        Protocol::Unix => proto::Protocol::Unix,
        Protocol::Other => proto::Protocol::Other,
    }
}
