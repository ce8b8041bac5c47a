//! Takes messages of hosts, each once, and joins alert updates into alert graphs.

use crate::condition::{Condition, Runs};
use crate::follow::Follow;
use crate::ledger::{Entry, Ledger};
use crate::merge::Merge;
use crate::notes;
use crate::{Kept, Note, Rank, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use tracewell_graph_core::fleet::OfferError;
use tracewell_model::{AlertGraph, AlertId, AlertUpdate, EventNs, HostId, Str};
use tracewell_parameters::Parameters;
use tracewell_wire::{Class, FrameKey, Head, Heartbeat, Message, Payload, WireError, limits};

/// Hosts of one aggregator. Another one is refused: it is a fault of enrolment.
const HOSTS_MAX: usize = 100_000;
/// Epochs of a host and class whose sequence numbers are remembered; what is older is asked for under new numbers.
const EPOCHS_MAX: u32 = 4;
/// Changes between settled and unsettled that are remembered of a host; the oldest goes first.
const SETTLED_CHANGES_MAX: usize = 1024;
/// Alerts of a host that are asked for again; beyond that they are when they grow.
const WANTED_MAX: usize = 32;

/// Why a frame was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// The content cannot be read; refuse it.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The same.
    #[error("a host sent {what}, which only the aggregator sends")]
    Unexpected { what: &'static str },
    /// The host speaks wrongly; close the session.
    #[error("sequence number 0 of host {host}, expected 1 and up")]
    NoSequence { host: HostId },
    /// The same.
    #[error("host {host} sent a message of host {claimed}")]
    Foreign { host: HostId, claimed: HostId },
    /// Refuse the host.
    #[error("host {host} would be one more than the {max} that fit")]
    TooManyHosts { host: HostId, max: usize },
    /// The host sends what it never should; refuse it.
    #[error(transparent)]
    Profile(#[from] OfferError),
    /// The store is of no use any more: what was taken since the last commit is lost with this process.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IngestError {
    /// Whether another frame of the same host may be well.
    pub fn is_about_content(&self) -> bool {
        matches!(self, Self::Wire(_) | Self::Unexpected { .. } | Self::Profile(_))
    }
}

/// What is known of the hosts beyond their alert graphs.
#[derive(Debug, Default)]
pub(crate) struct Ingest {
    hosts: BTreeMap<HostId, HostState>,
    pub merge: Merge,
    pub follow: Follow,
    pub counters: IngestCounters,
    /// No event time beyond it is believed, if it is known.
    pub clock: Option<EventNs>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IngestCounters {
    /// Alert graphs that the store did not know before.
    pub n_alerts: u64,
    /// Of these, how many went again for lack of room.
    pub n_evicted: u64,
    /// And how many for their age.
    pub n_expired: u64,
    /// Frames whose content was refused.
    pub n_refused: u64,
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
    /// Frames whose content was refused.
    pub n_refused: u64,
    /// Numbers of frames that never came, though later ones did.
    pub n_missing: u64,
    /// Alerts of which a part is missing here, and who was asked for the whole: who lost the question is asked once more.
    pub wanted: BTreeSet<AlertId>,
    /// The same of its profile.
    pub wants_profile: bool,
    pub fork: Option<Fork>,
    pub condition: Condition,
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
    /// Frames whose content could not be read, and is lost.
    pub n_refused: u64,
    /// Frames that never came, though later ones did: the host's spool had no room for them, or they came to a store that was lost.
    pub n_missing: u64,
    pub is_settled: bool,
    /// Two machines sent as this host.
    pub is_forked: bool,
    pub condition: Condition,
    /// The fleet's view that hosts of its group are given now is in force there.
    pub has_given_view: bool,
    /// The group that it is in, if that has a view of its own.
    pub group: Option<Str>,
}

impl HostState {
    pub fn is_settled(&self, at: EventNs) -> bool {
        settled_at(&self.settled, at)
    }
}

/// Whether it is settled then, of a host that from these moments on was or was not.
pub(crate) fn settled_at(settled: &BTreeMap<EventNs, bool>, at: EventNs) -> bool {
    settled.range(..=at).next_back().is_some_and(|(_, &settled)| settled)
}

/// Where alert graphs go.
struct Shelf<'a> {
    store: &'a mut dyn Store,
    follow: &'a mut Follow,
    parameters: &'a Parameters,
}

impl Shelf<'_> {
    /// `false` if the graph is larger than the store takes.
    fn put(&mut self, epoch: u32, graph: AlertGraph) -> Result<bool, StoreError> {
        self.follow.see(&graph, &self.parameters.score);
        match self.store.put_alert(epoch, graph) {
            Ok(()) => Ok(true),
            Err(StoreError::TooLarge(_)) => Ok(false),
            Err(error) => Err(error),
        }
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
                let condition = Condition { runs: known.condition.runs.take(), ..state.condition };
                *known = HostState { ledgers, condition, ..state };
                Ok(())
            }
            Note::Inventory(host) => {
                let inventory = notes::read_inventory(row)?;
                ingest.hosts.entry(host).or_default().condition.runs = Some(Runs::from(&inventory));
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
            Note::View(number) => ingest.merge.versions.load(number, row),
            Note::Hold => ingest.merge.versions.load_hold(row, store),
        })?;
        Ok(ingest)
    }

    /// What is known of each host, by id.
    pub fn reports(&self) -> Vec<HostReport> {
        let group = |host| self.merge.groups().get(host);
        let report = |(&host, state): (&HostId, &HostState)| HostReport {
            host,
            group: group(host).cloned(),
            name: state.name.clone(),
            version: state.version.clone(),
            epoch: state.epoch,
            latest: state.latest,
            n_alerts: state.n_alerts,
            n_refused: state.n_refused,
            n_missing: state.n_missing,
            is_settled: state.is_settled(state.latest),
            is_forked: state.fork.is_some(),
            has_given_view: state
                .condition
                .runs
                .as_ref()
                .is_some_and(|runs| runs.view == self.merge.versions.given_hash(group(host).map(|group| &**group))),
            condition: state.condition.clone(),
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
        let class = payload.class();
        let key = FrameKey { class, epoch, sequence };
        let state = host_state(&mut self.hosts, host)?;
        let answer = |payload| Message { host, epoch, sequence: 0, payload };
        let acknowledgement = Payload::Acknowledgement { class, sequence };
        match state.known(host, key, content_hash, store)? {
            Known::New => {}
            Known::Repeated => {
                let asked = match payload {
                    Payload::Heartbeat(_) => self.merge.view_again(host),
                    _ => state.wants_of(&payload),
                };
                return Ok(asked.into_iter().chain([acknowledgement]).map(answer).collect());
            }
            Known::Otherwise(epoch) => return Ok(vec![answer(Payload::NewEpoch { epoch })]),
        }
        let mut requests = Vec::new();
        match payload {
            Payload::Hello(hello) => {
                (state.name, state.version) = (Some(hello.name), Some(hello.version));
                requests = state.take_wants();
                requests.extend(self.follow.since_last(host).into_iter().map(Payload::Follow));
            }
            Payload::Heartbeat(heartbeat) => {
                state.beat(heartbeat);
                requests = state.take_wants();
                let now = self.clock.map_or(heartbeat.time, |clock| heartbeat.time.min(clock));
                requests.extend(self.merge.view_for(host, now, &parameters.profile, store)?);
                requests.extend(self.follow.since_last(host).into_iter().map(Payload::Follow));
            }
            Payload::Profile(delta) => {
                let request = self.merge.take(host, &delta, &parameters.profile)?;
                state.wants_profile = request.is_some();
                store.put_note(Note::Contribution(host), notes::contribution(host, &self.merge))?;
                requests.extend(request);
            }
            Payload::Loss(loss) => {
                self.counters.n_lost_events = self.counters.n_lost_events.saturating_add(loss.n_events);
                state.condition.losses.take(&loss);
            }
            Payload::Inventory(inventory) => {
                state.condition.runs = Some(Runs::from(&inventory));
                requests.extend(self.merge.view_unless(host, inventory.view));
                store.put_note(Note::Inventory(host), Some(notes::inventory(host, inventory)?))?;
            }
            Payload::Alert(update) => {
                state.latest = state.latest.max(update.graph.last);
                let mut shelf = Shelf { store, follow: &mut self.follow, parameters };
                requests.extend(state.alert(epoch, update, &mut shelf, &mut self.counters)?);
            }
            _ => {}
        }
        state.record(host, key, content_hash, store)?;
        store.put_note(Note::Counters, Some(notes::counters(&self.counters)))?;
        // What the host is asked for comes first: once it lets the frame go, it has the question.
        Ok(requests.into_iter().chain([acknowledgement]).map(answer).collect())
    }

    /// Refuses a frame whose content cannot be taken: it counts as lost, and its number as used. Gives what to answer, and whether
    /// that was not said before.
    pub fn refuse(&mut self, head: &Head, store: &mut dyn Store) -> Result<(Message, bool), IngestError> {
        let &Head { host, key, content_hash } = head;
        let FrameKey { class, epoch, sequence } = key;
        if sequence == 0 {
            return Err(IngestError::NoSequence { host });
        }
        let state = host_state(&mut self.hosts, host)?;
        let answer = |payload| Message { host, epoch, sequence: 0, payload };
        let is_new = match state.known(host, key, content_hash, store)? {
            Known::Otherwise(epoch) => return Ok((answer(Payload::NewEpoch { epoch }), false)),
            Known::Repeated => false,
            Known::New => {
                state.n_refused += 1;
                self.counters.n_refused += 1;
                state.record(host, key, content_hash, store)?;
                store.put_note(Note::Counters, Some(notes::counters(&self.counters)))?;
                true
            }
        };
        Ok((answer(Payload::Refused { class, sequence }), is_new))
    }

    /// Forgets what a host has contributed to the fleet's view.
    pub fn forget_contribution(&mut self, host: HostId, store: &mut dyn Store) -> Result<(), StoreError> {
        match self.merge.forget(host) {
            true => store.put_note(Note::Contribution(host), None),
            false => Ok(()),
        }
    }

    /// Event time of the host that is furthest.
    pub fn latest(&self) -> EventNs {
        self.hosts.values().map(|state| state.latest).max().unwrap_or_default()
    }

    /// Lets at most `max` alert graphs go that last grew before a day of event time.
    pub fn expire(&mut self, day: u32, max: usize, store: &mut dyn Store) -> Result<(), StoreError> {
        let old = store.last_before(day, max)?;
        for &(host, id) in &old {
            store.remove_alert(host, id)?;
            self.counters.n_expired += 1;
            if let Some(state) = self.hosts.get_mut(&host) {
                state.n_alerts = state.n_alerts.saturating_sub(1);
            }
        }
        let hosts: BTreeSet<_> = old.iter().map(|(host, _)| *host).collect();
        for host in &hosts {
            if let Some(state) = self.hosts.get(host) {
                store.put_note(Note::Host(*host), Some(notes::host(state)))?;
            }
        }
        match old.is_empty() {
            true => Ok(()),
            false => store.put_note(Note::Counters, Some(notes::counters(&self.counters))),
        }
    }
}

