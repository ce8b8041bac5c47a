//! What the benchmarks run on: the E1 recording and the simulator, looped with fresh ids and times that go on.

use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tracewell_datasets::ReadOptions;
use tracewell_datasets::simulate::{Simulation, SimulationConfig, repeats};
use tracewell_graph_core::history::History;
use tracewell_model::{Detail, EventNs, FileRef, HostId, Object, ProcessRef, Record, SocketRef};
use tracewell_store::{RocksHistory, Store, StoreOptions};

/// Records in memory that can be run through again and again.
pub struct Input {
    pub name: &'static str,
    pub n_events: u64,
    records: Vec<Record>,
    span_ns: u64,
    n_loops: u64,
}

impl Input {
    /// The shared E1 recording, or nothing and a word about it.
    pub fn e1() -> Option<Self> {
        let path = datasets().join("darpa-tc-e1-cadets/stretch-am.json.xz");
        if !path.exists() {
            println!("SKIPPED: {} is not there (set TRACEWELL_DATASETS)", path.display());
            return None;
        }
        Some(Self::recording("e1", &path))
    }

    pub fn recording(name: &'static str, path: &Path) -> Self {
        let reader = tracewell_datasets::open(path, None, &ReadOptions::default()).expect("the recording opens");
        Self::new(name, reader.map(|record| record.expect("the recording is sound")).collect())
    }

    /// The first records of a simulated fleet at 40 events per second and host, without attacks.
    pub fn simulated(name: &'static str, hosts: u32, n_records: u64) -> Self {
        let config = SimulationConfig { records_max: Some(n_records), ..SimulationConfig::new(1, hosts) };
        Self::new(name, Simulation::new(&config).expect("the configuration is valid").collect())
    }

    fn new(name: &'static str, records: Vec<Record>) -> Self {
        let times = || records.iter().filter_map(|record| time_of(&mut record.clone()).map(|time| *time));
        let (first, last) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
        let repeats = repeats(records.iter().cloned());
        println!("{name}: {} events, {} ‰ of them repeats", repeats.n_events, repeats.permille());
        let span_ns = last.since(first) + EventNs::SECOND;
        Self { name, n_events: repeats.n_events, records, span_ns, n_loops: 0 }
    }

    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Runs through the records once more: ids that no loop before had, times that follow the last loop's.
    pub fn again(&mut self, mut take: impl FnMut(&Record)) {
        let mask = self.n_loops ^ (self.n_loops + 1);
        self.n_loops += 1;
        for record in &mut self.records {
            refresh(record, mask);
            if let Some(time) = time_of(record) {
                *time = time.after(self.span_ns);
            }
            take(record);
        }
    }
}

/// A store in a new folder, which is removed in the end.
pub fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path(), StoreOptions::default()).expect("a new store opens");
    (folder, store)
}

pub fn history(store: &Store, host: HostId) -> Box<dyn History> {
    Box::new(RocksHistory::open(store, host).expect("a new history opens"))
}

fn datasets() -> PathBuf {
    let beside = || PathBuf::from("../../shared/datasets");
    std::env::var_os("TRACEWELL_DATASETS").map_or_else(beside, PathBuf::from)
}

fn time_of(record: &mut Record) -> Option<&mut EventNs> {
    match record {
        Record::Host(_) | Record::Checkpoint(_) | Record::History(_) => None,
        Record::Process(process) => Some(&mut process.time),
        Record::Event(event) => Some(&mut event.time),
        Record::Tick { time, .. } => Some(time),
        Record::Loss(loss) => Some(&mut loss.time),
        Record::Finding(found) => Some(&mut found.time),
    }
}

fn refresh(record: &mut Record, mask: u64) {
    match record {
        Record::Process(record) => {
            refresh_process(&mut record.process, mask);
            record.parent.iter_mut().for_each(|parent| refresh_process(parent, mask));
        }
        Record::Event(event) => {
            refresh_process(&mut event.subject, mask);
            match &mut event.object {
                Object::None => {}
                Object::Process(process) => refresh_process(process, mask),
                Object::File(file) => refresh_file(file, mask),
                Object::Socket(socket) => refresh_socket(socket, mask),
            }
            if let Detail::NewPath { replaced: Some(file), .. } = &mut event.detail {
                refresh_file(file, mask);
            }
        }
        Record::Finding(found) => refresh_process(&mut found.process, mask),
        Record::Host(_) | Record::Tick { .. } | Record::Loss(_) | Record::Checkpoint(_) | Record::History(_) => {}
    }
}

fn refresh_process(process: &mut ProcessRef, mask: u64) {
    match &mut process.uuid {
        Some(uuid) => uuid.0 ^= u128::from(mask),
        None => process.start ^= mask,
    }
}

/// Files without a uuid are known by inode or path, and stay from loop to loop as they do on a machine.
fn refresh_file(file: &mut FileRef, mask: u64) {
    if let Some(uuid) = &mut file.uuid {
        uuid.0 ^= u128::from(mask);
    }
}

fn refresh_socket(socket: &mut SocketRef, mask: u64) {
    match (&mut socket.uuid, &mut socket.cookie) {
        (Some(uuid), _) => uuid.0 ^= u128::from(mask),
        (None, Some((_, cookie))) => *cookie ^= mask << 32,
        (None, None) => socket.opened ^= mask,
    }
}
