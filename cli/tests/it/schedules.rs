//! Hosts' spools, the session and an aggregator under schedules of faults that follow from a seed: links that are cut, answers that are
//! lost, frames that come twice or behind others, programs that are killed before and after they wrote.
//!
//! Whatever happens: what a spool took is with the aggregator once, and nobody is taken for two.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tracewell_agent::spool::Spool;
use tracewell_aggregator::disk::Disk;
use tracewell_aggregator::{Aggregator, Store as _};
use tracewell_model::{AlertGraph, AlertId, AlertUpdate, EventNs, HostId, Loss, Millibits};
use tracewell_parameters::Parameters;
use tracewell_store::{Store, StoreOptions};
use tracewell_wire::quic::client::Outgoing;
use tracewell_wire::session::Sender;
use tracewell_wire::{Class, FrameKey, Heartbeat, Message, Payload, Transport, decode, encode};

/// How many; `cargo xtask test --full` asks for more.
const SCHEDULES: u64 = 200;
/// At a time: each mostly waits for the disk.
const SIDE_BY_SIDE: u64 = 8;
const HOSTS: usize = 2;
const STEPS: usize = 150;
/// Until all is quiet, once there are no faults any more.
const QUIET_WITHIN: usize = 10_000;

/// What may happen next, with how often it does.
const STEPS_WEIGHTED: [(Step, u32); 10] = [
    (Step::Alert, 20),
    (Step::Beat, 10),
    (Step::Send, 40),
    (Step::Take, 40),
    (Step::Commit, 15),
    (Step::Answer, 30),
    (Step::Repeat, 5),
    (Step::Cut, 6),
    (Step::KillHost, 2),
    (Step::KillAggregator, 2),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The pipeline finds something and hands it to the spool.
    Alert,
    Beat,
    /// The next frame goes onto the link.
    Send,
    /// The aggregator takes a frame; it is not written yet.
    Take,
    /// The aggregator writes, and answers what it took.
    Commit,
    /// An answer arrives.
    Answer,
    /// A frame of an earlier connection arrives after all.
    Repeat,
    Cut,
    KillHost,
    KillAggregator,
}

struct Host {
    id: HostId,
    folder: PathBuf,
    /// `None` only while it is killed.
    spool: Option<(Store, Spool)>,
    epoch: u32,
    sequences: BTreeMap<Class, u64>,
    accepted: BTreeSet<AlertId>,
    sender: Sender,
    /// Streams keep their order, each for itself.
    streams: BTreeMap<Class, VecDeque<Vec<u8>>>,
    answers: VecDeque<Vec<u8>>,
    taken: Vec<Vec<u8>>,
}

impl Host {
    fn new(folder: PathBuf, n: usize) -> Self {
        let mut host = Self {
            id: HostId::from_name(&format!("host-{n}")),
            folder,
            spool: None,
            epoch: 0,
            sequences: BTreeMap::new(),
            accepted: BTreeSet::new(),
            sender: Sender::default(),
            streams: BTreeMap::new(),
            answers: VecDeque::new(),
            taken: Vec::new(),
        };
        host.kill();
        host
    }

    /// Killed, and started again: it goes on in an epoch of its own, since it may have lost its place in the last one.
    fn kill(&mut self) {
        self.cut();
        self.spool = None;
        let store = Store::open(&self.folder, StoreOptions::default()).unwrap();
        let spool = Spool::open(&store, 1 << 30).unwrap();
        (self.epoch, self.sequences) = (spool.epoch() + 1, BTreeMap::new());
        self.spool = Some((store, spool));
    }

    fn spool(&mut self) -> &mut Spool {
        &mut self.spool.as_mut().unwrap().1
    }

    /// The link is lost with all that is on it, and made anew.
    fn cut(&mut self) {
        self.sender.begin();
        self.streams.clear();
        self.answers.clear();
    }

