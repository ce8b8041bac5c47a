//! What the hosts' profiles have learned, joined, and what goes back to them.

use std::collections::BTreeMap;
use tracewell_graph_core::fleet::{ContributionDelta, FleetMap, FleetView, OfferError, Sudden};
use tracewell_model::{EventNs, HostId};
use tracewell_parameters::ProfileParameters;
use tracewell_wire::Payload;

/// The fleet's state and the view of it that hosts were given.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    map: FleetMap,
    /// Changed since the view was made.
    changed: bool,
    /// The view counts who counts no more: it is not to wait for its day.
    stale: bool,
    view: FleetView,
    /// Counts the views; 0 before there is one.
    n_views: u64,
    /// Day of event time on which the view was made.
    view_day: u32,
    /// The last view that each host was given.
    given: BTreeMap<HostId, u64>,
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
        had
    }

    /// What a host has contributed, as the whole that it could have sent; `None` if there is nothing that could be.
    pub fn contribution(&self, host: HostId) -> Option<ContributionDelta> {
        let entry = self.map.get(host)?;
        Some(ContributionDelta::whole(entry.version, entry.contribution.clone()))
    }

    /// The view for this host if there is a newer one than it was given.
    ///
    /// A vote takes days to count, so the view is made once a day at most.
    pub fn view_for(&mut self, host: HostId, now: EventNs, parameters: &ProfileParameters) -> Option<Payload> {
        if self.stale || self.changed && (self.n_views == 0 || now.day() > self.view_day) {
            let view = FleetView::of(&self.map, parameters);
            (self.changed, self.stale, self.view_day) = (false, false, now.day());
            if self.n_views == 0 || view != self.view {
                self.view = view;
                self.n_views += 1;
            }
        }
        let given = self.given.entry(host).or_default();
        // Nobody is told that nobody vouches, unless somebody was told otherwise.
        if *given == self.n_views || self.view.n_hosts() == 0 && *given == 0 {
            return None;
        }
        *given = self.n_views;
        Some(Payload::FleetView(self.view.clone()))
    }

    /// What became common overnight, most hosts first.
    pub fn sudden(&self, parameters: &ProfileParameters) -> Vec<Sudden> {
        self.map.sudden(parameters)
    }
}
