use crate::profile::Contribution;
use std::collections::BTreeMap;
use tracewell_model::Str;

/// Which state of a host: its enrolment, and a number that rises within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    pub epoch: u32,
    pub number: u64,
}

/// How a host's contribution changed from one version to another. Speaks its own dictionary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContributionDelta {
    /// The version this was made against; `None` for the whole contribution.
    pub extends: Option<Version>,
    pub version: Version,
    /// Leaves that are new or have new facts, in a form of their own.
    pub changed: Contribution,
    /// Paths that are gone, spelled out, ascending.
    pub removed: Vec<Vec<Str>>,
}

impl ContributionDelta {
    /// The whole of a contribution.
    pub fn whole(version: Version, contribution: Contribution) -> Self {
        Self { extends: None, version, changed: contribution, removed: Vec::new() }
    }

    /// What leads from `old` to `new`. A new enrolment never extends an older one.
    pub fn between(old: (Version, &Contribution), new: (Version, &Contribution)) -> Self {
        let ((old_version, old), (version, new)) = (old, new);
        if old_version.epoch != version.epoch {
            return Self::whole(version, new.clone());
        }
        let (before, after) = (old.facts(), new.facts());
        let changed: BTreeMap<_, _> = after
            .iter()
            .filter(|(path, facts)| before.get(*path) != Some(*facts))
            .map(|(p, f)| (p.clone(), *f))
            .collect();
        Self {
            extends: Some(old_version),
            version,
            changed: Contribution::from_facts(new.since_day, &changed),
            removed: before.into_keys().filter(|path| !after.contains_key(path)).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.extends.is_some() && self.changed.leaves.is_empty() && self.removed.is_empty()
    }

    /// The contribution this makes of the one it extends.
    pub(super) fn applied_to(&self, base: &Contribution) -> Contribution {
        if self.extends.is_none() {
            return self.changed.clone();
        }
        let mut facts = base.facts();
        facts.retain(|path, _| self.removed.binary_search(path).is_err());
        facts.extend(self.changed.facts());
        Contribution::from_facts(self.changed.since_day, &facts)
    }
}
