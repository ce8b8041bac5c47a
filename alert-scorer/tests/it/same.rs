//! Which stories are the same, and how alike others are.

use crate::sketch::{Sketch, intrusion, key, oddity};
use proptest::prelude::*;
use tracewell_alert_scorer::{Shingles, Signature};
use tracewell_model::{AlertGraph, AlertId, EdgeKey, EventNs, HostId, NodeKey, NodeRole, Operation, Reason};

/// The same story told elsewhere at another time, with other keys, counts and ids.
fn elsewhere(graph: &AlertGraph, salt: u128) -> AlertGraph {
    let moved = |key: NodeKey| NodeKey(key.0.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) ^ salt);
    let mut other = graph.clone();
    (other.id, other.host, other.revision) = (AlertId(salt as u64), HostId(salt as u64 + 1), 9);
    (other.first, other.last) = (EventNs(5_000), EventNs(6_000));
    other.nodes = graph.nodes.iter().map(|(&key, node)| (moved(key), node.clone())).collect();
    other.nodes.values_mut().for_each(|node| (node.first, node.last) = (EventNs(salt as u64), EventNs(7)));
    let edges = graph
        .edges
        .iter()
        .map(|(key, edge)| (EdgeKey { from: moved(key.from), to: moved(key.to), op: key.op }, edge.clone()));
    other.edges = edges.collect();
    other.edges.values_mut().for_each(|edge| edge.count += salt as u64 % 100);
    other
}

#[test]
fn a_signature_knows_what_makes_a_story() {
    let base = intrusion();
    let of = |sketch: &Sketch| Signature::of(&[&sketch.0]);
    let repeated = intrusion().file(13, "/tmp/payload").edge(13, Operation::Exec, 2);
    let other_op = intrusion().edge(2, Operation::Send, 4);
    let other_file = intrusion().file(5, "/etc/other").edge(5, Operation::Read, 2);
    let other_role = intrusion().process(1, "/usr/sbin/httpd", NodeRole::Terminal, &[Reason::Connects]);
    let mut other_fact = intrusion();
    other_fact.0.nodes.get_mut(&key(2)).unwrap().reasons.push(Reason::EnteredKernel);
    let mut fewer_rarities = intrusion();
    let rare =
        Reason::RareOperation { surprise: tracewell_model::Millibits::bits(9), op: Operation::Write, what: "x".into() };
    fewer_rarities.0.nodes.get_mut(&key(2)).unwrap().reasons.push(rare);

    assert_eq!(of(&base), of(&repeated), "a repeat is the same story");
    assert_eq!(of(&base), of(&fewer_rarities), "rarity is the profile's affair");
    for (what, other) in [("operation", other_op), ("file", other_file), ("role", other_role), ("fact", other_fact)] {
        assert_ne!(of(&base), of(&other), "another {what} is another story");
    }
    assert_eq!(Signature::of(&[&base.0]), Signature::of(&[&base.0, &elsewhere(&base.0, 5)]));
}

#[test]
fn similarity_falls_with_what_differs() {
    let shingles = |sketch: &Sketch| Shingles::of(&[&sketch.0]);
    let base = shingles(&intrusion());
    let one_more_file = shingles(&intrusion().file(5, "/etc/other").edge(5, Operation::Read, 2));
    let similarity = base.similarity_permille(&one_more_file);
    assert!((800..1000).contains(&similarity), "{similarity}");
    assert_eq!(base.similarity_permille(&shingles(&oddity())), 0);
    assert_eq!(Shingles::default().similarity_permille(&Shingles::default()), 1000);
}

/// Small graphs over few labels, so that they often share some.
fn graph() -> impl Strategy<Value = AlertGraph> {
    let role = prop_oneof![Just(NodeRole::Terminal), Just(NodeRole::Connector), Just(NodeRole::Context)];
    let nodes = proptest::collection::vec((0..5u8, role), 1..8);
    let edges = proptest::collection::vec((0..8u128, 0..Operation::ALL.len(), 0..8u128), 0..10);
    (nodes, edges).prop_map(|(nodes, edges)| {
        let sketch = nodes.into_iter().enumerate().fold(Sketch::new(), |sketch, (n, (label, role))| {
            sketch.process(n as u128, &format!("/bin/{label}"), role, &[])
        });
        edges.into_iter().fold(sketch, |sketch, (from, op, to)| sketch.edge(from, Operation::ALL[op], to)).0
    })
}

proptest! {
    #[test]
    fn similarity_is_symmetric_and_full_on_itself(a in graph(), b in graph()) {
        let (a, b) = (Shingles::of(&[&a]), Shingles::of(&[&b]));
        let similarity = a.similarity_permille(&b);
        prop_assert_eq!(similarity, b.similarity_permille(&a));
        prop_assert!(similarity <= 1000);
        prop_assert_eq!(a.similarity_permille(&a), 1000);
        prop_assert_eq!(similarity == 1000, a == b);
    }

    #[test]
    fn a_story_told_elsewhere_is_the_same(graph in graph(), salt in any::<u128>()) {
        let other = elsewhere(&graph, salt);
        prop_assert_eq!(Signature::of(&[&graph]), Signature::of(&[&other]));
        prop_assert_eq!(Shingles::of(&[&graph]).similarity_permille(&Shingles::of(&[&other])), 1000);
    }
}
