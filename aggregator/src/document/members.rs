//! The graph of an incident: the nodes and edges of its members, each once.

use super::alerts::{Edge, Kind, Member, Node, Role};
use super::time::rfc3339;
use std::collections::BTreeMap;
use tracewell_alert_scorer::words::{Names, label};
use tracewell_model::{
    AlertEdge, AlertGraph, AlertNode, EdgeKey, EventNs, FileKind, HostId, NodeAttrs, NodeKey, NodeKind, NodeRole,
    Protocol, Reason, Str,
};

/// The names of hosts by which people know them.
pub type HostNames = BTreeMap<HostId, Str>;

pub fn host_name(names: &HostNames, host: HostId) -> String {
    names.get(&host).map_or_else(|| host.to_string(), |name| name.to_string())
}

pub fn member(graph: &AlertGraph, names: &HostNames) -> Member {
    Member {
        id: graph.id.to_string(),
        host: host_name(names, graph.host),
        revision: graph.revision,
        first: rfc3339(graph.first),
        last: rfc3339(graph.last),
        surprise_millibits: graph.surprise.0,
        nodes: graph.nodes.len(),
        edges: graph.edges.len(),
        nodes_omitted: graph.n_omitted,
        lost_events: graph.loss.n_events,
        lost_gaps: graph.loss.n_gaps,
    }
}

/// Where members see the same node or edge, the surprise is the highest, the times and the reasons are those of all, and
/// counts add up; the attributes are those of the member that saw it last.
pub fn nodes_and_edges(members: &[&AlertGraph], names: &HostNames) -> (Vec<Node>, Vec<Edge>) {
    let words = Names::of(members);
    let mut nodes = BTreeMap::<NodeKey, Seen<AlertNode>>::new();
    let mut edges = BTreeMap::<EdgeKey, Seen<AlertEdge>>::new();
    for (idx, member) in members.iter().enumerate() {
        for (&key, node) in &member.nodes {
            let seen =
                nodes.entry(key).or_insert_with(|| Seen { value: node.clone(), host: member.host, members: vec![] });
            seen.members.push(idx);
            join_node(&mut seen.value, node);
        }
        for (&key, edge) in &member.edges {
            match edges.get_mut(&key) {
                Some(seen) => {
                    seen.members.push(idx);
                    join_edge(&mut seen.value, edge);
                }
                None => drop(edges.insert(key, Seen { value: edge.clone(), host: member.host, members: vec![idx] })),
            }
        }
    }
    let nodes = nodes.into_iter().map(|(key, seen)| node(key, seen, &words, names)).collect();
    let edges = edges.into_iter().map(|(key, seen)| edge(key, seen, &words)).collect();
    (nodes, edges)
}

struct Seen<T> {
    value: T,
    host: HostId,
    members: Vec<usize>,
}

fn join_node(known: &mut AlertNode, seen: &AlertNode) {
    if seen.last > known.last {
        known.attrs = seen.attrs.clone();
        known.general = seen.general.clone();
    }
    known.role = known.role.min(seen.role);
    known.surprise = known.surprise.max(seen.surprise);
    join_reasons(&mut known.reasons, &seen.reasons);
    join_span((&mut known.first, &mut known.last), (seen.first, seen.last));
}

fn join_edge(known: &mut AlertEdge, seen: &AlertEdge) {
    known.count = known.count.saturating_add(seen.count);
    known.amount_bytes = known.amount_bytes.saturating_add(seen.amount_bytes);
    known.surprise = known.surprise.max(seen.surprise);
    known.incomplete |= seen.incomplete;
    join_reasons(&mut known.reasons, &seen.reasons);
    join_span((&mut known.first, &mut known.last), (seen.first, seen.last));
}

fn join_reasons(known: &mut Vec<Reason>, seen: &[Reason]) {
    for reason in seen {
        if !known.contains(reason) {
            known.push(reason.clone());
        }
    }
}

fn join_span(known: (&mut EventNs, &mut EventNs), seen: (EventNs, EventNs)) {
    *known.0 = seen.0.min(*known.0);
    *known.1 = seen.1.max(*known.1);
}

fn node(key: NodeKey, seen: Seen<AlertNode>, words: &Names<'_>, names: &HostNames) -> Node {
    let node = &seen.value;
    let base = Node {
        id: key.to_string(),
        kind: kind(node.attrs.kind()),
        role: role(node.role),
        host: host_name(names, seen.host),
        label: label(node),
        general: node.general.to_string(),
        surprise_millibits: node.surprise.0,
        first: rfc3339(node.first),
        last: rfc3339(node.last),
        reasons: node.reasons.iter().map(|reason| words.reason(reason)).collect(),
        members: seen.members,
        ..Node::default()
    };
    let text = |text: &Option<Str>| text.as_ref().map(ToString::to_string);
    match &node.attrs {
        NodeAttrs::Process { process, exe, cmdline, uid, container, environment } => Node {
            label: if process.pid == 0 { base.label } else { format!("{} [{}]", base.label, process.pid) },
            uuid: process.uuid.map(|uuid| uuid.to_string()),
            pid: (process.pid != 0).then_some(process.pid),
            start: (process.start != 0).then_some(process.start),
            exe: text(exe),
            cmdline: text(cmdline),
            uid: *uid,
            container: text(container),
            environment: text(environment),
            ..base
        },
        NodeAttrs::File { uuid, path, kind } => Node {
            uuid: uuid.map(|uuid| uuid.to_string()),
            path: text(path),
            file_kind: Some(file_kind(*kind).to_owned()),
            ..base
        },
        NodeAttrs::Socket { uuid, protocol, local, remote, path } => Node {
            uuid: uuid.map(|uuid| uuid.to_string()),
            protocol: Some(protocol_name(*protocol).to_owned()),
            local: local.map(|addr| addr.to_string()),
            remote: remote.map(|addr| addr.to_string()),
            path: text(path),
            ..base
        },
    }
}

