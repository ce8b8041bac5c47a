use std::collections::BTreeMap;
use std::sync::Arc;
use tracewell_model::{AlertGraph, AlertId, HostId};

/// Where alert graphs are kept. A result depends on nothing else, so that another engine can stand in.
pub trait Store: Send {
    /// # Errors
    /// When the store cannot be read.
    fn alert(&self, host: HostId, id: AlertId) -> Result<Option<Arc<AlertGraph>>, StoreError>;
    /// Keeps the graph in place of an earlier revision. It is durable when this returns.
    ///
    /// # Errors
    /// When the store cannot be written.
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
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("store: {0}")]
pub struct StoreError(pub String);

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
