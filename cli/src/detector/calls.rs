//! Runs detectors through the very pipeline that an agent runs, and keeps each call with what came of it.

use crate::failure::Failure;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tracewell_agent::Pipeline;
use tracewell_agent::normalise::host_of;
use tracewell_detector_host::{Library, Runner};
use tracewell_graph_core::history::MemoryHistory;
use tracewell_graph_core::neighbourhood::{Detectors, Glimpse, Neighbourhood, OperationSet, Reach};
use tracewell_model::{Finding, HostId, HostRecord, Operation, Record};
use tracewell_parameters::Parameters;
use tracewell_wire::memory_pair;

/// A call, and what came of it.
pub struct Call {
    pub detector: usize,
    pub seen: Neighbourhood,
    pub found: Result<Vec<Finding>, String>,
}

/// One pipeline for each host of a stream.
pub struct Calls<'a> {
    library: &'a Library,
    pipelines: BTreeMap<HostId, Pipeline>,
    heard: Heard,
}

impl<'a> Calls<'a> {
    pub fn new(library: &'a Library) -> Self {
        Self { library, pipelines: BTreeMap::new(), heard: Heard::default() }
    }

    /// The calls that a record makes.
    pub fn of(&mut self, record: &Record) -> Result<Vec<Call>, Failure> {
        let (library, heard) = (self.library, &self.heard);
        let pipeline = self.pipelines.entry(host_of(record)).or_insert_with(|| {
            let host = HostRecord { host: host_of(record), name: "test".into() };
            let mut pipeline = Pipeline::new(&host, &Parameters::default(), Box::new(MemoryHistory::default()));
            pipeline.add_detectors(Box::new(Listener { runner: library.runner(), heard: heard.clone() }));
            pipeline
        });
        let (mut end, _other) = memory_pair();
        pipeline.record(record, &mut end).map_err(Failure::internal)?;
        Ok(self.heard.take())
    }
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Call>>>);

impl Heard {
    fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs detectors as an agent does and notes each call.
struct Listener {
    runner: Runner,
    heard: Heard,
}

impl Detectors for Listener {
    fn operations(&self) -> OperationSet {
        self.runner.operations()
    }

    fn triggered(&mut self, op: Operation, glimpse: &Glimpse<'_>, detectors: &mut Vec<usize>) {
        self.runner.triggered(op, glimpse, detectors);
    }

    fn reach(&self, detector: usize) -> Reach {
        self.runner.reach(detector)
    }

    fn detect(&mut self, detector: usize, seen: &Neighbourhood) -> Vec<Finding> {
        let found = self.runner.call(detector, seen).map_err(|failure| failure.to_string());
        let findings = found.clone().unwrap_or_default();
        let mut heard = self.heard.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(Call { detector, seen: seen.clone(), found });
        findings
    }
}
