//! Both sides refuse what is too large, too new or contradicts itself.

use crate::round_trip::envelope;
use std::collections::BTreeMap;
use tracewell_model::{
    AlertEdge, AlertGraph, AlertId, AlertNode, AlertUpdate, EdgeKey, EventNs, FileKind, HostId, Loss, LossCause,
    LossRecord, Millibits, NodeAttrs, NodeKey, NodeRole, Operation, Reason, Str,
};
use tracewell_wire::limits::{CUT_MARK, EDGES_MAX, FRAME_BYTES_MAX, NODES_MAX, REASONS_MAX, TEXT_BYTES_MAX};
use tracewell_wire::{Message, Payload, VERSION, WireError, decode, encode};

const HOST: HostId = HostId(0);

fn graph() -> AlertGraph {
    AlertGraph {
        id: AlertId(1),
        host: HOST,
        revision: 1,
        first: EventNs(0),
        last: EventNs(0),
        surprise: Millibits::ZERO,
        nodes: BTreeMap::new(),
        edges: BTreeMap::new(),
        n_omitted: 0,
        loss: Loss::default(),
    }
}

fn file(path: &str) -> AlertNode {
    AlertNode {
        attrs: NodeAttrs::File { uuid: None, path: Some(path.into()), kind: FileKind::Regular },
        general: "".into(),
        role: NodeRole::Context,
        surprise: Millibits::ZERO,
        reasons: vec![],
        first: EventNs(0),
        last: EventNs(0),
    }
}

fn sent(graph: AlertGraph) -> Result<AlertGraph, WireError> {
    let payload = Payload::Alert(AlertUpdate { extends: 0, graph });
    match decode(&encode(&Message { host: HOST, epoch: 0, sequence: 1, payload })?)?.payload {
        Payload::Alert(update) => Ok(update.graph),
        other => panic!("an alert came back as {other:?}"),
    }
}

#[test]
fn as_many_nodes_as_allowed_pass_and_one_more_is_refused() {
    let mut graph = graph();
    graph.nodes = (0..NODES_MAX as u128).map(|key| (NodeKey(key), file("/a"))).collect();
    assert_eq!(sent(graph.clone()).unwrap(), graph);
    graph.nodes.insert(NodeKey(u128::MAX), file("/a"));
    let error = sent(graph).unwrap_err();
    assert_eq!(error.to_string(), "nodes of the alert has 4097 entries or bytes, at most 4096 are allowed");
}

#[test]
fn too_many_edges_are_refused() {
    let edge = AlertEdge {
        count: 1,
        amount_bytes: 0,
        first: EventNs(0),
        last: EventNs(0),
        surprise: Millibits::ZERO,
        reasons: vec![],
        incomplete: false,
    };
    let mut graph = graph();
    let key = |n| EdgeKey { from: NodeKey(n % 200), to: NodeKey(n / 200), op: Operation::Read };
    graph.edges = (0..=EDGES_MAX as u128).map(|n| (key(n), edge.clone())).collect();
    assert!(matches!(sent(graph), Err(WireError::TooLarge { what: "edges of the alert", .. })));
}

#[test]
fn too_many_reasons_are_refused() {
    let mut node = file("/a");
    node.reasons = vec![Reason::Connects; REASONS_MAX + 1];
    let mut graph = graph();
    graph.nodes.insert(NodeKey(1), node);
    assert!(matches!(sent(graph), Err(WireError::TooLarge { what: "reasons of a node", .. })));
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let mut graph = graph();
    graph.nodes.insert(NodeKey(1), file(&"ä".repeat(TEXT_BYTES_MAX)));
    let back = sent(graph).unwrap();
    let NodeAttrs::File { path: Some(path), .. } = &back.nodes[&NodeKey(1)].attrs else { panic!("a file went in") };
    assert!(path.len() <= TEXT_BYTES_MAX && path.len() > TEXT_BYTES_MAX - 4, "{} bytes", path.len());
    assert!(path.starts_with("ää") && path.ends_with(CUT_MARK));
}

#[test]
fn a_frame_over_the_limit_is_refused_on_both_sides() {
    let mut graph = graph();
    let path = |n: u128| Str::from(format!("/{n}{}", "x".repeat(TEXT_BYTES_MAX - 50)));
    graph.nodes = (0..300).map(|n| (NodeKey(n), file(&path(n)))).collect();
    assert!(matches!(sent(graph), Err(WireError::TooLarge { what: "frame", .. })));
    let long = vec![0; FRAME_BYTES_MAX + 1];
    assert!(matches!(decode(&long), Err(WireError::TooLarge { what: "frame", .. })));
}

