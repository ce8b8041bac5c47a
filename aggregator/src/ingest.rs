//! Takes messages of hosts, each once, and joins alert updates into alert graphs.

use crate::ledger::{Entry, Ledger};
use crate::merge::Merge;
use crate::notes;
use crate::{Note, Store, StoreError};
use std::collections::BTreeMap;
use tracewell_graph_core::fleet::OfferError;
use tracewell_model::{AlertGraph, AlertUpdate, EventNs, HostId, Str};
use tracewell_parameters::Parameters;
use tracewell_wire::{Class, FrameKey, Heartbeat, Message, Payload, WireError, limits};

/// Hosts of one aggregator. Another one is refused: it is a fault of enrolment.
const HOSTS_MAX: usize = 100_000;
/// Epochs of a host and class whose sequence numbers are remembered; what is older is asked for under new numbers.
const EPOCHS_MAX: u32 = 4;
/// Changes between settled and unsettled that are remembered of a host; the oldest goes first.
const SETTLED_CHANGES_MAX: usize = 1024;

/// Why a frame was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// The host speaks wrongly; close the session.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The same.
    #[error("a host sent {what}, which only the aggregator sends")]
    Unexpected { what: &'static str },
    /// The same.
    #[error("sequence number 0 of host {host}, expected 1 and up")]
    NoSequence { host: HostId },
    /// The same.
    #[error("host {host} sent a message of host {claimed}")]
    Foreign { host: HostId, claimed: HostId },
    /// Refuse the host.
    #[error("host {host} would be one more than the {max} that fit")]
    TooManyHosts { host: HostId, max: usize },
    /// The host sends what it never should; close the session.
    #[error(transparent)]
    Profile(#[from] OfferError),
    /// The store is of no use any more: what was taken since the last commit is lost with this process.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known of the hosts beyond their alert graphs.
#[derive(Debug, Default)]
pub(crate) struct Ingest {
    hosts: BTreeMap<HostId, HostState>,
    pub merge: Merge,
    pub counters: IngestCounters,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IngestCounters {
    /// Alert graphs that the store did not know before.
    pub n_alerts: u64,
    /// Of these, how many went again for lack of room.
    pub n_evicted: u64,
    pub n_lost_events: u64,
}

/// Two machines sent as one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fork {
    pub epoch: u32,
    /// Event time that the host had reached by then.
    pub time: EventNs,
}

#[derive(Debug, Default)]
pub(crate) struct HostState {
    pub name: Option<Str>,
    /// Of the agent.
    pub version: Option<Str>,
    pub epoch: u32,
    pub ledgers: BTreeMap<(u32, Class), Ledger>,
    /// From which moment on the profile was settled, or no longer.
    pub settled: BTreeMap<EventNs, bool>,
    pub latest: EventNs,
    pub n_alerts: usize,
    pub fork: Option<Fork>,
}

/// What is known of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostReport {
    pub host: HostId,
    /// What it calls itself.
    pub name: Option<Str>,
    /// Of its agent.
    pub version: Option<Str>,
    pub epoch: u32,
    /// Event time that it has reached.
    pub latest: EventNs,
    pub n_alerts: usize,
    pub is_settled: bool,
    /// Two machines sent as this host.
    pub is_forked: bool,
}

impl HostState {
    pub fn is_settled(&self, at: EventNs) -> bool {
        self.settled.range(..=at).next_back().is_some_and(|(_, &settled)| settled)
    }
}

/// `false` if the graph is larger than the store takes.
fn put(store: &mut dyn Store, graph: AlertGraph) -> Result<bool, StoreError> {
    match store.put_alert(graph) {
        Ok(()) => Ok(true),
        Err(StoreError::TooLarge(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Ingest {
    /// Goes on where an earlier run stopped.
    pub fn load(store: &dyn Store, parameters: &Parameters) -> Result<Self, StoreError> {
        let mut ingest = Self::default();
        store.notes(&mut |note, row| match note {
            Note::Host(host) => {
                let (state, forgotten) = notes::read_host(row)?;
                let known = ingest.hosts.entry(host).or_default();
                let mut ledgers = std::mem::take(&mut known.ledgers);
                for (key, forgotten) in forgotten {
                    ledgers.entry(key).or_default().forget_up_to(forgotten);
                }
                *known = HostState { ledgers, ..state };
                Ok(())
            }
            Note::Taken(host, FrameKey { class, epoch, sequence }) => {
                let ledger = ingest.hosts.entry(host).or_default().ledgers.entry((epoch, class)).or_default();
                ledger.record(sequence, notes::read_hash(row)?);
                Ok(())
            }
            Note::Contribution(host) => {
                let delta = notes::read_contribution(row)?;
                let taken = ingest.merge.take(host, &delta, &parameters.profile);
                taken.map(drop).map_err(|error| notes::corrupt("a contribution", error.to_string()))
            }
            Note::Counters => {
                ingest.counters = notes::read_counters(row)?;
                Ok(())
            }
        })?;
        Ok(ingest)
    }

    /// What is known of each host, by id.
    pub fn reports(&self) -> Vec<HostReport> {
        let report = |(&host, state): (&HostId, &HostState)| HostReport {
            host,
            name: state.name.clone(),
            version: state.version.clone(),
            epoch: state.epoch,
            latest: state.latest,
            n_alerts: state.n_alerts,
            is_settled: state.is_settled(state.latest),
            is_forked: state.fork.is_some(),
        };
        self.hosts.iter().map(report).collect()
    }

    pub fn hosts(&self) -> &BTreeMap<HostId, HostState> {
        &self.hosts
    }

    /// Takes a message and gives what to answer.
    pub fn take(
        &mut self,
        message: Message,
        content_hash: u64,
        store: &mut dyn Store,
        parameters: &Parameters,
    ) -> Result<Vec<Message>, IngestError> {
        let Message { host, epoch, sequence, payload } = message;
        if sequence == 0 {
            return Err(IngestError::NoSequence { host });
        }
        expected(&payload)?;
        if self.hosts.len() >= HOSTS_MAX && !self.hosts.contains_key(&host) {
            return Err(IngestError::TooManyHosts { host, max: HOSTS_MAX });
        }
        let state = self.hosts.entry(host).or_default();
        state.epoch = state.epoch.max(epoch);
        let answer = |payload| Message { host, epoch, sequence: 0, payload };
        let class = payload.class();
        match state.look_up(epoch, class, sequence, content_hash) {
            Entry::Repeated => return Ok(vec![answer(Payload::Acknowledgement { class, sequence })]),
            Entry::Forked => {
                state.fork.get_or_insert(Fork { epoch, time: state.latest });
                let epoch = state.unused_epoch(epoch);
                store.put_note(Note::Host(host), Some(notes::host(state)))?;
                return Ok(vec![answer(Payload::NewEpoch { epoch })]);
            }
            // Never taken for a repeat: a host that lost its state, or was restored from long ago, would be acknowledged away.
            Entry::TooOld => {
                let epoch = state.unused_epoch(epoch);
                store.put_note(Note::Host(host), Some(notes::host(state)))?;
                return Ok(vec![answer(Payload::NewEpoch { epoch })]);
            }
            Entry::New => {}
        }
        let request = match payload {
            Payload::Hello(hello) => {
                (state.name, state.version) = (Some(hello.name), Some(hello.version));
                None
            }
            Payload::Heartbeat(heartbeat) => {
                state.beat(heartbeat);
                self.merge.view_for(host, heartbeat.time, &parameters.profile)
            }
            Payload::Profile(delta) => {
                let request = self.merge.take(host, &delta, &parameters.profile)?;
                store.put_note(Note::Contribution(host), notes::contribution(host, &self.merge))?;
                request
            }
            Payload::Loss(loss) => {
                self.counters.n_lost_events = self.counters.n_lost_events.saturating_add(loss.n_events);
                None
            }
            Payload::Alert(update) => {
                state.latest = state.latest.max(update.graph.last);
                let alerts_max = parameters.fold.alerts_per_host_max as usize;
                state.alert(update, store, alerts_max, &mut self.counters)?
            }
            _ => None,
        };
        state.forget_epochs(host, class, epoch, store)?;
        let forgotten = state.ledgers.entry((epoch, class)).or_default().record(sequence, content_hash);
        let taken = |sequence| Note::Taken(host, FrameKey { class, epoch, sequence });
        store.put_note(taken(sequence), Some(notes::hash(content_hash)))?;
        if let Some(forgotten) = forgotten {
            store.put_note(taken(forgotten), None)?;
        }
        store.put_note(Note::Host(host), Some(notes::host(state)))?;
        store.put_note(Note::Counters, Some(notes::counters(&self.counters)))?;
        let acknowledgement = Payload::Acknowledgement { class, sequence };
        Ok([Some(acknowledgement), request].into_iter().flatten().map(answer).collect())
    }
}

fn is_remembered(epoch: u32, latest: u32) -> bool {
    epoch.saturating_add(EPOCHS_MAX) > latest
}

/// Refuses what only the aggregator sends.
fn expected(payload: &Payload) -> Result<(), IngestError> {
    let what = match payload {
        Payload::Hello(_) | Payload::Alert(_) | Payload::Loss(_) | Payload::Heartbeat(_) | Payload::Profile(_) => {
            return Ok(());
        }
        Payload::Acknowledgement { .. } => "an acknowledgement",
        Payload::WantWhole { .. } => "a request for a whole alert",
        Payload::WantProfile => "a request for a whole profile",
        Payload::FleetView(_) => "a view of the fleet",
        Payload::NewEpoch { .. } => "a new epoch",
    };
    Err(IngestError::Unexpected { what })
}

impl HostState {
    /// Forgets the numbers of a class in epochs long before `epoch`. A class comes in the order of its numbers, other classes
    /// may be behind it.
    fn forget_epochs(
        &mut self,
        host: HostId,
        class: Class,
        epoch: u32,
        store: &mut dyn Store,
    ) -> Result<(), StoreError> {
        let is_old = |&(of, other): &(u32, Class)| other == class && !is_remembered(of, epoch);
        for (&(epoch, class), ledger) in self.ledgers.iter().filter(|(key, _)| is_old(key)) {
            for sequence in ledger.sequences() {
                store.put_note(Note::Taken(host, FrameKey { class, epoch, sequence }), None)?;
            }
        }
        self.ledgers.retain(|key, _| !is_old(key));
        Ok(())
    }

    fn look_up(&self, epoch: u32, class: Class, sequence: u64, content_hash: u64) -> Entry {
        let latest = self.ledgers.keys().filter(|(_, other)| *other == class).map(|(epoch, _)| *epoch).max();
        match self.ledgers.get(&(epoch, class)) {
            Some(ledger) => ledger.look_up(sequence, content_hash),
            None if is_remembered(epoch, latest.unwrap_or(0)) => Entry::New,
            None => Entry::TooOld,
        }
    }

    /// An epoch after `epoch` that no frame had: in it a host starts anew.
    fn unused_epoch(&mut self, epoch: u32) -> u32 {
        let is_used = self.epoch <= epoch || self.ledgers.keys().any(|(used, _)| *used == self.epoch);
        self.epoch = self.epoch.max(epoch).saturating_add(u32::from(is_used));
        self.epoch
    }

    fn beat(&mut self, heartbeat: Heartbeat) {
        self.latest = self.latest.max(heartbeat.time);
        if self.is_settled(heartbeat.time) != heartbeat.settled {
            self.settled.insert(heartbeat.time, heartbeat.settled);
        }
        if self.settled.len() > SETTLED_CHANGES_MAX {
            self.settled.pop_first();
        }
    }

    /// Joins the update into its graph; gives the request for the whole where that cannot be done.
    fn alert(
        &mut self,
        update: AlertUpdate,
        store: &mut dyn Store,
        alerts_per_host_max: usize,
        counters: &mut IngestCounters,
    ) -> Result<Option<Payload>, StoreError> {
        let (host, alert) = (update.graph.host, update.graph.id);
        let known = store.alert(host, alert)?;
        let want_whole = |known_revision| Ok(Some(Payload::WantWhole { alert, known_revision }));
        let Some(known) = known else {
            if update.extends > 0 {
                return want_whole(0);
            }
            if !put(store, update.graph)? {
                return want_whole(0);
            }
            self.n_alerts += 1;
            counters.n_alerts += 1;
            if self.n_alerts > alerts_per_host_max {
                self.evict(host, store, counters)?;
            }
            return Ok(None);
        };
        let mut graph = known.as_ref().clone();
        let known_revision = graph.revision;
        if graph.apply(update).is_err() {
            return want_whole(known_revision);
        }
        // Deltas only ever add: one that outgrows a frame could never have been sent as a whole.
        if graph.nodes.len() > limits::NODES_MAX || graph.edges.len() > limits::EDGES_MAX {
            return want_whole(known_revision);
        }
        if graph.revision > known_revision && !put(store, graph)? {
            return want_whole(known_revision);
        }
        Ok(None)
    }

    /// Makes room by the graph of least surprise, the later one where two are equal.
    fn evict(&mut self, host: HostId, store: &mut dyn Store, counters: &mut IngestCounters) -> Result<(), StoreError> {
        let graphs = store.alerts_of(host)?;
        let least = graphs.iter().min_by_key(|graph| (graph.surprise, std::cmp::Reverse((graph.first, graph.id))));
        if let Some(least) = least {
            store.remove_alert(host, least.id)?;
            self.n_alerts -= 1;
            counters.n_evicted += 1;
        }
        Ok(())
    }
}
