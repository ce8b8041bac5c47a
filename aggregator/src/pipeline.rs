use crate::budget::{Sorted, share_out};
use crate::exceptions::{Exception, ExceptionError, ExceptionId, Exceptions};
use crate::fold::fold;
use crate::incident::{Counters, Incident, Incidents};
use crate::ingest::{HostReport, Ingest, IngestError};
use crate::notice;
use crate::score::Scored;
use crate::story::join;
use crate::{MemoryStore, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use tracewell_alert_scorer::Signature;
use tracewell_model::{EventNs, FarEnd, HostId};
use tracewell_parameters::Parameters;
use tracewell_wire::{decode_with_hash, encode, head};

/// Alert graphs that go at once for their age. The list shows none of the rest either.
const EXPIRED_AT_ONCE_MAX: usize = 4096;

/// One aggregator: frames of hosts in, incidents out.
pub struct Aggregator {
    parameters: Parameters,
    ingest: Ingest,
    store: Box<dyn Store>,
    exceptions: Exceptions,
    /// What last grew before this day of event time is not shown.
    horizon: u32,
    /// Hosts of which nothing is heard, and since when.
    silent: BTreeMap<HostId, EventNs>,
}

/// What came of a host's frame.
#[derive(Debug, Default)]
pub struct Received {
    /// To be sent back once [`Aggregator::commit`] has returned.
    pub answers: Vec<Vec<u8>>,
    /// Why its content is lost, once for each frame.
    pub refused: Option<IngestError>,
}

impl Aggregator {
    /// An aggregator that keeps everything in memory.
    pub fn new(parameters: &Parameters) -> Self {
        let (parameters, ingest, exceptions) = (parameters.clone(), Ingest::default(), Exceptions::default());
        Self {
            parameters,
            ingest,
            store: Box::new(MemoryStore::default()),
            exceptions,
            horizon: 0,
            silent: BTreeMap::new(),
        }
    }

    /// An aggregator that goes on with what a store holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn with_store(parameters: &Parameters, store: Box<dyn Store>) -> Result<Self, StoreError> {
        let ingest = Ingest::load(store.as_ref(), parameters)?;
        let (parameters, exceptions) = (parameters.clone(), Exceptions::default());
        Ok(Self { parameters, ingest, store, exceptions, horizon: 0, silent: BTreeMap::new() })
    }

    /// Takes one frame of a host that is known by other means than what the frame says. Content that cannot be taken is refused
    /// and counted, for it would be sent again for ever and hold up what is behind it.
    ///
    /// # Errors
    /// When the frame says to be of another host, has no number by which it could be answered, its host is one too many, or the
    /// store fails.
    pub fn receive_from(&mut self, host: HostId, frame: &[u8]) -> Result<Received, IngestError> {
        let head = head(frame)?;
        if head.host != host {
            return Err(IngestError::Foreign { host, claimed: head.host });
        }
        match self.receive(frame) {
            Ok(answers) => Ok(Received { answers, refused: None }),
            Err(error) if error.is_about_content() => {
                let (answer, is_new) = self.ingest.refuse(&head, self.store.as_mut())?;
                Ok(Received { answers: vec![encode(&answer)?], refused: is_new.then_some(error) })
            }
            Err(error) => Err(error),
        }
    }

    /// Forgets what a host has contributed to the fleet's view: it is revoked, and votes no more.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn forget_contribution(&mut self, host: HostId) -> Result<(), StoreError> {
        self.ingest.forget_contribution(host, self.store.as_mut())
    }

    /// Lets alert graphs go that did not grow for so many days of event time; 0 keeps them all. Event time is that of the host that is
    /// furthest, and none is believed that says to be beyond `now`: who sets its clock ahead makes nothing go.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn expire(&mut self, retention_days: u32, now: EventNs) -> Result<(), StoreError> {
        let today = self.ingest.latest().min(now).day();
        self.horizon = if retention_days > 0 { today.saturating_sub(retention_days) } else { 0 };
        self.ingest.expire(self.horizon, EXPIRED_AT_ONCE_MAX, self.store.as_mut())
    }

    /// Connections that lead from alerts to other hosts, for all hosts to be told of: what is at their ends is sent as an alert. At
    /// most as many as fit a message; those who are told nothing now are told when they come back.
    pub fn follow(&mut self) -> Vec<FarEnd> {
        self.ingest.follow.take_fresh()
    }

    /// Says of which hosts nothing is heard, and since when; an incident says so until it is heard again. Whether that changed anything.
    pub fn set_silent(&mut self, silent: BTreeMap<HostId, EventNs>) -> bool {
        let is_news = self.silent != silent;
        self.silent = silent;
        is_news
    }

    /// Makes durable what was taken.
    ///
    /// # Errors
    /// When the store cannot be written; to be tried again.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        self.store.commit()
    }

    /// What is known of each host, by id.
    pub fn hosts(&self) -> Vec<HostReport> {
        self.ingest.reports()
    }

    /// Frames of a host whose content was refused.
    pub fn n_refused(&self, host: HostId) -> u64 {
        self.ingest.hosts().get(&host).map_or(0, |state| state.n_refused)
    }

    /// Takes one frame and gives the frames to send back to its host.
    ///
    /// # Errors
    /// When the frame is not one that a host may send, or could not be stored; it then had no effect.
    pub fn receive(&mut self, frame: &[u8]) -> Result<Vec<Vec<u8>>, IngestError> {
        let (message, content_hash) = decode_with_hash(frame)?;
        let answers = self.ingest.take(message, content_hash, self.store.as_mut(), &self.parameters)?;
        // A view of the fleet that outgrew a frame is not given; the other answers are small.
        Ok(answers.iter().filter_map(|answer| encode(answer).ok()).collect())
    }

    /// Takes an analyst's decision. What it hides is held, not dropped.
    ///
    /// # Errors
    /// When nobody answers for it, it gives no reason, or there are too many.
    pub fn except(&mut self, id: ExceptionId, exception: Exception) -> Result<(), ExceptionError> {
        self.exceptions.add(id, exception)
    }

    /// Takes a decision back: what it held is shown again.
    pub fn unexcept(&mut self, id: ExceptionId) {
        self.exceptions.remove(id);
    }

    /// Which stories were found to be attacks: no exception hides them, wherever they happen.
    pub fn confirm(&mut self, signatures: BTreeSet<Signature>) {
        self.exceptions.confirm(signatures);
    }

    /// The analyst's list, computed from all that is stored.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn incidents(&self) -> Result<Incidents, StoreError> {
        let Parameters { score, fold: fold_parameters, .. } = &self.parameters;
        let mut alerts = self.store.alerts()?;
        alerts.retain(|graph| graph.last.day() >= self.horizon);
        let stories = join(alerts, fold_parameters);
        let n_stories = stories.len() as u64;
        let scored = stories.into_iter().map(|story| Scored::of(story, score)).collect();
        let hosts = self.ingest.hosts();
        let n_hosts = u32::try_from(hosts.len()).unwrap_or(u32::MAX);
        let incidents: Vec<_> =
            fold(scored, fold_parameters).into_iter().map(|fold| Incident::of(fold, n_hosts, score)).collect();
        let alarms_after_fold = incidents.len() as u64;
        let (excepted, incidents): (Vec<_>, Vec<_>) =
            incidents.into_iter().partition(|incident| self.exceptions.hide(incident));
        let n_excepted = excepted.len() as u64;
        let forks = hosts.iter().filter_map(|(&host, state)| Some(notice::forked(host, state, state.fork?, score)));
        let sudden = notice::sudden(self.ingest.merge.sudden(&self.parameters.profile), score);
        let settled = |incident: &Incident| {
            let host = incident.members.first().and_then(|graph| hosts.get(&graph.host));
            host.is_some_and(|state| state.is_settled(incident.first))
        };
        let Sorted { mut shown, mut held, n_reached, n_overflowed } =
            share_out(incidents, settled, score, fold_parameters);
        let name = |host| hosts.get(&host).and_then(|state| state.name.as_deref());
        let silent = notice::silent(&self.silent, name, score);
        let n_stories_shown = shown.len() as u64;
        shown.extend(forks.chain(sudden).chain(silent));
        shown.sort_by_cached_key(Incident::rank);
        held.extend(excepted);
        held.sort_by_cached_key(Incident::rank);
        let counters = Counters {
            alarms_raw: self.ingest.counters.n_alerts,
            stories: n_stories,
            alarms_after_fold,
            reached_least_score: n_reached,
            incidents_shown: shown.len() as u64,
            notices: shown.len() as u64 - n_stories_shown,
            overflowed: n_overflowed,
            excepted: n_excepted,
            alarms_evicted: self.ingest.counters.n_evicted,
            alarms_expired: self.ingest.counters.n_expired,
            refused_frames: self.ingest.counters.n_refused,
            lost_events: self.ingest.counters.n_lost_events,
        };
        Ok(Incidents { shown, held, counters })
    }
}
