//! The profile as plain data and back, and as the rows of a checkpoint.
//!
//! A restored profile decides exactly as the saved one would have. Ids handed out before are stale after it.

mod rows;

use crate::profile::decay::Decay;
use crate::profile::tree::{NONE, NodeRank, Tree};
use crate::profile::{Convergence, HostProfile, ProfileCounters};
use tracewell_model::{EventNs, Millibits, Str};
use tracewell_parameters::ProfileParameters;

/// A whole profile, parents before children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileParts {
    pub today: u32,
    pub since_day: u32,
    /// Nodes ever made.
    pub n_born: u64,
    /// The first is the root, the second the tree of what any subject does.
    pub nodes: Vec<NodePart>,
    /// By place in `nodes`, ascending.
    pub scopes: Vec<(u32, Convergence)>,
    pub counters: ProfileCounters,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePart {
    /// Place of the parent, smaller than the node's own; 0 for the root itself.
    pub parent: u32,
    pub label: Str,
    pub rank: NodeRank,
    pub born: u64,
    /// Of a leaf; the counts above are its sums.
    pub count: u64,
    pub counted_at: EventNs,
    pub surprise: Millibits,
    pub first_day: u32,
    pub last_day: u32,
    pub days: u16,
    pub hits: u8,
    /// Its entry in the fleet's view, as it was found when the node was made; `u32::MAX` for none.
    pub fleet: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    #[error("profile checkpoint has no root and common tree, got {0} nodes, expected at least 2")]
    NoRoot(usize),
    #[error(
        "profile checkpoint node {node} cannot lie under node {parent}: expected an earlier node that has children"
    )]
    Parent { node: usize, parent: u32 },
    #[error("profile checkpoint node {node} repeats label {label:?} of its parent's other child")]
    Label { node: usize, label: Str },
    #[error(
        "profile checkpoint node {node} was born as {born}, expected a number from 1 to {n_born} that no other has"
    )]
    Born { node: usize, born: u64, n_born: u64 },
    #[error("profile checkpoint scope {0} is not the place of a scope node")]
    Scope(u32),
}

impl HostProfile {
    pub fn to_parts(&self) -> ProfileParts {
        let mut nodes = Vec::with_capacity(self.tree.n_live());
        let scopes = self.each_part(|part| nodes.push(part));
        let (today, since_day) = (self.today, self.since_day);
        ProfileParts { today, since_day, n_born: self.tree.n_born(), nodes, scopes, counters: self.counters }
    }

    /// Gives each node, and then the scopes by place.
    fn each_part(&self, mut take: impl FnMut(NodePart)) -> Vec<(u32, Convergence)> {
        let (mut places, mut n_nodes) = (vec![0; self.tree.n_slots()], 0);
        let mut work = vec![Tree::ROOT];
        let mut children: Vec<u32> = Vec::new();
        while let Some(idx) = work.pop() {
            let node = self.tree.node(idx);
            places[idx as usize] = n_nodes;
            n_nodes += 1;
            take(NodePart {
                parent: if node.parent == NONE { 0 } else { places[node.parent as usize] },
                label: self.tree.text(idx).clone(),
                rank: node.rank,
                born: node.born,
                count: if node.rank == NodeRank::Leaf { node.count } else { 0 },
                counted_at: node.counted_at,
                surprise: node.surprise,
                first_day: node.first_day,
                last_day: node.last_day,
                days: node.days,
                hits: node.hits,
                fleet: node.fleet,
            });
            children.clear();
            children.extend(self.tree.children(idx));
            // The stack turns the order around: the oldest child, which below the root is the common tree, comes first.
            children.sort_unstable_by_key(|&child| std::cmp::Reverse(self.tree.node(child).born));
            work.extend(&children);
        }
        let mut scopes: Vec<_> = self.scopes.iter().map(|(&idx, scope)| (places[idx as usize], *scope)).collect();
        scopes.sort_unstable_by_key(|&(place, _)| place);
        scopes
    }

    /// # Errors
    /// When the parts do not describe a profile; says which node and why.
    pub fn from_parts(parameters: &ProfileParameters, parts: &ProfileParts) -> Result<Self, PartsError> {
        let mut profile = Self::new(parameters);
        let weight = Decay::new(parameters.half_life_days, parts.today);
        (profile.decay, profile.today, profile.since_day) = (weight, parts.today, parts.since_day);
        profile.counters = parts.counters;
        profile.tree = Tree::new(weight.weight());
        profile.tree.today = parts.today;
        let [root, any, ..] = parts.nodes.as_slice() else { return Err(PartsError::NoRoot(parts.nodes.len())) };
        if root.rank != NodeRank::Root || any.rank != NodeRank::Scope || !any.label.is_empty() {
            return Err(PartsError::NoRoot(parts.nodes.len()));
        }
        let mut born = std::collections::BTreeSet::new();
        for (node, part) in parts.nodes.iter().enumerate() {
            let NodePart { parent, rank, .. } = *part;
            if !(1..=parts.n_born).contains(&part.born) || !born.insert(part.born) {
                return Err(PartsError::Born { node, born: part.born, n_born: parts.n_born });
            }
            let idx = if node == 0 {
                Tree::ROOT
            } else {
                let fits = (parent as usize) < node && may_hold(parts.nodes[parent as usize].rank, rank);
                if !fits {
                    return Err(PartsError::Parent { node, parent });
                }
                if profile.tree.child(parent, &part.label).is_some() {
                    return Err(PartsError::Label { node, label: part.label.clone() });
                }
                profile.tree.add_child(parent, &part.label, rank)
            };
            let live = profile.tree.node_mut(idx);
            (live.born, live.count, live.counted_at, live.surprise) =
                (part.born, part.count, part.counted_at, part.surprise);
            (live.first_day, live.last_day, live.days, live.hits) =
                (part.first_day, part.last_day, part.days, part.hits);
            live.fleet = part.fleet;
        }
        profile.tree.set_n_born(parts.n_born);
        profile.tree.rebuild();
        for &(scope, convergence) in &parts.scopes {
            if parts.nodes.get(scope as usize).is_none_or(|part| part.rank != NodeRank::Scope) {
                return Err(PartsError::Scope(scope));
            }
            profile.scopes.insert(scope, convergence);
        }
        Ok(profile)
    }
}

/// Whether a node of rank `parent` may have children of rank `child`.
fn may_hold(parent: NodeRank, child: NodeRank) -> bool {
    use NodeRank::*;
    match parent {
        Root => child == Scope,
        Scope => matches!(child, Subject | Class),
        Subject => child == Class,
        Class => matches!(child, Class | Context | Prefix | Leaf),
        Context | Prefix => matches!(child, Prefix | Leaf),
        Leaf => false,
    }
}
