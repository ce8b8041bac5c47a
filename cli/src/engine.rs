//! The fleet of a replay: a pipeline for each host, and one aggregator at the other end of the wire.

use crate::failure::Failure;
use crate::history::Histories;
use crate::output::members::HostNames;
use std::collections::BTreeMap;
use tracewell_agent::normalise::host_of;
use tracewell_agent::{Funnel, Pipeline, PipelineError, PipelineStats};
use tracewell_aggregator::{Aggregator, Incidents};
use tracewell_detector_host::Library;
use tracewell_model::{EventNs, HostId, HostRecord, NodeKind, Record};
use tracewell_parameters::Parameters;
use tracewell_sigma::{Rules, SigmaDetector};
use tracewell_wire::{MemoryEnd, Message, Payload, Transport, encode, memory_pair};

/// How often hosts whose streams have ended are asked where alerts of others lead; each host that is led through takes one.
const ROUNDS_MAX: usize = 16;

pub struct Engine {
    parameters: Parameters,
    histories: Histories,
    train_until: Option<EventNs>,
    library: Option<Library>,
    sigma: Option<Rules>,
    hosts: BTreeMap<HostId, Host>,
    names: HostNames,
    aggregator: Aggregator,
    n_events: u64,
}

struct Host {
    pipeline: Pipeline,
    agent_end: MemoryEnd,
    aggregator_end: MemoryEnd,
}

/// What came out, and how it came about.
pub struct Outcome {
    pub incidents: Incidents,
    pub names: HostNames,
    pub totals: Totals,
}

/// Sums over all hosts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    pub n_events: u64,
    pub n_hosts: u64,
    pub host_days: f64,
    /// The first and last believed time on any host.
    pub first: EventNs,
    pub last: EventNs,
    pub lost_events: u64,
    pub bytes_sent: u64,
    /// Events that reached the graph, and the edges they left; their ratio is the reduction.
    pub graph_events: u64,
    pub graph_edges: u64,
    pub n_nodes: BTreeMap<NodeKind, u64>,
    pub funnel: Funnel,
}

impl Engine {
    pub fn new(
        parameters: Parameters,
        histories: Histories,
        train_until: Option<EventNs>,
        library: Option<Library>,
        sigma: Option<Rules>,
    ) -> Self {
        let aggregator = Aggregator::new(&parameters);
        let (hosts, names) = Default::default();
        Self { parameters, histories, train_until, library, sigma, hosts, names, aggregator, n_events: 0 }
    }

    /// Takes one record through its host's pipeline, and what that sends to the aggregator.
    ///
    /// # Errors
    /// When the history fails or the two ends do not understand each other.
    pub fn record(&mut self, record: &Record) -> Result<(), Failure> {
        self.n_events += u64::from(matches!(record, Record::Event(_)));
        let id = host_of(record);
        if let Record::Host(host) = record {
            self.names.insert(id, host.name.clone());
        }
        if !self.hosts.contains_key(&id) {
            let host = self.start(id)?;
            self.hosts.insert(id, host);
        }
        let host = self.hosts.get_mut(&id).expect("it was just put there");
        host.pipeline.record(record, &mut host.agent_end).map_err(|error| match error {
            PipelineError::Checkpoint(_) => Failure::input(error),
            _ => Failure::internal(error),
        })?;
        host.deliver(&mut self.aggregator)?;
        self.follow()?;
        Ok(())
    }

    /// Ends all streams and gives the analyst's list.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub fn finish(mut self) -> Result<Outcome, Failure> {
        for host in self.hosts.values_mut() {
            host.pipeline.finish(&mut host.agent_end).map_err(Failure::internal)?;
            host.deliver(&mut self.aggregator)?;
        }
        for _ in 0..ROUNDS_MAX {
            if !self.follow()? {
                break;
            }
            for host in self.hosts.values_mut() {
                host.pipeline.respond(&mut host.agent_end).map_err(Failure::internal)?;
                host.deliver(&mut self.aggregator)?;
            }
        }
        let incidents = self.aggregator.incidents().map_err(Failure::internal)?;
        let stats: Vec<_> = self.hosts.values().map(|host| host.pipeline.stats()).collect();
        Ok(Outcome { incidents, names: self.names, totals: Totals::of(self.n_events, &stats) })
    }

    /// Tells all hosts where alerts lead. Whether there was something to tell.
    fn follow(&mut self) -> Result<bool, Failure> {
        let mut has_told = false;
        loop {
            let ends = self.aggregator.follow();
            if ends.is_empty() {
                return Ok(has_told);
            }
            has_told = true;
            for (&id, host) in &mut self.hosts {
                let payload = Payload::Follow(ends.clone());
                let message = Message { host: id, epoch: host.pipeline.epoch(), sequence: 0, payload };
                let frame = encode(&message).map_err(Failure::internal)?;
                host.aggregator_end.send(frame).map_err(Failure::internal)?;
            }
        }
    }

    fn start(&self, id: HostId) -> Result<Host, Failure> {
        let name = self.names.get(&id).cloned().unwrap_or_else(|| id.to_string().into());
        let mut pipeline = Pipeline::new(&HostRecord { host: id, name }, &self.parameters, self.histories.of(id)?);
        if let Some(time) = self.train_until {
            pipeline.train_until(time);
        }
        if let Some(library) = &self.library {
            pipeline.add_detectors(Box::new(library.runner()));
        }
        if let Some(rules) = &self.sigma {
            pipeline.add_detectors(Box::new(SigmaDetector::new(rules.clone())));
        }
        let (agent_end, aggregator_end) = memory_pair();
        Ok(Host { pipeline, agent_end, aggregator_end })
    }
}

impl Host {
    fn deliver(&mut self, aggregator: &mut Aggregator) -> Result<(), Failure> {
        while let Some(frame) = self.aggregator_end.receive() {
            for answer in aggregator.receive(&frame).map_err(Failure::internal)? {
                self.aggregator_end.send(answer).map_err(Failure::internal)?;
            }
        }
        Ok(())
    }
}

impl Totals {
    fn of(n_events: u64, stats: &[PipelineStats]) -> Self {
        let sum = |value: fn(&PipelineStats) -> u64| stats.iter().map(value).sum::<u64>();
        let kinds = [NodeKind::Process, NodeKind::File, NodeKind::Socket];
        let watched_ns: u128 = stats.iter().map(|host| u128::from(host.last.since(host.first))).sum();
        Self {
            n_events,
            n_hosts: stats.len() as u64,
            first: stats.iter().map(|host| host.first).min().unwrap_or_default(),
            last: stats.iter().map(|host| host.last).max().unwrap_or_default(),
            host_days: watched_ns as f64 / EventNs::DAY as f64,
            lost_events: sum(|host| host.lost_events),
            bytes_sent: sum(|host| host.bytes_sent),
            graph_events: sum(|host| host.graph.events),
            graph_edges: sum(|host| host.graph.edges),
            funnel: Funnel {
                events: sum(|host| host.funnel.events),
                unusual_on_host: sum(|host| host.funnel.unusual_on_host),
                unusual_in_fleet: sum(|host| host.funnel.unusual_in_fleet),
                stood_out: sum(|host| host.funnel.stood_out),
                groups: sum(|host| host.funnel.groups),
                followed: sum(|host| host.funnel.followed),
            },
            n_nodes: kinds.map(|kind| (kind, stats.iter().map(|host| host.graph.nodes(kind)).sum())).into(),
        }
    }
}
