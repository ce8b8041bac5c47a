use std::collections::BTreeMap;
use tracewell_model::{HostId, Str};

/// Groups that have a view of their own: those with the most hosts.
pub const GROUPS_MAX: usize = 64;

/// Which group each host is in, as the operator labelled it. A host is in one at most, and cannot choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    hosts: BTreeMap<HostId, Str>,
    sizes: BTreeMap<Str, u32>,
    beyond: BTreeMap<Str, u32>,
}

impl Groups {
    /// The groups of these hosts. Beyond [`GROUPS_MAX`] those with the fewest hosts are none, of as many hosts the last by name.
    pub fn of(hosts: impl IntoIterator<Item = (HostId, Str)>) -> Self {
        let mut hosts: BTreeMap<HostId, Str> = hosts.into_iter().collect();
        let mut sizes: BTreeMap<Str, u32> = BTreeMap::new();
        for group in hosts.values() {
            *sizes.entry(group.clone()).or_default() += 1;
        }
        let mut by_size: Vec<_> = sizes.into_iter().collect();
        // Stable, so that names stay ascending.
        by_size.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        let beyond: BTreeMap<Str, u32> = by_size.drain(by_size.len().min(GROUPS_MAX)..).collect();
        hosts.retain(|_, group| !beyond.contains_key(group));
        Self { hosts, sizes: by_size.into_iter().collect(), beyond }
    }

    /// The group of a host, if it is in one that has a view of its own.
    pub fn get(&self, host: HostId) -> Option<&Str> {
        self.hosts.get(&host)
    }

    /// The hosts of each group that has a view of its own.
    pub fn sizes(&self) -> &BTreeMap<Str, u32> {
        &self.sizes
    }

    /// The hosts of each group that is one too many: they are as those that are in none.
    pub fn beyond(&self) -> &BTreeMap<Str, u32> {
        &self.beyond
    }
}
