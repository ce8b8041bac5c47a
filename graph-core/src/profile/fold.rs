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
///
/// Children that were seen once and not today fold as soon as they are the majority of many; today's may yet come back,
/// and fold only when there are very many. Subjects are worth keeping apart for as long as that.
pub(super) fn fold_children(tree: &mut Tree, parent: u32, parameters: &ProfileParameters) {
    let (n_children, rank) = (tree.node(parent).n_children, tree.node(parent).rank);
    let foldable = !matches!(rank, NodeRank::Root | NodeRank::Subject | NodeRank::Leaf);
    if !foldable || n_children < parameters.fold_children.max(2) || !n_children.is_multiple_of(LOOK_EVERY) {
        return;
    }
    let mut children: Vec<u32> = tree.children(parent).filter(|&child| !tree.node(child).is_wildcard).collect();
    children.sort_unstable_by_key(|&child| (tree.node(child).count, tree.node(child).born));
    let once = tree.weight + tree.weight / 2;
    let n_once = children.partition_point(|&child| tree.node(child).count <= once);
    if n_children >= parameters.fold_children_max.max(parameters.fold_children) {
        children.truncate(n_once.max(children.len() / 2));
    } else {
        let n_all = children.len();
        children.truncate(n_once);
        children.retain(|&child| (1..tree.today).contains(&tree.node(child).last_day));
        if rank == NodeRank::Scope || 2 * children.len() < n_all {
            return;
        }
    }
    for child in children {
        let rank = tree.node(child).rank;
        let known = tree.wildcard_of(parent, rank);
        let into = known.unwrap_or_else(|| tree.add_child(parent, wildcard(rank), rank));
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
fn wildcard(rank: NodeRank) -> &'static str {
    if rank == NodeRank::Prefix { WILDCARD_PREFIX } else { WILDCARD }
}

/// A leaf, or something under which no leaf was ever made.
fn is_bare(tree: &Tree, idx: u32) -> bool {
    let node = tree.node(idx);
    node.n_children == 0 && !matches!(node.rank, NodeRank::Root | NodeRank::Scope)
}
