//! What the fleet vouches for: a pure function of the joined map.
//!
//! A host's vote for a leaf counts once it has seen it on enough distinct days, and it is one vote however often the
//! host enrols or repeats itself. Only what more than half of the whole fleet does is taken for ordinary; what more than
//! half of a subject's own hosts do is taken for half as surprising. So a minority, of the fleet or of the peers,
//! noisy or hostile, can make nothing ordinary; even one that fakes being a subject's peers gains a factor of two.

use crate::fleet::trie::{NONE, Trie};
use crate::fleet::{Disputed, FleetMap, is_majority};
use crate::profile::{ContributionLeaf, surprise_milli};
use std::collections::BTreeMap;
use tracewell_model::{Millibits, Str};
use tracewell_parameters::ProfileParameters;

/// Bytes of a node beside its label, on the wire.
const NODE_BYTES: usize = 12;

/// The view as agents hold it. Nodes with too few votes to matter are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetView {
    /// Hosts with any vote.
    n_hosts: u32,
    /// Parents before children, siblings ascending by label.
    nodes: Vec<FleetNode>,
    /// Children of a node by label.
    index: BTreeMap<u32, BTreeMap<Str, u32>>,
}

/// Plain data, part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetNode {
    /// Place of the parent, smaller than the node's own; `u32::MAX` at the top.
    pub parent: u32,
    pub label: Str,
    /// Hosts that vouch for this leaf, or for any leaf below.
    pub votes: u32,
    /// Hosts that vouch for anything of the subject this lies under; the fleet's hosts above subjects.
    pub peers: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fleet view node {at} is not canonical: expected an earlier parent and a label of its own")]
pub struct ViewError {
    pub at: usize,
}

impl FleetView {
    /// The view of a fleet, at most `view_bytes_max` large: the least voted leaves are left out first.
    pub fn of(map: &FleetMap, parameters: &ProfileParameters) -> Self {
        Self::of_undisputed(map, &Disputed::default(), parameters)
    }

    /// The same, without the votes for what is disputed.
    pub fn of_undisputed(map: &FleetMap, disputed: &Disputed, parameters: &ProfileParameters) -> Self {
        let (mut trie, mut n_hosts) = (Trie::default(), 0);
        // Per node: votes, and the last host that was counted there.
        let mut tallies: Vec<(u32, u32)> = Vec::new();
        for (host_no, (_, entry)) in map.iter().enumerate() {
            let host_no = host_no as u32;
            let mut leaves = trie.add(&entry.contribution);
            if !disputed.is_empty() {
                leaves.retain(|(node, _)| !disputed.holds(&trie.path(*node)));
            }
            let voting = |leaf: &ContributionLeaf| leaf.days >= parameters.vote_days;
            tallies.resize(trie.len(), (0, NONE));
            n_hosts += u32::from(leaves.iter().any(|(_, leaf)| voting(leaf)));
            for (node, _) in leaves.into_iter().filter(|(_, leaf)| voting(leaf)) {
                let mut next = node;
                while next != NONE && tallies[next as usize].1 != host_no {
                    let (votes, last_host) = &mut tallies[next as usize];
                    (*votes, *last_host) = (*votes + 1, host_no);
                    next = trie.parent(next);
                }
            }
        }
        let votes = |node: u32| tallies[node as usize].0;
        let votes_min = votes_that_fit(&trie, votes, parameters);
        let (mut nodes, mut places): (Vec<FleetNode>, Vec<u32>) = (Vec::new(), vec![NONE; trie.len()]);
        // A parent has at least its children's votes, so whatever is kept hangs together.
        for node in trie.ordered(|node| votes(node) >= votes_min) {
            let above = trie.parent(node);
            let parent = if above == NONE { NONE } else { places[above as usize] };
            let peers = match (above, nodes.get(parent as usize)) {
                (NONE, _) | (_, None) => n_hosts,
                // Right below a workload stands the subject itself.
                (_, Some(workload)) if workload.parent == NONE => votes(node),
                (_, Some(parent)) => parent.peers,
            };
            places[node as usize] = nodes.len() as u32;
            nodes.push(FleetNode { parent, label: trie.text(node).clone(), votes: votes(node), peers });
        }
        Self::from_nodes(n_hosts, nodes).expect("a trie in canonical order is canonical")
    }