/// What is known of a frame before its content is looked at.
enum Known {
    New,
    Repeated,
    /// Its number is of no use; it may come again in this epoch.
    Otherwise(u32),
}

fn host_state(hosts: &mut BTreeMap<HostId, HostState>, host: HostId) -> Result<&mut HostState, IngestError> {
    if hosts.len() >= HOSTS_MAX && !hosts.contains_key(&host) {
        return Err(IngestError::TooManyHosts { host, max: HOSTS_MAX });
    }
    Ok(hosts.entry(host).or_default())
}

fn is_remembered(epoch: u32, latest: u32) -> bool {
    epoch.saturating_add(EPOCHS_MAX) > latest
}

/// Refuses what only the aggregator sends.
fn expected(payload: &Payload) -> Result<(), IngestError> {
    let what = match payload {
        Payload::Hello(_)
        | Payload::Alert(_)
        | Payload::Loss(_)
        | Payload::Heartbeat(_)
        | Payload::Inventory(_)
        | Payload::Profile(_) => return Ok(()),
        Payload::Acknowledgement { .. } => "an acknowledgement",
        Payload::Refused { .. } => "a refusal",
        Payload::WantWhole { .. } => "a request for a whole alert",
        Payload::WantProfile => "a request for a whole profile",
        Payload::FleetView(_) => "a view of the fleet",
        Payload::Follow(_) => "a request to follow connections",
        Payload::NewEpoch { .. } => "a new epoch",
    };
    Err(IngestError::Unexpected { what })
}

