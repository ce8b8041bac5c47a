use crate::Fact;
use std::collections::BTreeSet;
use std::fmt;
use tracewell_model::{AlertGraph, AlertNode, NodeKind, NodeRole, Reason};

/// The same for stories that differ only in node keys, times, counts, ids and repeats.
///
/// A hash over the sets of labelled nodes and labelled edges. A label is a node's kind, role, generalised name and the
/// structural facts it shows: a known program that does a new kind of thing is a new signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub u128);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Signature {
    pub fn of(story: &[&AlertGraph]) -> Self {
        let mut lines = BTreeSet::new();
        for graph in story {
            lines.extend(graph.nodes.values().map(|node| vec![label_hash(node)]));
            for key in graph.edges.keys() {
                if let (Some(from), Some(to)) = (graph.nodes.get(&key.from), graph.nodes.get(&key.to)) {
                    lines.insert(vec![label_hash(from), u128::from(key.op as u8), label_hash(to)]);
                }
            }
        }
        let mut hasher = blake3::Hasher::new();
        for line in &lines {
            hasher.update(&[line.len() as u8]);
            for part in line {
                hasher.update(&part.to_le_bytes());
            }
        }
        Self(prefix(&hasher.finalize()))
    }
}

/// Hash of a node's label, the unit of signatures and of similarity.
pub(crate) fn label_hash(node: &AlertNode) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[kind_byte(node.attrs.kind()), role_byte(node.role)]);
    let facts: BTreeSet<Fact> = node.reasons.iter().filter_map(structural).collect();
    hasher.update(&[facts.len() as u8]);
    for fact in facts {
        hasher.update(&[fact as u8]);
    }
    hasher.update(node.general.as_bytes());
    // What another detector finds is another story.
    for detector in node.reasons.iter().filter_map(detector).collect::<BTreeSet<_>>() {
        hasher.update(&[0]).update(detector.as_bytes());
    }
    prefix(&hasher.finalize())
}

fn detector(reason: &Reason) -> Option<&str> {
    if let Reason::Detected(finding) = reason { Some(&finding.detector) } else { None }
}

/// Rarity comes and goes with the profile and is no part of what a story is.
fn structural(reason: &Reason) -> Option<Fact> {
    Fact::of(reason).filter(|fact| !fact.is_rarity())
}

pub(crate) fn prefix(hash: &blake3::Hash) -> u128 {
    u128::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
}

fn kind_byte(kind: NodeKind) -> u8 {
    match kind {
        NodeKind::Process => b'p',
        NodeKind::File => b'f',
        NodeKind::Socket => b's',
    }
}

fn role_byte(role: NodeRole) -> u8 {
    match role {
        NodeRole::Terminal => b't',
        NodeRole::Connector => b'c',
        NodeRole::Context => b'x',
    }
}
