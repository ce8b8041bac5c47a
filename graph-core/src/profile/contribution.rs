//! What a host tells the fleet: its best established leaves, small and slow to change.
//!
//! Counts are rounded down to a power of two and days stop at what a vote needs, so that a settled host has nothing new
//! to say on most days and a delta stays small.

use crate::profile::HostProfile;
use crate::profile::tree::NodeRank;
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::Str;

/// A host's share of the fleet's state; plain data in canonical order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contribution {
    /// First day of the profile, since the Unix epoch; `u32::MAX` for one that has seen nothing.
    pub since_day: u32,
    /// The labels that paths refer to, ascending, without repetition.
    pub dictionary: Vec<Str>,
    /// Ascending by path.
    pub leaves: Vec<ContributionLeaf>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContributionLeaf {
    /// Workload, executable, class, … down to the object's last label, as places in the dictionary.
    pub path: Vec<u32>,
    /// Decayed observations, rounded down to a power of two; at least 1.
    pub count: u32,
    /// Distinct days, up to the number that makes a vote.
    pub days: u32,
    pub first_day: u32,
}

/// What a leaf's path leads to, once paths are spelled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeafFacts {
    pub count: u32,
    pub days: u32,
    pub first_day: u32,
}

/// Bytes of one step of a path, of the rest of a leaf, and of a label beyond its text, as a compact encoding has them.
const STEP_BYTES: usize = 3;
const LEAF_BYTES: usize = 12;
const LABEL_BYTES: usize = 3;

impl Contribution {
    /// Size on the wire, by a formula that is an upper bound for varint encodings of up to 2^21 labels.
    pub fn encoded_bytes(&self) -> usize {
        let labels: usize = self.dictionary.iter().map(|label| LABEL_BYTES + label.len()).sum();
        let leaves: usize = self.leaves.iter().map(|leaf| LEAF_BYTES + STEP_BYTES * leaf.path.len()).sum();
        LEAF_BYTES + labels + leaves
    }

    /// The labels of a leaf's path; `None` where it points outside the dictionary.
    pub fn labels(&self, leaf: &ContributionLeaf) -> Option<Vec<Str>> {
        leaf.path.iter().map(|&label| self.dictionary.get(label as usize).cloned()).collect()
    }

    /// All leaves by their spelled-out paths; those that point outside the dictionary are left out.
    pub(crate) fn facts(&self) -> BTreeMap<Vec<Str>, LeafFacts> {
        let spelled = |leaf: &ContributionLeaf| {
            let ContributionLeaf { count, days, first_day, .. } = *leaf;
            Some((self.labels(leaf)?, LeafFacts { count, days, first_day }))
        };
        self.leaves.iter().filter_map(spelled).collect()
    }

    pub(crate) fn from_facts(since_day: u32, facts: &BTreeMap<Vec<Str>, LeafFacts>) -> Self {
        let labels: BTreeSet<&Str> = facts.keys().flatten().collect();
        let place: BTreeMap<&Str, u32> = labels.iter().copied().zip(0..).collect();
        let leaf = |(path, facts): (&Vec<Str>, &LeafFacts)| ContributionLeaf {
            path: path.iter().map(|label| place[label]).collect(),
            count: facts.count,
            days: facts.days,
            first_day: facts.first_day,
        };
        Self { since_day, dictionary: labels.into_iter().cloned().collect(), leaves: facts.iter().map(leaf).collect() }
    }
}

impl HostProfile {
    /// The best established leaves, as many as the budget for contributions holds.
    pub fn contribution(&self) -> Contribution {
        let mut ranked: Vec<(Vec<Str>, LeafFacts)> = Vec::new();
        for idx in self.tree.live_nodes() {
            let node = self.tree.node(idx);
            let mut path: Vec<u32> = self.tree.lineage(idx).collect();
            if node.rank != NodeRank::Leaf || node.hits == 0 || path.last() == Some(&self.any) {
                continue;
            }
            path.reverse();
            let count = u32::try_from(node.count / self.tree.weight).unwrap_or(u32::MAX).max(1);
            let facts = LeafFacts {
                count: 1 << count.ilog2(),
                days: u32::from(node.days).min(self.parameters.vote_days),
                first_day: node.first_day,
            };
            ranked.push((path.iter().map(|&idx| self.tree.text(idx).clone()).collect(), facts));
        }
        let worth = |facts: &LeafFacts| (facts.days, facts.count, u32::MAX - facts.first_day);
        ranked.sort_unstable_by(|a, b| worth(&b.1).cmp(&worth(&a.1)).then_with(|| a.0.cmp(&b.0)));
        let (mut labels, mut bytes) = (BTreeSet::new(), LEAF_BYTES);
        let mut facts = BTreeMap::new();
        for (path, fact) in ranked {
            let new: BTreeSet<&Str> = path.iter().filter(|label| !labels.contains(*label)).collect();
            let label_bytes: usize = new.iter().map(|label| LABEL_BYTES + label.len()).sum();
            bytes += label_bytes + LEAF_BYTES + STEP_BYTES * path.len();
            if bytes > self.parameters.contribution_bytes_max {
                break;
            }
            labels.extend(path.iter().cloned());
            facts.insert(path, fact);
        }
        Contribution::from_facts(self.since_day, &facts)
    }
}
