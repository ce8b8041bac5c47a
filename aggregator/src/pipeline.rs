use crate::exceptions::{Exception, ExceptionError, ExceptionId, Exceptions};
use crate::incident::Incidents;
use crate::ingest::{HostReport, HostState, Ingest, IngestError};
use crate::list::{Known, List};
use crate::versions::{Hold, VersionError, VersionHead};
use crate::{MemoryStore, Note, Store, StoreError, notes};
use std::collections::{BTreeMap, BTreeSet};
use tracewell_alert_scorer::Signature;
use tracewell_graph_core::fleet::{Disputed, FleetView, Groups, Views};
use tracewell_model::{EventNs, FarEnd, HostId};
use tracewell_parameters::Parameters;
use tracewell_wire::{Inventory, decode_with_hash, encode, head};

/// Alert graphs that go at once for their age. The list shows none of the rest either.
const EXPIRED_AT_ONCE_MAX: usize = 4096;

/// What analysts found to be attacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmed {
    /// Of their stories.
    pub signatures: BTreeSet<Signature>,
    pub disputed: Disputed,
}

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

    /// The versions of the fleet's view that are kept, ascending.
    pub fn versions(&self) -> Vec<VersionHead> {
        self.ingest.merge.versions.heads().cloned().collect()
    }

    /// At which of them hosts are held.
    pub fn held(&self) -> Option<&Hold> {
        self.ingest.merge.versions.held()
    }

    /// Number of the version that hosts are given, once there is one.
    pub fn version_given(&self) -> Option<u64> {
        self.ingest.merge.versions.given_number()
    }

    /// The view that hosts of a group, or of none, are given, once there is one.
    pub fn view_given(&self, group: Option<&str>) -> Option<FleetView> {
        self.ingest.merge.versions.given_view(group).map(|(_, view)| view)
    }

    /// A version of the fleet's view, with those of all groups; 0 is the one that vouches for nothing.
    ///
    /// # Errors
    /// When it is not kept, or the store cannot be read.
    pub fn views(&self, version: u64) -> Result<Views, VersionError> {
        let versions = &self.ingest.merge.versions;
        versions.views(version, self.store.as_ref())?.ok_or_else(|| versions.unknown(version))
    }

    /// Says which group each host is in: with its next heartbeat it is given the view of that group, and its votes count there from the next
    /// version on. Whether that changed anything.
    pub fn set_groups(&mut self, groups: Groups) -> bool {
        self.ingest.merge.set_groups(groups)
    }

    /// Which group each host is in.
    pub fn groups(&self) -> &Groups {
        self.ingest.merge.groups()
    }

    /// Rolls the fleet's view back: hosts are given this version with their next heartbeat, and until it is released. New ones are made
    /// meanwhile and given to nobody.
    ///
    /// # Errors
    /// When the version is not kept, or the store cannot be read or written.
    pub fn hold(&mut self, hold: Hold) -> Result<(), VersionError> {
        self.ingest.merge.versions.hold(hold, self.store.as_mut())
    }

    /// Has hosts be given the newest version again.
    ///
    /// # Errors
    /// When none is held, or the store cannot be written.
    pub fn release(&mut self) -> Result<(), VersionError> {
        self.ingest.merge.versions.release(self.store.as_mut())
    }

    /// Lets alert graphs go that did not grow for so many days of event time; 0 keeps them all. Event time is that of the host that is
    /// furthest, and none is believed that says to be beyond `now`: who sets its clock ahead makes nothing go.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn expire(&mut self, retention_days: u32, now: EventNs) -> Result<(), StoreError> {
        self.ingest.clock = Some(now);
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

    /// What a host says that it runs; `None` until it has, and in a store that keeps no notes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn inventory(&self, host: HostId) -> Result<Option<Inventory>, StoreError> {
        self.store.note(Note::Inventory(host))?.map(|row| notes::read_inventory(&row)).transpose()
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

    /// What was found to be attacks: no exception hides such stories, wherever they happen, and what they did that was rare is vouched for
    /// by nobody, with the next heartbeat of any host.
    pub fn confirm(&mut self, Confirmed { signatures, disputed }: Confirmed) {
        self.ingest.merge.dispute(disputed);
        self.exceptions.confirm(signatures);
    }

    /// The analyst's list, computed from all that is stored.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn incidents(&self) -> Result<Incidents, StoreError> {
        self.list().incidents()
    }

    /// What the list is computed from as things are now. What arrives while it is may be on it or not.
    pub fn list(&self) -> List {
        let known =
            |state: &HostState| Known { name: state.name.clone(), settled: state.settled.clone(), fork: state.fork };
        List {
            parameters: self.parameters.clone(),
            alerts: self.store.reader(),
            horizon: self.horizon,
            hosts: self.ingest.hosts().iter().map(|(&host, state)| (host, known(state))).collect(),
            exceptions: self.exceptions.clone(),
            sudden: self.ingest.merge.sudden(&self.parameters.profile).to_vec(),
            silent: self.silent.clone(),
            counters: self.ingest.counters,
        }
    }
}