/// Two bytes of an empty node would become some hundred in memory: they are counted before they are decoded.
#[test]
fn a_frame_full_of_empty_nodes_is_refused() {
    let nodes = [0x62, 0].repeat(NODES_MAX + 1);
    let mut payload = vec![0x12];
    let mut len = nodes.len();
    while len >= 0x80 {
        payload.push(len as u8 | 0x80);
        len >>= 7;
    }
    payload.push(len as u8);
    payload.extend(nodes);
    assert!(matches!(decode(&envelope(&payload)), Err(WireError::TooLarge { what: "nodes of the alert", .. })));
}

#[test]
fn another_version_is_refused_and_named() {
    let loss = LossRecord { host: HOST, time: EventNs(1), cause: LossCause::Gap, n_events: 0 };
    let mut frame = encode(&Message { host: HOST, epoch: 0, sequence: 1, payload: Payload::Loss(loss) }).unwrap();
    assert_eq!(frame[..2], [0x08, VERSION as u8]);
    frame[1] = VERSION as u8 + 1;
    let error = decode(&frame).unwrap_err();
    assert_eq!(error.to_string(), "version 2 of the wire format is not understood, expected 1");
}

#[test]
fn an_index_beyond_its_table_is_named() {
    // A node (0x62) whose general label (0x08) is text 5 of none, with an empty file as attributes (0x42), and one key.
    let payload = [&[0x12, 24][..], &[0x5a, 16], &[0; 16], &[0x62, 4, 0x08, 5, 0x42, 0]].concat();
    assert_eq!(decode(&envelope(&payload)), Err(WireError::OutOfTable { what: "a text", index: 5, len: 0 }));
}

#[test]
fn an_alert_of_another_host_is_not_sent() {
    let payload = Payload::Alert(AlertUpdate { extends: 0, graph: graph() });
    let error = encode(&Message { host: HostId(9), epoch: 0, sequence: 1, payload }).unwrap_err();
    assert_eq!(error.to_string(), "host of the alert is 0, expected the host of the message");
}

/// Protobuf would merge a message that comes twice, past limits that hold for each.
#[test]
fn a_payload_that_comes_twice_is_refused() {
    let error = decode(&envelope(&[0x12, 0, 0x12, 0])).unwrap_err();
    assert_eq!(error.to_string(), "frame is not protobuf: field 2 of the payload came twice");
}

#[test]
fn a_path_that_shares_more_than_there_was_is_refused() {
    // A profile (0x42) with a version and a leaf (0x2a) that shares (0x08) 3 steps with none.
    let error = decode(&envelope(&[0x42, 6, 0x12, 0, 0x2a, 2, 0x08, 3])).unwrap_err();
    assert_eq!(error.to_string(), "shared steps of a path has 3 entries or bytes, at most 0 are allowed");
}

#[test]
fn a_group_of_more_hosts_than_there_are_is_refused() {
    // A view (0x52) of 2 hosts (0x08), a node (0x12) with a vote (0x18) of as many of the group (0x28), and hosts of the group (0x18).
    let view = |n_hosts, of_group, n_group| {
        decode(&envelope(&[0x52, 10, 0x08, n_hosts, 0x12, 4, 0x18, 1, 0x28, of_group, 0x18, n_group])).map(drop)
    };
    let refused = |result: Result<(), WireError>| result.unwrap_err().to_string();
    assert!(refused(view(2, 1, 1)).starts_with("class is"), "it was read");
    assert_eq!(refused(view(2, 1, 3)), "hosts of the group is 3, expected no more than of all hosts");
    assert_eq!(refused(view(2, 2, 2)), "votes of the group is 2, expected no more than of all hosts");
    assert_eq!(refused(view(2, 1, 0)), "votes of the group is 1, expected no more than of all hosts");
}

/// A newer sender's fields are skipped and its reasons of unknown kind are left out; the rest of the graph is read.
#[test]
fn unknown_fields_and_reasons_are_skipped() {
    // Text "a", one key, one node with an unknown field 99 (0x9a06), a reason of unknown kind 100 (0xa006) and a file.
    let node = [0x9a, 0x06, 1, b'x', 0x32, 3, 0xa0, 0x06, 1, 0x42, 0];
    let payload = [
        &[0x12, 3 + 18 + 2 + node.len() as u8][..],
        &[0x52, 1, b'a'],
        &[0x5a, 16],
        &[7; 16],
        &[0x62, node.len() as u8],
        &node,
    ]
    .concat();
    let Payload::Alert(update) = decode(&envelope(&payload)).unwrap().payload else { panic!("an alert went in") };
    let node = update.graph.nodes.values().next().unwrap();
    assert_eq!((&*node.general, node.reasons.len()), ("a", 0));
}
