//! What the hosts' profiles have learned, joined, and what goes back to them.

use crate::versions::Versions;
use crate::{Store, StoreError};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use tracewell_graph_core::fleet::{ContributionDelta, Disputed, FleetMap, Groups, OfferError, Sudden, Views};
use tracewell_model::{EventNs, HostId, Str};
use tracewell_parameters::ProfileParameters;
use tracewell_wire::Payload;

/// The fleet's state, and the views of it that hosts are given.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    map: FleetMap,
    /// Changed since a view was made of it.
    changed: bool,
    /// The view counts who counts no more: it is not to wait for its day.
    stale: bool,
    /// Day of event time on which a view was made last, by this process.
    view_day: Option<u32>,
    /// For what no vote counts; `None` until the decisions of earlier runs were taken up.
    disputed: Option<Disputed>,
    pub versions: Versions,
    /// Which group each host is in.
    groups: Groups,
    /// The last version that each host was given, and as a host of which group.
    given: BTreeMap<HostId, (u64, Option<Str>)>,
    /// What became common overnight, once it was asked for since a host said anything new.
    sudden: OnceCell<Vec<Sudden>>,
}

impl Merge {
    /// Takes a host's contribution, and gives the request for the whole where it extends what is not known.
    ///
    /// # Errors
    /// When the contribution is not in the form that hosts give it.
    pub fn take(
        &mut self,
        host: HostId,
        delta: &ContributionDelta,
        parameters: &ProfileParameters,
    ) -> Result<Option<Payload>, OfferError> {
        match self.map.apply(host, delta, parameters) {
            Ok(_) => {
                self.changed = true;
                self.sudden = OnceCell::new();
                Ok(None)
            }
            Err(OfferError::Gap { .. }) => Ok(Some(Payload::WantProfile)),
            Err(error) => Err(error),
        }
    }

    /// Forgets what a host has contributed, so that it votes no more: hosts are told with their next heartbeat. `false` if there
    /// was nothing.
    pub fn forget(&mut self, host: HostId) -> bool {
        let had = self.map.remove(host);
        self.stale |= had;
        self.sudden = OnceCell::new();
        had
    }

    /// Says which group each host is in from now on: with its next heartbeat it is given the view of that group, and its votes count there
    /// from the next version on. Whether that changed anything.
    pub fn set_groups(&mut self, groups: Groups) -> bool {
        let is_news = self.groups != groups;
        self.changed |= is_news;
        self.groups = groups;
        is_news
    }

    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// What a host has contributed, as the whole that it could have sent; `None` if there is nothing that could be.
    pub fn contribution(&self, host: HostId) -> Option<ContributionDelta> {
        let entry = self.map.get(host)?;
        Some(ContributionDelta::whole(entry.version, entry.contribution.clone()))
    }

    /// The view for this host if there is another one than it was given.
    ///
    /// A vote takes days to count, so a view is made once a day at most.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn view_for(
        &mut self,
        host: HostId,
        now: EventNs,
        parameters: &ProfileParameters,
        store: &mut dyn Store,
    ) -> Result<Option<Payload>, StoreError> {
        // Hosts are not on the same day, and who lags behind makes no view of a day that has one.
        let newest_day = self.versions.heads().map(|head| head.day).max().max(self.view_day);
        if self.stale || self.changed && newest_day.is_none_or(|day| now.day() > day) {
            let day = newest_day.unwrap_or(0).max(now.day());
            let disputed = self.disputed.clone().unwrap_or_default();
            self.versions.make(Views::of(&self.map, &self.groups, &disputed, parameters), day, store)?;
            (self.changed, self.stale, self.view_day) = (false, false, Some(day));
        }
        let Some(version) = self.versions.given_number() else { return Ok(None) };
        let given = (version, self.groups.get(host).cloned());
        if self.given.get(&host) == Some(&given) {
            return Ok(None);
        }
        self.given.insert(host, given);
        Ok(self.view_of(host))
    }

    /// Has no votes count for this from now on. What an earlier run knew is in the newest version already.
    pub fn dispute(&mut self, disputed: Disputed) {
        let before = self.disputed.replace(disputed);
        self.stale |= before.is_some() && before != self.disputed;
    }

    /// The view that a host was given, for one that says the same again: it may have lost the answer.
    pub fn view_again(&self, host: HostId) -> Option<Payload> {
        let given = (self.versions.given_number()?, self.groups.get(host).cloned());
        if self.given.get(&host) == Some(&given) { self.view_of(host) } else { None }
    }

    /// The view that hosts are given now, for one that has another in force: it may have lost the one that it was given.
    pub fn view_unless(&mut self, host: HostId, in_force: u64) -> Option<Payload> {
        let (version, group) = (self.versions.given_number()?, self.groups.get(host).cloned());
        if self.versions.given_hash(group.as_deref()) == in_force {
            return None;
        }
        self.given.insert(host, (version, group));
        self.view_of(host)
    }

    /// The view that a host is given now.
    fn view_of(&self, host: HostId) -> Option<Payload> {
        let given = self.versions.given_view(self.groups.get(host).map(|group| &**group));
        given.map(|(_, view)| Payload::FleetView(view))
    }

    /// What became common overnight, most hosts first.
    pub fn sudden(&self, parameters: &ProfileParameters) -> &[Sudden] {
        self.sudden.get_or_init(|| self.map.sudden(parameters))
    }
}
