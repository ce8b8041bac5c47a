//! The whole pipeline outlives whatever a source says, and says the same whatever the size of its window.

use crate::arbitrary::{HOST, Hostile, hostile};
use proptest::prelude::*;
use tracewell_agent::Pipeline;
use tracewell_graph_core::history::MemoryHistory;
use tracewell_model::{EventNs, HostRecord, LossCause, LossRecord, Record};
use tracewell_parameters::Parameters;
use tracewell_wire::{Transport, memory_pair};

fn run(trace: &[Record], window_bytes: usize) -> Vec<Vec<u8>> {
    let mut parameters = Parameters::default();
    parameters.graph.window_bytes = window_bytes;
    parameters.link.terminal_min_millibits = 2_000;
    parameters.link.alert_min_millibits = 3_000;
    let host = HostRecord { host: HOST, name: "host".into() };
    let mut pipeline = Pipeline::new(&host, &parameters, Box::new(MemoryHistory::new()));
    let (mut agent_end, mut aggregator_end) = memory_pair();
    for record in trace {
        pipeline.record(record, &mut agent_end).unwrap();
    }
    pipeline.finish(&mut agent_end).unwrap();
    std::iter::from_fn(|| aggregator_end.receive()).skip(1).collect()
}

/// Repetitions as records, and ticks and losses with times of any kind in between.
pub fn records(trace: Vec<(Hostile, Option<u64>)>) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for (entry, time) in trace {
        match entry {
            Hostile::Event(event) => records.push(Record::Event(event)),
            Hostile::Process(process) => records.push(Record::Process(process)),
            Hostile::Again => records.extend(records.last().cloned()),
        }
        if let Some(time) = time.map(EventNs) {
            let n_events = time.0;
            records.push(Record::Tick { host: HOST, time });
            records.push(Record::Loss(LossRecord { host: HOST, time, cause: LossCause::Unknown, n_events }));
        }
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_the_window_decides_nothing(
        trace in hostile(80),
        times in proptest::collection::vec(proptest::option::weighted(0.1, any::<u64>()), 80),
    ) {
        let trace = records(trace.into_iter().zip(times).collect());
        prop_assert_eq!(run(&trace, 1 << 30), run(&trace, 0));
    }
}
