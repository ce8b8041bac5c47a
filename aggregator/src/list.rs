//! The analyst's list: computed from all alert graphs and what is known beside them at one moment.

use crate::StoreError;
use crate::budget::{Sorted, share_out};
use crate::exceptions::Exceptions;
use crate::fold::fold;
use crate::incident::{Counters, Incident, Incidents};
use crate::ingest::{Fork, IngestCounters, settled_at};
use crate::notice;
use crate::score::Scored;
use crate::store::Reader;
use crate::story::join;
use std::collections::BTreeMap;
use tracewell_graph_core::fleet::Sudden;
use tracewell_model::{EventNs, HostId, Str};
use tracewell_parameters::Parameters;

/// What the list will be computed from. That may take seconds, and can be done elsewhere than where frames are taken in.
pub struct List {
    pub(crate) parameters: Parameters,
    pub(crate) alerts: Reader,
    /// What last grew before this day of event time is not shown.
    pub(crate) horizon: u32,
    pub(crate) hosts: BTreeMap<HostId, Known>,
    pub(crate) exceptions: Exceptions,
    pub(crate) sudden: Vec<Sudden>,
    pub(crate) silent: BTreeMap<HostId, EventNs>,
    pub(crate) counters: IngestCounters,
}

/// What the list needs to know of a host.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub name: Option<Str>,
    pub settled: BTreeMap<EventNs, bool>,
    pub fork: Option<Fork>,
}

impl List {
    /// Computes it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn incidents(self) -> Result<Incidents, StoreError> {
        let Parameters { score, fold: fold_parameters, .. } = &self.parameters;
        let mut alerts = (self.alerts)()?;
        alerts.retain(|graph| graph.last.day() >= self.horizon);
        let stories = join(alerts, fold_parameters);
        let n_stories = stories.len() as u64;
        let scored = stories.into_iter().map(|story| Scored::of(story, score)).collect();
        let n_hosts = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        let incidents: Vec<_> =
            fold(scored, fold_parameters).into_iter().map(|fold| Incident::of(fold, n_hosts, score)).collect();
        let alarms_after_fold = incidents.len() as u64;
        let (excepted, incidents): (Vec<_>, Vec<_>) =
            incidents.into_iter().partition(|incident| self.exceptions.hide(incident));
        let n_excepted = excepted.len() as u64;
        let name = |host| self.hosts.get(&host).and_then(|known| known.name.as_deref());
        let forks = self.hosts.iter().filter_map(|(&host, known)| Some((host, known.fork?)));
        let forks = forks.map(|(host, fork)| notice::forked(host, name(host), fork, score));
        let sudden = notice::sudden(self.sudden, score);
        let settled = |incident: &Incident| {
            let host = incident.members.first().and_then(|graph| self.hosts.get(&graph.host));
            host.is_some_and(|known| settled_at(&known.settled, incident.first))
        };
        let Sorted { mut shown, mut held, n_reached, n_overflowed } =
            share_out(incidents, settled, score, fold_parameters);
        let silent = notice::silent(&self.silent, name, score);
        let n_stories_shown = shown.len() as u64;
        shown.extend(forks.chain(sudden).chain(silent));
        shown.sort_by_cached_key(Incident::rank);
        held.extend(excepted);
        held.sort_by_cached_key(Incident::rank);
        let counters = Counters {
            alarms_raw: self.counters.n_alerts,
            stories: n_stories,
            alarms_after_fold,
            reached_least_score: n_reached,
            incidents_shown: shown.len() as u64,
            notices: shown.len() as u64 - n_stories_shown,
            overflowed: n_overflowed,
            excepted: n_excepted,
            alarms_evicted: self.counters.n_evicted,
            alarms_expired: self.counters.n_expired,
            refused_frames: self.counters.n_refused,
            lost_events: self.counters.n_lost_events,
        };
        Ok(Incidents { shown, held, counters })
    }
}
