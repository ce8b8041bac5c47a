//! The detectors as one pipeline runs them.

use crate::call::{self, Failure, Spent};
use crate::engine::Runtime;
use crate::health::Health;
use crate::json;
use crate::library::Loaded;
use crate::lower::Tables;
use crate::output;
use crate::trigger::Triggers;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tracewell_graph_core::neighbourhood::{Detectors, Glimpse, Neighbourhood, OperationSet, Reach};
use tracewell_model::{Finding, Operation};

pub struct Runner {
    runtime: Runtime,
    detectors: Vec<Arc<Loaded>>,
    health: Vec<Health>,
    triggers: Triggers,
    /// Of the call at hand.
    tables: RefCell<Tables>,
}

impl Runner {
    pub(crate) fn new(runtime: Runtime, detectors: Vec<Arc<Loaded>>, triggers: Triggers) -> Self {
        let health = vec![Health::default(); detectors.len()];
        Self { runtime, detectors, health, triggers, tables: RefCell::default() }
    }

    /// What a detector finds.
    ///
    /// # Errors
    /// When the call fails. It is not counted here.
    pub fn call(&self, detector: usize, neighbourhood: &Neighbourhood) -> Result<Vec<Finding>, Failure> {
        self.measure(detector, neighbourhood).0
    }

    /// What a detector finds, or why it fails, and what the call took. It is not counted here.
    pub fn measure(&self, detector: usize, neighbourhood: &Neighbourhood) -> (Result<Vec<Finding>, Failure>, Spent) {
        let started = Instant::now();
        let loaded = &self.detectors[detector];
        let mut tables = self.tables.borrow_mut();
        let (returned, spent) = call::detect(&self.runtime, &loaded.code, tables.lower(neighbourhood));
        let checked = returned
            .and_then(|returned| output::check(&loaded.metadata, neighbourhood, returned).map_err(Failure::Output));
        (checked, Spent { whole: started.elapsed(), ..spent })
    }

    /// What a detector found that ran elsewhere and wrote it as JSON, checked as what it returns from a call.
    ///
    /// # Errors
    /// When it is no JSON of findings, or is refused.
    pub fn found_elsewhere(
        &self,
        detector: usize,
        neighbourhood: &Neighbourhood,
        json: &str,
    ) -> Result<Vec<Finding>, Failure> {
        let returned = json::findings(json).map_err(Failure::OutputForm)?;
        output::check(&self.detectors[detector].metadata, neighbourhood, returned).map_err(Failure::Output)
    }

    /// Goes on as another runner. What is loaded in both stays parked if it was.
    pub fn become_other(&mut self, mut other: Self) {
        for (new, health) in other.detectors.iter().zip(&mut other.health) {
            if let Some(at) = self.detectors.iter().position(|known| Arc::ptr_eq(known, new)) {
                *health = std::mem::take(&mut self.health[at]);
            }
        }
        *self = other;
    }

    /// Calls a parked detector again. Returns whether one of this id was parked.
    pub fn resume(&mut self, id: &str) -> bool {
        let mut any = false;
        for (loaded, health) in self.detectors.iter().zip(&mut self.health) {
            if loaded.metadata.id == id && health.is_parked() {
                any = true;
                health.resume();
                loaded.fares.resumed();
            }
        }
        any
    }
}

impl Detectors for Runner {
    fn operations(&self) -> OperationSet {
        self.triggers.operations()
    }

    fn triggered(&mut self, op: Operation, glimpse: &Glimpse<'_>, detectors: &mut Vec<usize>) {
        self.triggers.matching(op, glimpse, detectors);
        detectors.retain(|&detector| !self.health[detector].is_parked());
    }

    fn reach(&self, detector: usize) -> Reach {
        self.detectors[detector].metadata.reach
    }

    fn detect(&mut self, detector: usize, neighbourhood: &Neighbourhood) -> Vec<Finding> {
        let (outcome, spent) = self.measure(detector, neighbourhood);
        let Loaded { metadata, fares, .. } = &*self.detectors[detector];
        fares.called(spent);
        match outcome {
            Ok(findings) => {
                fares.findings.fetch_add(findings.len() as u64, Ordering::Relaxed);
                findings
            }
            Err(failure) => {
                let is_parked = self.health[detector].failed(neighbourhood.event.time);
                let version = metadata.version.to_string();
                tracing::warn!(detector = metadata.id, version, kind = failure.kind(), %failure, "a detector failed");
                if is_parked {
                    tracing::warn!(detector = metadata.id, version, "parked: it failed too often");
                }
                fares.failed(failure.to_string(), is_parked);
                Vec::new()
            }
        }
    }
}
