//! The whole pipeline with all shipped detectors: events a second, and how often detectors are called.

use crate::Table;
use crate::inputs::{Input, history, store};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tracewell_agent::Pipeline;
use tracewell_agent::normalise::host_of;
use tracewell_detector_host::Library;
use tracewell_detector_host::limits::COMPONENT_BYTES_MAX;
use tracewell_model::{HostId, HostRecord, Record};
use tracewell_parameters::Parameters;
use tracewell_store::Store;
use tracewell_wire::{Transport, TransportError};

/// Runs through the input, the first of which fills the window and is not counted.
const N_ROUNDS: usize = 4;

struct Sink;

impl Transport for Sink {
    fn send(&mut self, _: Vec<u8>) -> Result<(), TransportError> {
        Ok(())
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        None
    }
}

pub fn run(table: &mut Table, folder: &Path) {
    let mut recordings: Vec<_> = recordings().collect();
    recordings.sort();
    let mut inputs: Vec<_> = Input::e1().into_iter().collect();
    inputs.push(Input::simulated("simulator", 1, 1_000_000));
    for input in &mut inputs {
        rate(table, folder, input);
    }
    let mut n_all = Calls::default();
    for path in recordings {
        n_all.add(once(folder, &Input::recording("recording", &path)));
    }
    table.row("the lab's recordings: calls for each 1,000 events", &n_all.text(), "");
}

/// Events a second without and with detectors, and how often they are called.
fn rate(table: &mut Table, folder: &Path, input: &mut Input) {
    let mut bare = Vec::new();
    for library in [None, Some(load(folder))] {
        let (_folder, store) = store();
        let mut pipelines = pipelines(input, &store, library.as_ref());
        let mut times = Vec::new();
        let mut n_before = Calls::default();
        for round in 0..=N_ROUNDS {
            let (started, worked) = (Instant::now(), processor_time());
            input.again(|record| take(&mut pipelines, record));
            if round > 0 {
                times.push((started.elapsed(), processor_time() - worked));
            } else {
                n_before = library.as_ref().map(Calls::of).unwrap_or_default();
            }
        }
        let n_events = input.n_events as f64;
        let text = |(time, worked): (Duration, Duration)| {
            let rate = |time: Duration| n_events / time.as_secs_f64();
            format!("{:.0} events/s, {:.0} for each second that its thread worked", rate(time), rate(worked))
        };
        let time = crate::median(times);
        match &library {
            None => bare.push(time),
            Some(library) => {
                let (what, goal) = (format!("pipeline on {}", input.name), "≥ 200,000 events/s");
                table.row(&format!("{what}, no detectors"), &text(bare[0]), "≥ 300,000 events/s");
                table.row(&format!("{what}, all shipped detectors"), &text(time), goal);
                let mut calls = Calls::of(library);
                calls.since(&n_before);
                calls.n_events = input.n_events * N_ROUNDS as u64;
                table.row(&format!("{what}: calls for each 1,000 events"), &calls.text(), "");
                table.row(&format!("{what}: called most"), &most_called(library), "");
            }
        }
    }
}

/// What this thread has worked so far: on a busy machine the clock also counts the others.
pub fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("less than a second"))
}

/// One run through an input.
fn once(folder: &Path, input: &Input) -> Calls {
    let library = load(folder);
    let (_folder, store) = store();
    let mut pipelines = pipelines(input, &store, Some(&library));
    input.records().iter().for_each(|record| take(&mut pipelines, record));
    Calls { n_events: input.n_events, ..Calls::of(&library) }
}

pub fn take(pipelines: &mut BTreeMap<HostId, Pipeline>, record: &Record) {
    let pipeline = pipelines.get_mut(&host_of(record)).expect("every host has its pipeline");
    pipeline.record(record, &mut Sink).expect("RocksDB works");
}

fn load(folder: &Path) -> Library {
    let mut library = Library::new().expect("the engine starts");
    library.load_folder(folder, COMPONENT_BYTES_MAX).expect("the folder is there");
    library
}

pub fn pipelines(input: &Input, store: &Store, library: Option<&Library>) -> BTreeMap<HostId, Pipeline> {
    let hosts: BTreeMap<_, _> = input.records().iter().map(|record| (host_of(record), ())).collect();
    let pipeline = |host| {
        let named = HostRecord { host, name: "bench".into() };
        let mut pipeline = Pipeline::new(&named, &Parameters::default(), history(store, host));
        if let Some(library) = library {
            pipeline.add_detectors(Box::new(library.runner()));
        }
        (host, pipeline)
    };
    hosts.into_keys().map(pipeline).collect()
}

fn recordings() -> impl Iterator<Item = std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/recordings");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "xz"))
}

/// The detectors that were called most, the first round included.
fn most_called(library: &Library) -> String {
    let mut called: Vec<_> = library.status().into_iter().map(|status| (status.calls, status.metadata.id)).collect();
    called.sort_by(|one, other| other.cmp(one));
    let called = called.iter().take(6).filter(|(n, _)| *n > 0).map(|(n, id)| format!("{id} {n}"));
    called.collect::<Vec<_>>().join(", ")
}

#[derive(Default)]
struct Calls {
    n_events: u64,
    calls: u64,
    findings: u64,
    failures: u64,
    time: Duration,
}

impl Calls {
    fn of(library: &Library) -> Self {
        library.status().iter().fold(Self::default(), |sum, status| Self {
            n_events: 0,
            calls: sum.calls + status.calls,
            findings: sum.findings + status.findings,
            failures: sum.failures + status.failures,
            time: sum.time + status.time,
        })
    }

    fn add(&mut self, other: Self) {
        self.n_events += other.n_events;
        self.calls += other.calls;
        self.findings += other.findings;
        self.failures += other.failures;
        self.time += other.time;
    }

    fn since(&mut self, before: &Self) {
        self.calls -= before.calls;
        self.findings -= before.findings;
        self.failures -= before.failures;
        self.time -= before.time;
    }

    fn text(&self) -> String {
        let per_thousand = self.calls as f64 * 1e3 / self.n_events.max(1) as f64;
        let each = self.time.as_nanos() as f64 / 1e3 / self.calls.max(1) as f64;
        let Self { calls, findings, failures, .. } = self;
        format!("{per_thousand:.2} ({calls} calls of {each:.1} µs, {findings} findings, {failures} failures)")
    }
}
