//! The same records give the same frames, byte for byte, however they are cut and however early the graph spills.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use tracewell_agent::Pipeline;
use tracewell_agent::normalise::host_of;
use tracewell_datasets::simulate::{Simulation, SimulationConfig};
use tracewell_datasets::tracewell::TracewellWriter;
use tracewell_datasets::{Format, ReadOptions, from_stream};
use tracewell_graph_core::history::MemoryHistory;
use tracewell_model::{EventNs, HostId, HostRecord, Record};
use tracewell_parameters::Parameters;
use tracewell_wire::{Class, Transport, memory_pair};

type Frames = BTreeMap<HostId, Vec<Vec<u8>>>;

/// All frames that the hosts send, in their order. The first one of each, hello, names the parameters and is left out.
fn frames(records: impl IntoIterator<Item = Record>, parameters: &Parameters) -> Frames {
    let mut hosts = BTreeMap::new();
    for record in records {
        let host = host_of(&record);
        let (pipeline, agent_end, _) = hosts.entry(host).or_insert_with(|| {
            let (agent_end, aggregator_end) = memory_pair();
            let named = HostRecord { host, name: "host".into() };
            (Pipeline::new(&named, parameters, Box::new(MemoryHistory::new())), agent_end, aggregator_end)
        });
        pipeline.record(&record, agent_end).unwrap();
    }
    let mut frames = Frames::new();
    for (host, (mut pipeline, mut agent_end, mut aggregator_end)) in hosts {
        pipeline.finish(&mut agent_end).unwrap();
        let sent = std::iter::from_fn(|| aggregator_end.receive()).skip(1);
        frames.insert(host, sent.collect());
    }
    frames
}

fn n_alerts(frames: &Frames) -> usize {
    let all = frames.values().flatten().map(|frame| tracewell_wire::decode(frame).unwrap());
    all.filter(|message| message.payload.class() == Class::Alert).count()
}

fn simulated() -> Vec<Record> {
    let config = SimulationConfig {
        duration_ns: 1_200 * EventNs::SECOND,
        events_per_1000_s: 10_000,
        ..SimulationConfig::new(7, 8)
    };
    Simulation::new(&config.with_every_story()).unwrap().collect()
}

fn with_window(window_bytes: usize) -> Parameters {
    let mut parameters = Parameters::default();
    parameters.graph.window_bytes = window_bytes;
    parameters
}

#[test]
fn spilling_early_changes_no_frame_of_a_simulated_fleet() {
    let records = simulated();
    let roomy = frames(records.iter().cloned(), &with_window(1 << 30));
    assert!(n_alerts(&roomy) > 0, "there is something to compare");
    for window_bytes in [0, 50_000] {
        assert!(frames(records.iter().cloned(), &with_window(window_bytes)) == roomy, "window of {window_bytes}");
    }
}

#[test]
fn spilling_early_changes_no_frame_of_a_recording() {
    let path = datasets().join("darpa-tc-e1-cadets/stretch-am.json.xz");
    if !path.exists() {
        println!("SKIPPED: {} is not there (set TRACEWELL_DATASETS)", path.display());
        return;
    }
    let reader = tracewell_datasets::open(&path, None, &ReadOptions::default()).unwrap();
    let records: Vec<_> = reader.take(150_000).map(Result::unwrap).collect();
    let roomy = frames(records.iter().cloned(), &with_window(1 << 30));
    assert!(n_alerts(&roomy) > 0, "there is something to compare");
    assert!(frames(records.iter().cloned(), &with_window(0)) == roomy);
    assert!(frames(records, &with_window(1_000_000)) == roomy);
}

/// A stream that gives out so many bytes at a time.
struct Chunked {
    bytes: Vec<u8>,
    at: usize,
    n_bytes: usize,
}

impl Read for Chunked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        let n_read = self.n_bytes.min(out.len()).min(rest.len());
        out[..n_read].copy_from_slice(&rest[..n_read]);
        self.at += n_read;
        Ok(n_read)
    }
}

#[test]
fn chunks_of_the_input_change_no_frame() {
    let records: Vec<_> = simulated().into_iter().take(40_000).collect();
    let mut writer = TracewellWriter::new(Vec::new()).unwrap();
    records.iter().for_each(|record| writer.write(record).unwrap());
    let bytes = writer.finish().unwrap();
    let whole = frames(records, &Parameters::default());
    assert!(whole.values().map(Vec::len).sum::<usize>() > 0, "there is something to compare");
    for n_bytes in [1, 7, 4_093, usize::MAX] {
        let stream = Chunked { bytes: bytes.clone(), at: 0, n_bytes };
        let reader = from_stream(stream, "chunks", Some(Format::Tracewell), &ReadOptions::default()).unwrap();
        assert!(frames(reader.map(Result::unwrap), &Parameters::default()) == whole, "chunks of {n_bytes}");
    }
}

fn datasets() -> PathBuf {
    let beside = || PathBuf::from("../../shared/datasets");
    std::env::var_os("TRACEWELL_DATASETS").map_or_else(beside, PathBuf::from)
}