    fn put(&mut self, payload: Payload) {
        let sequence = self.sequences.entry(payload.class()).or_default();
        *sequence += 1;
        let message = Message { host: self.id, epoch: self.epoch, sequence: *sequence, payload };
        self.spool().send(encode(&message).unwrap()).unwrap();
    }

    fn alert(&mut self) {
        let id = AlertId(self.accepted.len() as u64 + 1);
        let graph = AlertGraph {
            id,
            host: self.id,
            revision: 1,
            first: EventNs(id.0),
            last: EventNs(id.0),
            surprise: Millibits::ZERO,
            nodes: BTreeMap::new(),
            edges: BTreeMap::new(),
            n_omitted: 0,
            loss: Loss::default(),
        };
        self.put(Payload::Alert(AlertUpdate { extends: 0, graph }));
        self.accepted.insert(id);
    }

    /// `false` if there is nothing to be sent.
    fn send(&mut self) -> bool {
        for class in Class::ALL {
            let Some(after) = self.sender.next(class) else { continue };
            if let Some((key, frame)) = self.spool().next(class, after) {
                self.sender.sent(key, frame.len());
                self.streams.entry(class).or_default().push_back(frame);
                return true;
            }
        }
        false
    }

    fn answer(&mut self) -> bool {
        let Some(frame) = self.answers.pop_front() else { return false };
        let Message { epoch, payload, .. } = decode(&frame).unwrap();
        match payload {
            Payload::Acknowledgement { class, sequence } => {
                let key = FrameKey { class, epoch, sequence };
                self.sender.acknowledged(key);
                self.spool().acknowledged(key);
            }
            Payload::Refused { .. } => panic!("a good frame is refused"),
            _ => self.spool().arrived(frame),
        }
        while let Some(told) = self.spool().receive() {
            if let Payload::NewEpoch { epoch } = decode(&told).unwrap().payload {
                (self.epoch, self.sequences) = (epoch, BTreeMap::new());
                self.sender.begin();
            }
        }
        true
    }
}

struct Fleet {
    folder: PathBuf,
    aggregator: Option<Aggregator>,
    /// What it took since it last wrote, with the answers: by host.
    staged: Vec<(usize, Vec<u8>, Vec<Vec<u8>>)>,
    hosts: Vec<Host>,
}

impl Fleet {
    fn new(folder: &Path) -> Self {
        let hosts = (0..HOSTS).map(|n| Host::new(folder.join(format!("host-{n}")), n)).collect();
        let mut fleet = Self { folder: folder.join("aggregator"), aggregator: None, staged: Vec::new(), hosts };
        fleet.kill_aggregator();
        fleet
    }

    /// Killed, and started again: what it did not write it never knew.
    fn kill_aggregator(&mut self) {
        (self.aggregator, self.staged) = (None, Vec::new());
        self.hosts.iter_mut().for_each(Host::cut);
        let disk = Disk::open(&self.folder).unwrap();
        self.aggregator = Some(Aggregator::with_store(&Parameters::default(), Box::new(disk.store())).unwrap());
    }

    fn take(&mut self, n: usize, frame: Vec<u8>) {
        let answers = self.aggregator.as_mut().unwrap().receive_from(self.hosts[n].id, &frame).unwrap().answers;
        self.staged.push((n, frame, answers));
    }

    fn commit(&mut self) -> bool {
        self.aggregator.as_mut().unwrap().commit().unwrap();
        let staged = std::mem::take(&mut self.staged);
        let is_any = !staged.is_empty();
        for (n, frame, answers) in staged {
            self.hosts[n].taken.push(frame);
            self.hosts[n].answers.extend(answers);
        }
        is_any
    }

