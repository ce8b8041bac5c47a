//! What the hosts' profiles have learned, joined, and what goes back to them.

use crate::versions::Versions;
use crate::{Store, StoreError};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use tracewell_graph_core::fleet::{ContributionDelta, Disputed, FleetMap, FleetView, OfferError, Sudden};
use tracewell_model::{EventNs, HostId};
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
    /// The last version that each host was given.
    given: BTreeMap<HostId, u64>,
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
            self.versions.make(FleetView::of_undisputed(&self.map, &disputed, parameters), day, store)?;
            (self.changed, self.stale, self.view_day) = (false, false, Some(day));
        }
        let Some((version, view)) = self.versions.given() else { return Ok(None) };
        let is_news = self.given.insert(host, version) != Some(version);
        Ok(is_news.then(|| Payload::FleetView(view.clone())))
    }

    /// Has no votes count for this from now on. What an earlier run knew is in the newest version already.
    pub fn dispute(&mut self, disputed: Disputed) {
        let before = self.disputed.replace(disputed);
        self.stale |= before.is_some() && before != self.disputed;
    }

    /// The view that a host was given, for one that says the same again: it may have lost the answer.
    pub fn view_again(&self, host: HostId) -> Option<Payload> {
        let (version, view) = self.versions.given()?;
        (self.given.get(&host) == Some(&version)).then(|| Payload::FleetView(view.clone()))
    }

    /// The view that hosts are given now, for one that has another in force: it may have lost the one that it was given.
    pub fn view_unless(&mut self, host: HostId, in_force: u64) -> Option<Payload> {
        let (version, view) = self.versions.given()?;
        if self.versions.given_hash() == in_force {
            return None;
        }
        self.given.insert(host, version);
        Some(Payload::FleetView(view.clone()))
    }

    /// What became common overnight, most hosts first.
    pub fn sudden(&self, parameters: &ProfileParameters) -> &[Sudden] {
        self.sudden.get_or_init(|| self.map.sudden(parameters))
    }
}