    /// Nodes in canonical order, for a message.
    pub fn nodes(&self) -> (u32, &[FleetNode]) {
        (self.n_hosts, &self.nodes)
    }

    /// # Errors
    /// When a node's parent does not come before it or two siblings share a label; says which.
    pub fn from_nodes(n_hosts: u32, nodes: Vec<FleetNode>) -> Result<Self, ViewError> {
        let mut index: BTreeMap<u32, BTreeMap<Str, u32>> = BTreeMap::new();
        for (at, node) in nodes.iter().enumerate() {
            let parent_is_known = node.parent == NONE || (node.parent as usize) < at;
            let siblings = index.entry(node.parent).or_default();
            if !parent_is_known || siblings.insert(node.label.clone(), at as u32).is_some() {
                return Err(ViewError { at });
            }
        }
        Ok(Self { n_hosts, nodes, index })
    }

    pub fn n_hosts(&self) -> u32 {
        self.n_hosts
    }

    /// How unlikely a host of the fleet is to know what this many of its hosts vouch for, in thousandths of a bit: `-log2` of
    /// (votes + ½) / (hosts + 1), Krichevsky and Trofimov's estimate, so that what nobody vouches for is as rare as a fleet of this size can
    /// tell. `None` for the view of a fleet that vouches for nothing.
    pub fn rarity(&self, votes: u32) -> Option<Millibits> {
        let (votes, hosts) = (2 * u64::from(votes) + 1, 2 * u64::from(self.n_hosts) + 2);
        (self.n_hosts > 0).then(|| Millibits(surprise_milli(votes, hosts)))
    }

    /// Votes for a spelled-out path, and its peers.
    pub fn votes_for(&self, path: &[&str]) -> (u32, u32) {
        let entry = path.iter().fold(None, |parent, label| Some(self.child(parent, label)));
        self.votes(entry.unwrap_or(NONE))
    }

    /// The entry below `parent` (the top, when `None`) of that label or of the wildcard that stands for it.
    pub(crate) fn child(&self, parent: Option<u32>, label: &str) -> u32 {
        if parent == Some(NONE) {
            return NONE;
        }
        let Some(children) = self.index.get(&parent.unwrap_or(NONE)) else { return NONE };
        let wildcard = if label.len() > 1 && label.ends_with('/') { "*/" } else { "*" };
        children.get(label).or_else(|| children.get(wildcard)).copied().unwrap_or(NONE)
    }

    pub(crate) fn votes(&self, entry: u32) -> (u32, u32) {
        self.nodes.get(entry as usize).map_or((0, 0), |node| (node.votes, node.peers))
    }

    /// Whether most hosts of the fleet vouch for a leaf.
    pub(crate) fn vouches(&self, entry: u32) -> bool {
        is_majority(self.votes(entry).0, self.n_hosts)
    }

    /// A host's own surprise at a leaf, lowered as far as the fleet's votes for it allow.
    pub(crate) fn lowered(&self, entry: u32, own_milli: u32) -> u32 {
        let (votes, peers) = self.votes(entry);
        let of = |hosts: u32| surprise_milli(u64::from(votes), u64::from(hosts) + 1);
        if is_majority(votes, self.n_hosts) {
            own_milli.min(of(self.n_hosts))
        } else if is_majority(votes, peers) {
            own_milli.min(of(peers).max(own_milli / 2))
        } else {
            own_milli
        }
    }
}

/// The fewest votes with which a node is kept, so that all that are fit the view's budget.
fn votes_that_fit(trie: &Trie, votes: impl Fn(u32) -> u32, parameters: &ProfileParameters) -> u32 {
    let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
    for node in 0..trie.len() as u32 {
        *sizes.entry(votes(node)).or_default() += NODE_BYTES + trie.text(node).len();
    }
    let (mut bytes, mut votes_min) = (0, u32::MAX);
    for (&votes, &size) in sizes.range(parameters.vote_hosts_min.max(1)..).rev() {
        bytes += size;
        if bytes > parameters.view_bytes_max {
            break;
        }
        votes_min = votes;
    }
    votes_min
}
