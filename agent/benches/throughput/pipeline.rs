//! The whole pipeline of the agent without parsing, spilling to RocksDB behind the shipped window.

use crate::inputs::{Input, history, store};
use criterion::{Criterion, Throughput};
use std::collections::BTreeMap;
use tracewell_agent::Pipeline;
use tracewell_agent::normalise::host_of;
use tracewell_model::{HostId, HostRecord, Record};
use tracewell_parameters::Parameters;
use tracewell_store::Store;
use tracewell_wire::{Transport, TransportError};

/// An aggregator that takes everything and answers nothing.
#[derive(Default)]
struct Sink {
    n_frames: u64,
    n_bytes: u64,
}

impl Transport for Sink {
    fn send(&mut self, frame: Vec<u8>) -> Result<(), TransportError> {
        self.n_frames += 1;
        self.n_bytes += frame.len() as u64;
        Ok(())
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        None
    }
}

fn pipelines(input: &Input, store: &Store) -> BTreeMap<HostId, Pipeline> {
    let hosts: BTreeMap<_, _> = input.records().iter().map(|record| (host_of(record), record)).collect();
    let pipeline = |(host, record): (HostId, &Record)| {
        let named = HostRecord { host, name: "bench".into() };
        let named = if let Record::Host(said) = record { said.clone() } else { named };
        (host, Pipeline::new(&named, &Parameters::default(), history(store, host)))
    };
    hosts.into_iter().map(pipeline).collect()
}

fn run(criterion: &mut Criterion, group: &str, inputs: impl IntoIterator<Item = Input>) {
    let mut group = criterion.benchmark_group(group);
    group.sample_size(10);
    for mut input in inputs {
        let (_folder, store) = store();
        let mut pipelines = pipelines(&input, &store);
        let mut sink = Sink::default();
        group.throughput(Throughput::Elements(input.n_events));
        group.bench_function(input.name, |bencher| {
            bencher.iter(|| {
                input.again(|record| {
                    let pipeline = pipelines.get_mut(&host_of(record)).expect("every host has its pipeline");
                    pipeline.record(record, &mut sink).expect("RocksDB works");
                });
            });
        });
        let stats: Vec<_> = pipelines.values().map(Pipeline::stats).collect();
        let sum = |field: fn(&tracewell_agent::PipelineStats) -> u64| stats.iter().map(field).sum::<u64>();
        let (n_events, n_edges) = (sum(|stats| stats.graph.events), sum(|stats| stats.graph.edges));
        println!("{}: {n_events} events became {n_edges} edges", input.name);
        println!("{}: {} frames of {} bytes in all", input.name, sink.n_frames, sink.n_bytes);
    }
}

pub fn pipeline(criterion: &mut Criterion) {
    let simulated = Input::simulated("simulated", 1, 1_000_000);
    run(criterion, "pipeline", Input::e1().into_iter().chain([simulated]));
}

/// What an event costs as hosts share one process and one store, as in a replay of a fleet.
pub fn hosts(criterion: &mut Criterion) {
    let fleets = [("1", 1), ("10", 10), ("100", 100), ("1000", 1000)];
    run(criterion, "hosts", fleets.map(|(name, hosts)| Input::simulated(name, hosts, 500_000)));
}
