//! What the fleet vouches for: a pure function of the joined map.
//!
//! A host's vote for a leaf counts once it has seen it on enough distinct days, and it is one vote however often the
//! host enrols or repeats itself. Only what more than half of the whole fleet does is taken for ordinary; what more than
//! half of a subject's own hosts do, or more than half of those that the operator put into one group, is taken for half as
//! surprising. So a minority, of the fleet, of the peers or of a group, noisy or hostile, can make nothing ordinary; even one that fakes
//! being a subject's peers, or that is most of a group, gains a factor of two.

use crate::fleet::trie::NONE;
use crate::fleet::{Disputed, FleetMap, Groups, Views, is_majority};
use crate::profile::surprise_milli;
use std::collections::BTreeMap;
use tracewell_model::{Millibits, Str};
use tracewell_parameters::ProfileParameters;

/// The view as agents hold it. Nodes with too few votes to matter are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetView {
    /// Hosts with any vote.
    n_hosts: u32,
    /// Of these, hosts of the group of the host that the view is for; 0 for one in none.
    n_group: u32,
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
    /// Hosts of the host's group that vouch for it, where they are most of the group and not most of the fleet; else 0.
    pub group: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fleet view node {at} is not canonical: expected an earlier parent and a label of its own")]
pub struct ViewError {
    pub at: usize,
}

impl FleetView {
    /// The view of a host that is in no group ([`Views::of`]).
    pub fn of(map: &FleetMap, parameters: &ProfileParameters) -> Self {
        Views::of(map, &Groups::default(), &Disputed::default(), parameters).fleet()
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
        Ok(Self { n_hosts, n_group: 0, nodes, index })
    }

    /// The same as the view for a host of a group that has so many hosts with any vote.
    #[must_use]
    pub fn with_group(self, n_group: u32) -> Self {
        Self { n_group, ..self }
    }

    /// Hosts with any vote in the group of the host that this is for; 0 for one in none.
    pub fn n_group(&self) -> u32 {
        self.n_group
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
        let Some(&FleetNode { votes, peers, group, .. }) = self.nodes.get(entry as usize) else { return own_milli };
        let of = |votes: u32, hosts: u32| surprise_milli(u64::from(votes), u64::from(hosts) + 1);
        if is_majority(votes, self.n_hosts) {
            return own_milli.min(of(votes, self.n_hosts));
        }
        // Both rest on fewer than most of the fleet, so that together they give no more than one of them.
        let halved =
            [(votes, peers), (group, self.n_group)].into_iter().filter(|(votes, all)| is_majority(*votes, *all));
        halved.fold(own_milli, |least, (votes, all)| least.min(of(votes, all).max(own_milli / 2)))
    }
}
