use std::collections::BTreeMap;
use std::sync::Arc;
use tracewell_model::{AlertGraph, AlertId, HostId};
use tracewell_wire::{FrameKey, WireError};

/// Where alert graphs are kept. A result depends on nothing else, so that another engine can stand in.
pub trait Store: Send {
    /// # Errors
    /// When the store cannot be read.
    fn alert(&self, host: HostId, id: AlertId) -> Result<Option<Arc<AlertGraph>>, StoreError>;
    /// Keeps the graph in place of an earlier revision. It is durable once [`Self::commit`] returns.
    ///
    /// # Errors
    /// When the store cannot be written, or the graph is larger than it takes ([`StoreError::TooLarge`]).
    fn put_alert(&mut self, graph: AlertGraph) -> Result<(), StoreError>;
    /// # Errors
    /// When the store cannot be written.
    fn remove_alert(&mut self, host: HostId, id: AlertId) -> Result<(), StoreError>;
    /// All graphs of a host.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn alerts_of(&self, host: HostId) -> Result<Vec<Arc<AlertGraph>>, StoreError>;
    /// All graphs, by host and id.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn alerts(&self) -> Result<Vec<Arc<AlertGraph>>, StoreError>;

    /// Keeps what is known of a host beside its alert graphs, or forgets it. A store that does not outlast the process need
    /// not.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn put_note(&mut self, note: Note, row: Option<Vec<u8>>) -> Result<(), StoreError> {
        let _ = (note, row);
        Ok(())
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

/// Who is given each note and its row.
pub type TakeNote<'a> = dyn FnMut(Note, &[u8]) -> Result<(), StoreError> + 'a;

/// What is known of a host beside its alert graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// What it said of itself, and how it fares.
    Host(HostId),
    /// A message of it that was taken, by its key; the row is the hash of its content.
    Taken(HostId, FrameKey),
    /// What its profile has learned.
    Contribution(HostId),
    /// What was counted over all hosts.
    Counters,
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
    alerts: BTreeMap<(HostId, AlertId), Arc<AlertGraph>>,
}

impl Store for MemoryStore {
    fn alert(&self, host: HostId, id: AlertId) -> Result<Option<Arc<AlertGraph>>, StoreError> {
        Ok(self.alerts.get(&(host, id)).cloned())
    }

    fn put_alert(&mut self, graph: AlertGraph) -> Result<(), StoreError> {
        self.alerts.insert((graph.host, graph.id), Arc::new(graph));
        Ok(())
    }

    fn remove_alert(&mut self, host: HostId, id: AlertId) -> Result<(), StoreError> {
        self.alerts.remove(&(host, id));
        Ok(())
    }

    fn alerts_of(&self, host: HostId) -> Result<Vec<Arc<AlertGraph>>, StoreError> {
        let range = (host, AlertId(0))..=(host, AlertId(u64::MAX));
        Ok(self.alerts.range(range).map(|(_, graph)| Arc::clone(graph)).collect())
    }

    fn alerts(&self) -> Result<Vec<Arc<AlertGraph>>, StoreError> {
        Ok(self.alerts.values().cloned().collect())
    }
}
