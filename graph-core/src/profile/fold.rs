//! Learned generalisation and the byte budget: what folds under a wildcard, and what is forgotten.
//!
//! Folding accepts every further name at its place, so only a naming scheme may cause it: most children seen once. A
//! flood of names must not be able to buy a wildcard elsewhere; what does not fit the budget is therefore forgotten, the
//! least established first, which errs on the side of surprise.

use crate::profile::object::{WILDCARD, WILDCARD_PREFIX};
use crate::profile::tree::{NodeRank, Tree};
use tracewell_parameters::ProfileParameters;

/// Children between two looks at the same node, so that looking costs O(1) per child.
const LOOK_EVERY: u32 = 16;

/// Folds children of `parent` if they have multiplied; called before one more is added.
pub(super) fn fold_children(tree: &mut Tree, parent: u32, parameters: &ProfileParameters) {
    let n_children = tree.node(parent).n_children;
    let foldable = !matches!(tree.node(parent).rank, NodeRank::Root | NodeRank::Subject | NodeRank::Leaf);
    if !foldable || n_children < parameters.fold_children.max(2) || !n_children.is_multiple_of(LOOK_EVERY) {
        return;
    }
    let mut children: Vec<u32> = tree.children(parent).filter(|&child| !tree.node(child).is_wildcard).collect();
    children.sort_unstable_by_key(|&child| (tree.node(child).count, tree.node(child).born));
    let once = tree.weight + tree.weight / 2;
    let n_once = children.partition_point(|&child| tree.node(child).count <= once);
    let n_folded = if 2 * n_once >= children.len() {
        n_once
    } else if n_children >= parameters.fold_children_max.max(parameters.fold_children) {
        children.len() / 2
    } else {
        0
    };
    for &child in &children[..n_folded] {
        let rank = tree.node(child).rank;
        let label = wildcard(rank);
        let into = tree.child(parent, label).unwrap_or_else(|| tree.add_child(parent, label, rank));
        tree.merge(child, into);
    }
}

/// Forgets the least established leaves until a part of the budget is free again. Returns how many.
pub(super) fn forget(tree: &mut Tree, bytes_max: usize) -> u64 {
    let mut leaves: Vec<u32> = tree.live_nodes().filter(|&idx| is_bare(tree, idx)).collect();
    leaves.sort_unstable_by_key(|&idx| {
        let node = tree.node(idx);
        (node.days, node.last_day, node.count, node.born)
    });
    let mut n_forgotten = 0;
    for idx in leaves {
        if tree.accounted_bytes() <= bytes_max - bytes_max / 8 {
            break;
        }
        tree.remove(idx);
        n_forgotten += 1;
    }
    n_forgotten
}

/// The label under which children of a rank fold.
pub(super) fn wildcard(rank: NodeRank) -> &'static str {
    if rank == NodeRank::Prefix { WILDCARD_PREFIX } else { WILDCARD }
}

/// A leaf, or something under which no leaf was ever made.
fn is_bare(tree: &Tree, idx: u32) -> bool {
    let node = tree.node(idx);
    node.n_children == 0 && !matches!(node.rank, NodeRank::Root | NodeRank::Scope)
}
