//! What was found unlikely, under a view of the fleet that came later.

use super::tree::NodeRank;
use super::{HostProfile, LeafId};
use crate::fleet::FleetView;
use std::collections::BTreeMap;
use tracewell_model::Millibits;

/// What a leaf is called for good, also after a checkpoint was taken up; 0 names none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

impl LeafId {
    pub fn entry(self) -> EntryId {
        EntryId(self.born)
    }
}

/// The fleet's votes for all leaves of a profile.
pub struct Reassessment<'a> {
    fleet: Option<&'a FleetView>,
    entries: BTreeMap<EntryId, u32>,
}

impl HostProfile {
    /// For looking anew at what was found before the view in force came. Costs a walk over all leaves.
    pub fn reassessment(&self) -> Reassessment<'_> {
        let leaves = self.tree.live_nodes().map(|idx| self.tree.node(idx)).filter(|node| node.rank == NodeRank::Leaf);
        let entries = leaves.map(|leaf| (EntryId(leaf.born), leaf.fleet)).collect();
        Reassessment { fleet: self.fleet.as_deref(), entries }
    }
}

impl Reassessment<'_> {
    /// What is surprising by `own` without votes, with those of the view in force; `None` for what was folded or forgotten since.
    pub fn surprise(&self, entry: EntryId, own: Millibits) -> Option<Millibits> {
        let &votes = self.entries.get(&entry)?;
        Some(self.fleet.map_or(own, |fleet| Millibits(fleet.lowered(votes, own.0))))
    }
}