fn edge(key: EdgeKey, seen: Seen<AlertEdge>, words: &Names<'_>) -> Edge {
    let edge = &seen.value;
    Edge {
        from: key.from.to_string(),
        to: key.to.to_string(),
        operation: key.op.name().to_owned(),
        count: edge.count,
        bytes: edge.amount_bytes,
        surprise_millibits: edge.surprise.0,
        first: rfc3339(edge.first),
        last: rfc3339(edge.last),
        reasons: edge.reasons.iter().map(|reason| words.reason(reason)).collect(),
        incomplete: edge.incomplete,
        members: seen.members,
    }
}

fn kind(kind: NodeKind) -> Kind {
    match kind {
        NodeKind::Process => Kind::Process,
        NodeKind::File => Kind::File,
        NodeKind::Socket => Kind::Socket,
    }
}

fn role(role: NodeRole) -> Role {
    match role {
        NodeRole::Terminal => Role::Terminal,
        NodeRole::Connector => Role::Connector,
        NodeRole::Context => Role::Context,
    }
}

fn file_kind(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Unknown => "unknown",
        FileKind::Regular => "regular",
        FileKind::Directory => "directory",
        FileKind::Device => "device",
        FileKind::Pipe => "pipe",
        FileKind::Memory => "memory",
    }
}

fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Unknown => "unknown",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Unix => "unix",
        Protocol::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_model::{AlertId, Loss, Millibits, Operation, ProcessRef};

    fn process(pid: u32, span: (u64, u64), role: NodeRole, reason: Reason) -> AlertNode {
        let process = ProcessRef { pid, start: 7, uuid: None };
        let exe = Some("/bin/tool".into());
        AlertNode {
            attrs: NodeAttrs::Process { process, exe, cmdline: None, uid: Some(0), container: None, environment: None },
            general: "/bin/tool".into(),
            role,
            surprise: Millibits::bits(pid),
            reasons: vec![reason],
            first: EventNs(span.0),
            last: EventNs(span.1),
        }
    }

    fn graph(nodes: Vec<(u128, AlertNode)>, count: u64) -> AlertGraph {
        let edge = AlertEdge {
            count,
            amount_bytes: 10 * count,
            first: EventNs(count),
            last: EventNs(count + 1),
            surprise: Millibits(5),
            reasons: vec![Reason::Connects],
            incomplete: count > 1,
        };
        AlertGraph {
            id: AlertId(count),
            host: HostId(9),
            revision: 1,
            first: EventNs(0),
            last: EventNs(100),
            surprise: Millibits(0),
            nodes: nodes.into_iter().map(|(key, node)| (NodeKey(key), node)).collect(),
            edges: [(EdgeKey { from: NodeKey(1), to: NodeKey(2), op: Operation::Fork }, edge)].into(),
            n_omitted: 0,
            loss: Loss::default(),
        }
    }

    #[test]
    fn members_join_into_one_graph() {
        let (terminal, context) = (NodeRole::Terminal, NodeRole::Context);
        let a = graph(vec![(1, process(3, (10, 20), context, Reason::Connects))], 1);
        let b = graph(
            vec![
                (1, process(3, (5, 30), terminal, Reason::EnteredKernel)),
                (2, process(0, (6, 7), context, Reason::Connects)),
            ],
            2,
        );
        let names = HostNames::from([(HostId(9), "web".into())]);
        let (nodes, edges) = nodes_and_edges(&[&a, &b], &names);
        assert_eq!(nodes.len(), 2);
        let [one, two] = &nodes[..] else { unreachable!("two nodes") };
        assert_eq!((one.label.as_str(), one.host.as_str(), one.role), ("/bin/tool [3]", "web", Role::Terminal));
        assert_eq!(
            (one.first.as_str(), one.last.as_str()),
            ("1970-01-01T00:00:00.000000005Z", "1970-01-01T00:00:00.000000030Z")
        );
        assert_eq!((one.reasons.len(), &one.members), (2, &vec![0, 1]));
        assert_eq!((two.pid, two.label.as_str(), &two.members), (None, "/bin/tool", &vec![1]));
        assert_eq!(edges.len(), 1);
        assert_eq!((edges[0].count, edges[0].bytes, edges[0].incomplete), (3, 30, true));
        assert_eq!(edges[0].members, [0, 1]);
    }
}