impl HostState {
    fn known(
        &mut self,
        host: HostId,
        FrameKey { class, epoch, sequence }: FrameKey,
        content_hash: u64,
        store: &mut dyn Store,
    ) -> Result<Known, StoreError> {
        self.epoch = self.epoch.max(epoch);
        match self.look_up(epoch, class, sequence, content_hash) {
            Entry::New => return Ok(Known::New),
            Entry::Repeated => return Ok(Known::Repeated),
            Entry::Forked => _ = self.fork.get_or_insert(Fork { epoch, time: self.latest }),
            // Never taken for a repeat: a host that lost its state, or was restored from long ago, would be acknowledged away.
            Entry::TooOld => {}
        }
        let epoch = self.unused_epoch(epoch);
        store.put_note(Note::Host(host), Some(notes::host(self)))?;
        Ok(Known::Otherwise(epoch))
    }

    /// Notes a frame as taken, with all that came of it.
    fn record(
        &mut self,
        host: HostId,
        key: FrameKey,
        content_hash: u64,
        store: &mut dyn Store,
    ) -> Result<(), StoreError> {
        let FrameKey { class, epoch, sequence } = key;
        self.forget_epochs(host, class, epoch, store)?;
        let ledger = self.ledgers.entry((epoch, class)).or_default();
        self.n_missing = self.n_missing.saturating_add_signed(ledger.missing_before(sequence));
        let forgotten = ledger.record(sequence, content_hash);
        store.put_note(Note::Taken(host, key), Some(notes::hash(content_hash)))?;
        if let Some(forgotten) = forgotten {
            store.put_note(Note::Taken(host, FrameKey { sequence: forgotten, ..key }), None)?;
        }
        store.put_note(Note::Host(host), Some(notes::host(self)))
    }

