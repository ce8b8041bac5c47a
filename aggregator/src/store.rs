use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tracewell_model::{AlertGraph, AlertId, EventNs, HostId, Millibits};
use tracewell_wire::{FrameKey, WireError};

/// An alert graph as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The host's epoch in which it said the latest of it.
    pub epoch: u32,
    pub graph: Arc<AlertGraph>,
}

/// What goes first where there is no room: least surprise, the later one where two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    pub surprise: Millibits,
    pub first: Reverse<EventNs>,
    pub id: Reverse<AlertId>,
}

impl Rank {
    pub fn of(graph: &AlertGraph) -> Self {
        Self { surprise: graph.surprise, first: Reverse(graph.first), id: Reverse(graph.id) }
    }
}

/// Where alert graphs are kept. A result depends on nothing else, so that another engine can stand in.
pub trait Store: Send {
    /// # Errors
    /// When the store cannot be read.
    fn alert(&self, host: HostId, id: AlertId) -> Result<Option<Kept>, StoreError>;
    /// Keeps the graph in place of an earlier revision. It is durable once [`Self::commit`] returns.
    ///
    /// # Errors
    /// When the store cannot be written, or the graph is larger than it takes ([`StoreError::TooLarge`]).
    fn put_alert(&mut self, epoch: u32, graph: AlertGraph) -> Result<(), StoreError>;
    /// # Errors
    /// When the store cannot be written.
    fn remove_alert(&mut self, host: HostId, id: AlertId) -> Result<(), StoreError>;
    /// The graph of a host that goes first. Reads none of the others.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn least_of(&mut self, host: HostId) -> Result<Option<Rank>, StoreError>;
    /// At most `max` graphs that last grew before a day of event time, the oldest first. Reads none of the others.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn last_before(&mut self, day: u32, max: usize) -> Result<Vec<(HostId, AlertId)>, StoreError>;
    /// Reads all graphs, by host and id, wherever it is called: those that are there now, and of those that are put meanwhile some or none.
    fn reader(&self) -> Reader;

    /// All graphs, by host and id.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn alerts(&self) -> Result<Vec<Arc<AlertGraph>>, StoreError> {
        (self.reader())()
    }

    /// Keeps what is known beside alert graphs, or forgets it. A store that does not outlast the process need not.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn put_note(&mut self, note: Note, row: Option<Vec<u8>>) -> Result<(), StoreError> {
        let _ = (note, row);
        Ok(())
    }

    /// What [`Self::put_note`] kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn note(&self, note: Note) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = note;
        Ok(None)
    }

    /// Hands out all that [`Self::put_note`] kept, in order.
    ///
    /// # Errors
    /// When the store cannot be read, or `take` fails.
    fn notes(&self, take: &mut TakeNote<'_>) -> Result<(), StoreError> {
        let _ = take;
        Ok(())
    }

    /// Makes all that was put and removed durable, all or none of it. When it fails nothing is lost: it is to be tried again.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn commit(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Gives all alert graphs, or why the store cannot be read.
pub type Reader = Box<dyn FnOnce() -> Result<Vec<Arc<AlertGraph>>, StoreError> + Send>;

/// Who is given each note and its row.
pub type TakeNote<'a> = dyn FnMut(Note, &[u8]) -> Result<(), StoreError> + 'a;

/// What is known beside alert graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// What it said of itself, and how it fares.
    Host(HostId),
    /// A message of it that was taken, by its key; the row is the hash of its content.
    Taken(HostId, FrameKey),
    /// What its profile has learned.
    Contribution(HostId),
    /// What it says that it runs.
    Inventory(HostId),
    /// What was counted over all hosts.
    Counters,
    /// A view of the fleet that was made, by its number.
    View(u64),
    /// Which view hosts are held at.
    Hold,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The medium failed.
    #[error("store: {0}")]
    Medium(String),
    /// What was read is not what was written, or by a newer program.
    #[error("store: {what} is not what was written: {why}")]
    Corrupt { what: &'static str, why: String },
    /// Do without it.
    #[error("an alert graph is larger than the store takes: {0}")]
    TooLarge(WireError),
}

/// Keeps everything in memory, for replays and tests.
#[derive(Debug, Default)]
pub struct MemoryStore {
    alerts: BTreeMap<(HostId, AlertId), Kept>,
    ranks: BTreeSet<(HostId, Rank)>,
    days: BTreeSet<(u32, HostId, AlertId)>,
}

impl Store for MemoryStore {
    fn alert(&self, host: HostId, id: AlertId) -> Result<Option<Kept>, StoreError> {
        Ok(self.alerts.get(&(host, id)).cloned())
    }

    fn put_alert(&mut self, epoch: u32, graph: AlertGraph) -> Result<(), StoreError> {
        let (host, id) = (graph.host, graph.id);
        self.remove_alert(host, id)?;
        self.ranks.insert((host, Rank::of(&graph)));
        self.days.insert((graph.last.day(), host, id));
        self.alerts.insert((host, id), Kept { epoch, graph: Arc::new(graph) });
        Ok(())
    }

    fn remove_alert(&mut self, host: HostId, id: AlertId) -> Result<(), StoreError> {
        if let Some(Kept { graph, .. }) = self.alerts.remove(&(host, id)) {
            self.ranks.remove(&(host, Rank::of(&graph)));
            self.days.remove(&(graph.last.day(), host, id));
        }
        Ok(())
    }

    fn least_of(&mut self, host: HostId) -> Result<Option<Rank>, StoreError> {
        let least = Rank { surprise: Millibits::ZERO, first: Reverse(EventNs::MAX), id: Reverse(AlertId(u64::MAX)) };
        let mut from = self.ranks.range((host, least)..);
        Ok(from.next().filter(|(of, _)| *of == host).map(|(_, rank)| *rank))
    }

    fn last_before(&mut self, day: u32, max: usize) -> Result<Vec<(HostId, AlertId)>, StoreError> {
        let old = self.days.iter().take_while(|(of, ..)| *of < day);
        Ok(old.take(max).map(|&(_, host, id)| (host, id)).collect())
    }

    fn reader(&self) -> Reader {
        let alerts = self.alerts.values().map(|kept| Arc::clone(&kept.graph)).collect();
        Box::new(|| Ok(alerts))
    }
}
