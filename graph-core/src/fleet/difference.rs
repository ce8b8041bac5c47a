use crate::fleet::trie::NONE;
use crate::fleet::{FleetNode, FleetView, is_majority};
use std::collections::BTreeMap;
use tracewell_model::Str;

/// How far the fleet's votes make a leaf ordinary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vouched {
    #[default]
    No,
    /// By most hosts that have its subject: half as surprising.
    ByPeers,
    /// By most hosts of the group of the host that the view is for: as surprising as that.
    ByGroup,
    /// By most hosts of the fleet: ordinary.
    ByFleet,
}

/// A leaf for which one view vouches more than the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub path: Vec<Str>,
    pub before: Vouched,
    pub now: Vouched,
    /// Hosts that vouch for it now; 0 for one that the view does not have.
    pub votes: u32,
    /// Of these, hosts of the group, where they are most of it and not most of the fleet; else 0.
    pub group: u32,
}

/// How far a leaf is vouched for, by how many hosts, and by how many of the group.
type Leaf = (Vouched, u32, u32);

impl FleetView {
    /// What this view vouches for more or less than the one before, by path.
    pub fn difference(&self, before: &Self) -> Vec<Difference> {
        let (now, before) = (self.leaves(), before.leaves());
        let of = |leaves: &BTreeMap<Vec<Str>, Leaf>, path| leaves.get(path).copied().unwrap_or_default();
        let mut paths: Vec<_> = now.keys().chain(before.keys()).collect();
        paths.sort_unstable();
        paths.dedup();
        let differences = paths.into_iter().map(|path| {
            let ((before, ..), (now, votes, group)) = (of(&before, path), of(&now, path));
            Difference { path: path.clone(), before, now, votes, group }
        });
        differences.filter(|difference| difference.before != difference.now).collect()
    }

    fn leaves(&self) -> BTreeMap<Vec<Str>, Leaf> {
        let (n_hosts, nodes) = self.nodes();
        let mut has_children = vec![false; nodes.len()];
        let mut paths: Vec<Vec<Str>> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let mut path = Vec::new();
            if node.parent != NONE {
                has_children[node.parent as usize] = true;
                path.clone_from(&paths[node.parent as usize]);
            }
            path.push(node.label.clone());
            paths.push(path);
        }
        let leaves = paths.into_iter().zip(nodes).zip(has_children).filter(|(_, has_children)| !has_children);
        let vouched = |node: &FleetNode| match node {
            node if is_majority(node.votes, n_hosts) => Vouched::ByFleet,
            node if is_majority(node.votes, node.peers) => Vouched::ByPeers,
            node if is_majority(node.group, self.n_group()) => Vouched::ByGroup,
            _ => Vouched::No,
        };
        leaves.map(|((path, node), _)| (path, (vouched(node), node.votes, node.group))).collect()
    }
}