    /// What was asked for when this came for the first time, if it is still missing.
    fn wants_of(&self, payload: &Payload) -> Option<Payload> {
        match payload {
            Payload::Alert(update) if self.wanted.contains(&update.graph.id) => {
                Some(Payload::WantWhole { alert: update.graph.id, known_revision: 0 })
            }
            Payload::Profile(_) if self.wants_profile => Some(Payload::WantProfile),
            _ => None,
        }
    }

    /// All that is still missing, to be asked for once more.
    fn take_wants(&mut self) -> Vec<Payload> {
        let alerts = std::mem::take(&mut self.wanted).into_iter();
        let wholes = alerts.map(|alert| Payload::WantWhole { alert, known_revision: 0 });
        let profile = std::mem::take(&mut self.wants_profile).then_some(Payload::WantProfile);
        wholes.chain(profile).collect()
    }

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
        self.condition.readiness_permille = heartbeat.readiness_permille;
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
        epoch: u32,
        update: AlertUpdate,
        shelf: &mut Shelf<'_>,
        counters: &mut IngestCounters,
    ) -> Result<Option<Payload>, StoreError> {
        let (host, alert) = (update.graph.host, update.graph.id);
        self.wanted.remove(&alert);
        let want_whole = |known_revision| Ok(Some(Payload::WantWhole { alert, known_revision }));
        let Some(Kept { epoch: known_epoch, graph: known }) = shelf.store.alert(host, alert)? else {
            if update.extends > 0 {
                self.want(alert);
                return want_whole(0);
            }
            return match self.add(epoch, update.graph, shelf, counters)? {
                true => Ok(None),
                false => want_whole(0),
            };
        };
        let (known, known_revision) = (known.as_ref().clone(), known.revision);
        // Revisions count within an epoch: a host that lost its state begins at 1 again.
        if epoch != known_epoch {
            if update.extends > 0 {
                self.want(alert);
                return want_whole(known_revision);
            }
            let (newer, older) = if epoch > known_epoch { (update.graph, known) } else { (known, update.graph) };
            let joined = newer.clone().with_what_was_known(older);
            let epoch = epoch.max(known_epoch);
            if !outgrows_a_frame(&joined) && shelf.put(epoch, joined)? || shelf.put(epoch, newer)? {
                return Ok(None);
            }
            return want_whole(known_revision);
        }
        let mut graph = known;
        if graph.apply(update).is_err() {
            self.want(alert);
            return want_whole(known_revision);
        }
        // Deltas only ever add: one that outgrows a frame could never have been sent as a whole.
        if outgrows_a_frame(&graph) || graph.revision > known_revision && !shelf.put(epoch, graph)? {
            return want_whole(known_revision);
        }
        Ok(None)
    }

    fn want(&mut self, alert: AlertId) {
        self.wanted.insert(alert);
        if self.wanted.len() > WANTED_MAX {
            self.wanted.pop_first();
        }
    }

    /// Takes a graph that is new. Where there is no room the one goes that is least, be it this one. `false` if it is larger than the
    /// store takes.
    fn add(
        &mut self,
        epoch: u32,
        graph: AlertGraph,
        shelf: &mut Shelf<'_>,
        counters: &mut IngestCounters,
    ) -> Result<bool, StoreError> {
        let alerts_per_host_max = shelf.parameters.fold.alerts_per_host_max as usize;
        let (host, rank) = (graph.host, Rank::of(&graph));
        let least = match self.n_alerts >= alerts_per_host_max {
            true => shelf.store.least_of(host)?,
            false => None,
        };
        if least.is_none_or(|least| least < rank) {
            if !shelf.put(epoch, graph)? {
                return Ok(false);
            }
            self.n_alerts += 1;
            if let Some(least) = least {
                shelf.store.remove_alert(host, least.id.0)?;
                self.n_alerts -= 1;
            }
        }
        counters.n_alerts += 1;
        counters.n_evicted += u64::from(least.is_some());
        Ok(true)
    }
}

fn outgrows_a_frame(graph: &AlertGraph) -> bool {
    graph.nodes.len() > limits::NODES_MAX || graph.edges.len() > limits::EDGES_MAX
}
