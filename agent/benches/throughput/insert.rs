//! Graph insertion alone: hashing of ids, merging, versions, and the spill to RocksDB behind the shipped window.

use crate::inputs::{Input, history, store};
use criterion::{Criterion, Throughput};
use tracewell_graph_core::graph::Graph;
use tracewell_model::{HostId, Record};
use tracewell_parameters::Parameters;

pub fn insert(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("insert");
    group.sample_size(10);
    let simulated = Input::simulated("simulated", 1, 1_000_000);
    for mut input in Input::e1().into_iter().chain([simulated]) {
        let (_folder, store) = store();
        let host = HostId(1);
        let mut graph = Graph::new(host, &Parameters::default().graph, history(&store, host));
        group.throughput(Throughput::Elements(input.n_events));
        group.bench_function(input.name, |bencher| {
            bencher.iter(|| {
                input.again(|record| match record {
                    Record::Event(event) => {
                        graph.insert(event).expect("RocksDB works");
                    }
                    Record::Process(process) => {
                        graph.describe(process).expect("RocksDB works");
                    }
                    Record::Host(_)
                    | Record::Tick { .. }
                    | Record::Loss(_)
                    | Record::Finding(_)
                    | Record::Checkpoint(_)
                    | Record::History(_) => {}
                });
            });
        });
        let counts = graph.counts();
        println!("insert/{}: {} events became {} edges, {counts:?}", input.name, counts.events, counts.edges);
    }
}