    /// `false` if there was nothing to do.
    fn step(&mut self, step: Step, n: usize, random: &mut ChaCha8Rng) -> bool {
        match step {
            Step::Alert => self.hosts[n].alert(),
            Step::Beat => {
                let time = EventNs(random.random_range(0..1_000_000));
                let beat = Heartbeat { time, n_events: 1, readiness_permille: 0, settled: random.random() };
                self.hosts[n].put(Payload::Heartbeat(beat));
            }
            Step::Send => return self.hosts[n].send(),
            Step::Take => {
                let streams: Vec<_> = self.hosts[n].streams.values_mut().filter(|frames| !frames.is_empty()).collect();
                let n_streams = streams.len();
                let Some(frames) = streams.into_iter().nth(random.random_range(0..n_streams.max(1))) else {
                    return false;
                };
                let frame = frames.pop_front().expect("it is not empty");
                self.take(n, frame);
            }
            Step::Commit => return self.commit(),
            Step::Answer => return self.hosts[n].answer(),
            Step::Repeat => match self.hosts[n].taken.choose(random).cloned() {
                Some(frame) => self.take(n, frame),
                None => return false,
            },
            Step::Cut => {
                // What the aggregator has taken it has taken, but its answers go nowhere.
                self.hosts[n].cut();
                self.staged.iter_mut().filter(|(of, ..)| *of == n).for_each(|(_, _, answers)| answers.clear());
            }
            Step::KillHost => {
                self.hosts[n].kill();
                self.staged.iter_mut().filter(|(of, ..)| *of == n).for_each(|(_, _, answers)| answers.clear());
            }
            Step::KillAggregator => self.kill_aggregator(),
        }
        true
    }

    /// Without faults, until nothing is left to do.
    fn settle(&mut self, random: &mut ChaCha8Rng) {
        for _ in 0..QUIET_WITHIN {
            let mut is_busy = false;
            for n in 0..HOSTS {
                for step in [Step::Send, Step::Take, Step::Commit, Step::Answer] {
                    is_busy |= self.step(step, n, random);
                }
            }
            if !is_busy {
                return;
            }
        }
        panic!("they go on for ever");
    }
}

fn schedule(seed: u64) {
    let folder = TempDir::new().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut fleet = Fleet::new(folder.path());
    for _ in 0..STEPS {
        let (step, _) = STEPS_WEIGHTED.choose_weighted(&mut random, |(_, weight)| *weight).unwrap();
        let n = random.random_range(0..HOSTS);
        fleet.step(*step, n, &mut random);
    }
    fleet.settle(&mut random);
    let reports = fleet.aggregator.as_ref().unwrap().hosts();
    let counted = fleet.aggregator.as_ref().unwrap().incidents().unwrap().counters.alarms_raw;
    fleet.aggregator = None;
    let store = Disk::open(&fleet.folder).unwrap().store();
    for host in &mut fleet.hosts {
        let of_host = store.alerts().unwrap().into_iter().filter(|graph| graph.host == host.id);
        let stored: Vec<_> = of_host.map(|graph| graph.id).collect();
        assert_eq!(
            stored,
            host.accepted.iter().copied().collect::<Vec<_>>(),
            "schedule {seed}: what was accepted is there"
        );
        assert_eq!(host.spool().status().n_frames, 0, "schedule {seed}: nothing waits");
    }
    let n_accepted: usize = fleet.hosts.iter().map(|host| host.accepted.len()).sum();
    assert_eq!(counted, n_accepted as u64, "schedule {seed}: each is counted once");
    assert!(reports.iter().all(|report| !report.is_forked), "schedule {seed}: nobody is taken for two");
    assert!(reports.iter().all(|report| report.n_refused == 0), "schedule {seed}: nothing is refused");
}

#[test]
fn whatever_fails_when_what_was_accepted_is_there_once() {
    let asked = std::env::var("TRACEWELL_SCHEDULES").ok().map(|n| n.parse().expect("a number of schedules"));
    let n = asked.unwrap_or(SCHEDULES);
    std::thread::scope(|scope| {
        for first in 0..SIDE_BY_SIDE {
            scope.spawn(move || (first..n).step_by(SIDE_BY_SIDE as usize).for_each(schedule));
        }
    });
}
