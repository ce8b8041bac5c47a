//! A detector is swapped while events pass: none is missed or looked at twice, and what is found changes exactly there.

use crate::guest::{Guest, Said};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tracewell_agent::Pipeline;
use tracewell_detector_host::{Library, Loader, Runner, Settings};
use tracewell_graph_core::history::MemoryHistory;
use tracewell_graph_core::neighbourhood::{Detectors, Glimpse, Neighbourhood, OperationSet, Reach};
use tracewell_model::{
    Detail, Event, EventFlags, EventNs, FileRef, Finding, HostId, HostRecord, Object, Operation, ProcessRef, Record,
};
use tracewell_parameters::Parameters;
use tracewell_wire::memory_pair;

const HOST: HostId = HostId(5);

fn component(version: &'static str, title: &str) -> Vec<u8> {
    Guest { version, ..Guest::saying("swapped", vec![Said::high(title, &[0])]) }.build()
}

fn library(component: &[u8]) -> Library {
    let mut library = Library::new().unwrap();
    library.load(component).unwrap();
    library
}

fn pipeline() -> Pipeline {
    let host = HostRecord { host: HOST, name: "swap".into() };
    Pipeline::new(&host, &Parameters::default(), Box::new(MemoryHistory::default()))
}

/// A process executes a file that nobody did before: an edge of its own.
fn execution(n: u64) -> Record {
    Record::Event(Event {
        time: EventNs(EventNs::SECOND + n * 1_000_000),
        host: HOST,
        subject: ProcessRef { pid: 7, start: 1, uuid: None },
        op: Operation::Exec,
        object: Object::File(FileRef::at_path(format!("/bin/{n}"))),
        detail: Detail::None,
        amount_bytes: 0,
        count: 1,
        errno: 0,
        flags: EventFlags::NONE,
    })
}

/// Notes what is found, call by call.
struct Listener {
    runner: Runner,
    heard: Arc<Mutex<Vec<String>>>,
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
        let found = self.runner.detect(detector, seen);
        self.heard.lock().unwrap().extend(found.iter().map(|finding| finding.title.to_string()));
        found
    }
}

fn take(pipeline: &mut Pipeline, n: u64) {
    let (mut end, _other) = memory_pair();
    pipeline.record(&execution(n), &mut end).unwrap();
}

#[test]
fn findings_change_exactly_at_the_swap() {
    let (old, new) = (library(&component("1.0.0", "old")), library(&component("2.0.0", "new")));
    for at in [0, 1, 57, 99, 100] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut pipeline = pipeline();
        pipeline.add_detectors(Box::new(Listener { runner: old.runner(), heard: heard.clone() }));
        for n in 0..100 {
            if n == at {
                pipeline.detectors_mut::<Listener>().unwrap().runner.become_other(new.runner());
            }
            take(&mut pipeline, n);
        }
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), 100, "each event is looked at once");
        assert!(heard.iter().enumerate().all(|(n, title)| title == if (n as u64) < at { "old" } else { "new" }));
    }
}

/// As the agent does it: the file is replaced while events pass as fast as they can.
#[test]
fn a_file_that_is_replaced_under_load_misses_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("swapped.wasm");
    let put = |path: &Path, component: &[u8]| {
        let new = path.with_extension("new");
        fs::write(&new, component).unwrap();
        fs::rename(new, path).unwrap();
    };
    put(&path, &component("1.0.0", "old"));
    let settings = Settings { folder: Some(folder.path().into()), bytes_max: 1 << 20, ..Settings::default() };
    let (loader, first) = Loader::start(settings).unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let mut pipeline = pipeline();
    pipeline.add_detectors(Box::new(Listener { runner: first.runner, heard: heard.clone() }));
    let (mut n, mut swapped_at, mut after) = (0, None, 0);
    let began = Instant::now();
    while after < 1_000 {
        if n == 1_000 {
            put(&path, &component("2.0.0", "new"));
        }
        if let Some(update) = loader.update() {
            swapped_at = swapped_at.or(Some(n));
            pipeline.detectors_mut::<Listener>().unwrap().runner.become_other(update.runner);
        }
        take(&mut pipeline, n);
        n += 1;
        after += u64::from(swapped_at.is_some());
        assert!(began.elapsed() < Duration::from_secs(100), "it is never swapped");
    }
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len() as u64, n, "each event is looked at once");
    let at = heard.iter().position(|title| title == "new").unwrap();
    assert_eq!(Some(at as u64), swapped_at, "what is found changes at the swap,");
    assert!(heard[at..].iter().all(|title| title == "new"), "and stays so");
}
