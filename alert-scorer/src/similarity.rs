use crate::signature::{label_hash, prefix};
use std::collections::BTreeMap;
use tracewell_model::{AlertGraph, AlertNode, NodeRole};

/// The labelled pieces of a story, weighted by how much they matter: nodes, and edges with the labels of both ends.
///
/// Repeats of a piece count once, so that a loop that ran twice as often is still the same story.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shingles {
    weights: BTreeMap<u128, u32>,
    terminals: Vec<u128>,
}

impl Shingles {
    pub fn of(story: &[&AlertGraph]) -> Self {
        let mut shingles = Self::default();
        for graph in story {
            for node in graph.nodes.values() {
                let label = label_hash(node);
                shingles.weights.insert(label, weight(node));
                if node.role == NodeRole::Terminal {
                    shingles.terminals.push(label);
                }
            }
            for key in graph.edges.keys() {
                if let (Some(from), Some(to)) = (graph.nodes.get(&key.from), graph.nodes.get(&key.to)) {
                    let mut hasher = blake3::Hasher::new();
                    hasher.update(&label_hash(from).to_le_bytes());
                    hasher.update(&[key.op as u8]);
                    hasher.update(&label_hash(to).to_le_bytes());
                    shingles.weights.insert(prefix(&hasher.finalize()), weight(from).max(weight(to)));
                }
            }
        }
        shingles.terminals.sort_unstable();
        shingles.terminals.dedup();
        shingles
    }

    /// Labels of the terminals, sorted; stories that share none are never alike enough to fold.
    pub fn terminals(&self) -> &[u128] {
        &self.terminals
    }

    /// Weighted Jaccard similarity in thousandths, 1000 for equal pieces. Symmetric. O(pieces of both).
    pub fn similarity_permille(&self, other: &Self) -> u32 {
        let (mut both, mut any) = (0u64, 0u64);
        for (piece, &weight) in &self.weights {
            let there = other.weights.get(piece).copied().unwrap_or(0);
            both += u64::from(weight.min(there));
            any += u64::from(weight.max(there));
        }
        for (piece, &weight) in &other.weights {
            if !self.weights.contains_key(piece) {
                any += u64::from(weight);
            }
        }
        match any {
            0 => 1000,
            any => u32::try_from(both * 1000 / any).expect("both is at most any"),
        }
    }
}

/// What stands out tells stories apart better than what it happened to touch.
fn weight(node: &AlertNode) -> u32 {
    match node.role {
        NodeRole::Terminal => 4,
        NodeRole::Connector => 2,
        NodeRole::Context => 1,
    }
}
