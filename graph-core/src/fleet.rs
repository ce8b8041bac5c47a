//! What the profiles of many hosts have learned, joined.
//!
//! The fleet's state is a map from host to its newest contribution. Joining two maps keeps the higher (epoch, version)
//! of each host, so it does not matter in which order, grouping or how often contributions arrive. All else is a pure
//! function of that map: the [`votes`](FleetView) of hosts, what became common overnight ([`Sudden`]), and how far an
//! executable may be trusted for its age and spread.
//!
//! What is deliberately absent: sums of counts over hosts. One host that repeats itself a million times is one vote.

mod delta;
mod difference;
mod disputed;
mod groups;
mod standing;
mod sudden;
mod trie;
mod view;
mod views;

pub use delta::{ContributionDelta, Version};
pub use difference::{Difference, Vouched};
pub use disputed::Disputed;
pub use groups::{GROUPS_MAX, Groups};
pub use standing::Standing;
pub use sudden::Sudden;
pub use view::{FleetNode, FleetView, ViewError};
pub use views::Views;

use crate::profile::Contribution;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use tracewell_model::HostId;
use tracewell_parameters::ProfileParameters;

/// Most steps of a contributed path: workload, executable, class, operation, parent, and an object's own.
const PATH_MAX: usize = 48;
/// Longest label: an executable's path is one.
const LABEL_BYTES_MAX: usize = 1024;

/// A host's newest contribution, as far as it is known here.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostEntry {
    pub version: Version,
    pub contribution: Contribution,
}

/// The fleet's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetMap {
    hosts: BTreeMap<HostId, HostEntry>,
}

/// What became of a contribution that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    Taken,
    /// As new or newer was known already.
    Known,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// The whole must be asked for.
    #[error("delta of host {host} extends version {extends:?}, but {known:?} is known: send the whole contribution")]
    Gap { host: HostId, extends: Version, known: Option<Version> },
    #[error("contribution of host {host} has {bytes} bytes, expected at most {bytes_max}")]
    Size { host: HostId, bytes: usize, bytes_max: usize },
    #[error("contribution of host {host} is not canonical at {part} {at}: expected ascending entries within bounds")]
    Form { host: HostId, part: &'static str, at: usize },
}

impl FleetMap {
    /// Takes one host's whole contribution if it is newer than what is known.
    ///
    /// # Errors
    /// When it is larger than the budget or not in canonical form; nothing is changed then.
    pub fn offer(
        &mut self,
        host: HostId,
        entry: HostEntry,
        parameters: &ProfileParameters,
    ) -> Result<Offered, OfferError> {
        check(host, &entry.contribution, parameters)?;
        Ok(self.join_host(host, entry))
    }

    /// Applies a delta to what is known of its host, or takes it as the whole if it extends nothing.
    ///
    /// # Errors
    /// [`OfferError::Gap`] when the version it extends is not the one known; else as [`FleetMap::offer`].
    pub fn apply(
        &mut self,
        host: HostId,
        delta: &ContributionDelta,
        parameters: &ProfileParameters,
    ) -> Result<Offered, OfferError> {
        let known = self.hosts.get(&host);
        if known.is_some_and(|known| known.version >= delta.version) {
            return Ok(Offered::Known);
        }
        let empty = Contribution::default();
        let base = match (delta.extends, known) {
            (None, _) => &empty,
            (Some(extends), Some(known)) if known.version == extends => &known.contribution,
            (Some(extends), _) => {
                return Err(OfferError::Gap { host, extends, known: known.map(|known| known.version) });
            }
        };
        check(host, &delta.changed, parameters)?;
        if let Some(at) = delta.removed.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(OfferError::Form { host, part: "removed path", at: at + 1 });
        }
        let entry = HostEntry { version: delta.version, contribution: delta.applied_to(base) };
        self.offer(host, entry, parameters)
    }

    /// Joins another map into this one. Commutative, associative and idempotent.
    pub fn join(&mut self, other: &Self) {
        for (&host, entry) in &other.hosts {
            self.join_host(host, entry.clone());
        }
    }

    /// Forgets what a host has contributed: it votes no more. `false` if there was nothing.
    pub fn remove(&mut self, host: HostId) -> bool {
        self.hosts.remove(&host).is_some()
    }

    pub fn get(&self, host: HostId) -> Option<&HostEntry> {
        self.hosts.get(&host)
    }

    /// All hosts, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (HostId, &HostEntry)> {
        self.hosts.iter().map(|(&host, entry)| (host, entry))
    }

    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    fn join_host(&mut self, host: HostId, entry: HostEntry) -> Offered {
        match self.hosts.entry(host) {
            Entry::Vacant(vacant) => {
                vacant.insert(entry);
                Offered::Taken
            }
            // Two contents under one version are a forked host (reported by ingest); the greater wins everywhere alike.
            Entry::Occupied(mut occupied) if entry > *occupied.get() => {
                occupied.insert(entry);
                Offered::Taken
            }
            Entry::Occupied(_) => Offered::Known,
        }
    }
}

fn is_majority(votes: u32, hosts: u32) -> bool {
    votes > 0 && 2 * u64::from(votes) > u64::from(hosts)
}

/// Refuses what a well-behaved host would not send.
fn check(host: HostId, contribution: &Contribution, parameters: &ProfileParameters) -> Result<(), OfferError> {
    let (bytes, bytes_max) = (contribution.encoded_bytes(), parameters.contribution_bytes_max);
    if bytes > bytes_max {
        return Err(OfferError::Size { host, bytes, bytes_max });
    }
    let Contribution { dictionary, leaves, .. } = contribution;
    let form = |part, at| Err(OfferError::Form { host, part, at });
    if let Some(at) = dictionary.windows(2).position(|pair| pair[0] >= pair[1]) {
        return form("label", at + 1);
    }
    if let Some(at) = dictionary.iter().position(|label| label.len() > LABEL_BYTES_MAX) {
        return form("label", at);
    }
    if let Some(at) = leaves.windows(2).position(|pair| pair[0].path >= pair[1].path) {
        return form("leaf", at + 1);
    }
    let fits = |path: &[u32]| {
        (1..=PATH_MAX).contains(&path.len()) && path.iter().all(|&label| (label as usize) < dictionary.len())
    };
    match leaves.iter().position(|leaf| !fits(&leaf.path)) {
        Some(at) => form("leaf", at),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
