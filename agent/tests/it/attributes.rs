//! What detectors are told of modes, of times and of how rare things are in the fleet.

use std::sync::{Arc, Mutex};
use tracewell_agent::Pipeline;
use tracewell_graph_core::fleet::{FleetMap, FleetView, HostEntry, Version};
use tracewell_graph_core::history::MemoryHistory;
use tracewell_graph_core::neighbourhood::{Conditions, Detectors, Glimpse, Neighbourhood, OperationSet, Reach};
use tracewell_graph_core::profile::{HostProfile, ObjectLabel};
use tracewell_model::{
    Detail, Event, EventNs, FileKind, FileRef, Finding, HostId, HostRecord, Millibits, Mode, Object, Operation,
    ProcessRecord, ProcessRef, Record,
};
use tracewell_parameters::Parameters;
use tracewell_wire::{Message, Payload, Transport, memory_pair};

const HOST: HostId = HostId(6);
const START: EventNs = EventNs(1_700_000_000 * EventNs::SECOND);
const WATCHED: Conditions = Conditions(Conditions::SET_ID.0 | Conditions::SET_BACK.0 | Conditions::OTHERS_FILE.0);

/// What a detector that is called for everything is told, call by call.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(Conditions, Neighbourhood)>>>);

struct Listener {
    told: Told,
    conditions: Conditions,
}

impl Detectors for Listener {
    fn operations(&self) -> OperationSet {
        [Operation::Chmod, Operation::SetTimes].into_iter().collect()
    }

    fn triggered(&mut self, _: Operation, glimpse: &Glimpse<'_>, detectors: &mut Vec<usize>) {
        self.conditions = Conditions(glimpse.conditions.0 & WATCHED.0);
        detectors.push(0);
    }

    fn reach(&self, _: usize) -> Reach {
        Reach { hops: 0, nodes_max: 16, edges_max: 1, operations: OperationSet::default() }
    }

    fn detect(&mut self, _: usize, seen: &Neighbourhood) -> Vec<Finding> {
        self.told.0.lock().unwrap().push((self.conditions, seen.clone()));
        Vec::new()
    }
}

fn process(pid: u32) -> ProcessRef {
    ProcessRef { pid, start: 1, uuid: None }
}

fn pipeline() -> (Pipeline, Told) {
    let host = HostRecord { host: HOST, name: "attributes".into() };
    let mut pipeline = Pipeline::new(&host, &Parameters::default(), Box::new(MemoryHistory::default()));
    let told = Told::default();
    pipeline.add_detectors(Box::new(Listener { told: told.clone(), conditions: Conditions::default() }));
    // One record alone does not make it believe that it is so late.
    (0..3).for_each(|_| take(&mut pipeline, &Record::Tick { host: HOST, time: START }));
    (pipeline, told)
}

fn event(seconds: u64, pid: u32, (op, kind, path): (Operation, FileKind, &str), detail: Detail) -> Record {
    let file = Object::File(FileRef { path: Some(path.into()), kind, ..FileRef::default() });
    let time = START.after(seconds * EventNs::SECOND);
    Record::Event(Event { detail, ..Event::new(time, HOST, process(pid), op, file) })
}

fn mode(set: u32, before: Option<u32>) -> Detail {
    Detail::Mode { set: Mode::of(set), before: before.map(Mode::of) }
}

fn take(pipeline: &mut Pipeline, record: &Record) {
    let (mut end, _other) = memory_pair();
    pipeline.record(record, &mut end).unwrap();
}

#[test]
fn the_bit_counts_when_it_is_gained_by_what_is_no_folder() {
    use FileKind::{Device, Directory, Regular, Unknown};
    let cases = [
        // The kind of file, the mode and that before as the source has it; whether detectors are called, whether the bit is gained.
        ("/a", Regular, mode(0o755, None), true, false),
        ("/a", Regular, mode(0o755, None), false, false),
        ("/a", Regular, mode(0o4755, None), true, true),
        ("/a", Regular, mode(0o4711, None), true, false),
        ("/a", Regular, mode(0o6711, None), true, true),
        ("/b", Regular, mode(0o2755, None), true, true),
        ("/c", Regular, mode(0o4755, Some(0o4711)), true, false),
        ("/d", Directory, mode(0o6775, None), true, false),
        ("/e", Unknown, mode(0o2775, None), true, false),
        ("/f", Unknown, mode(0o4775, None), true, true),
        ("/g", Device, mode(0o6666, None), true, false),
        // A source that does not tell modes.
        ("/h", Regular, Detail::None, true, false),
    ];
    let (mut pipeline, told) = pipeline();
    for (n, (path, kind, detail, is_called, is_gained)) in (0..).zip(cases) {
        take(&mut pipeline, &event(n, 1, (Operation::Chmod, kind, path), detail.clone()));
        let calls = std::mem::take(&mut *told.0.lock().unwrap());
        let gained: Vec<_> = calls.iter().map(|(conditions, _)| conditions.contains(Conditions::SET_ID)).collect();
        assert_eq!(gained, if is_called { vec![is_gained] } else { vec![] }, "{n}: {path} {detail:?}");
    }
}

#[test]
fn a_detector_sees_the_mode_before_as_the_graph_knows_it_and_the_one_now() {
    let (mut pipeline, told) = pipeline();
    for (n, set) in [(0, 0o640), (1, 0o4755)] {
        take(&mut pipeline, &event(n, 1, (Operation::Chmod, FileKind::Regular, "/a"), mode(set, None)));
    }
    let calls = told.0.lock().unwrap();
    let seen: Vec<_> = calls.iter().map(|(_, seen)| seen.event.detail.clone()).collect();
    assert_eq!(seen, [mode(0o640, None), mode(0o4755, Some(0o640))]);
    assert_eq!(calls[1].1.nodes[1].state.role.file().unwrap().mode, Some(Mode::of(0o4755)));
}

#[test]
fn times_count_when_they_lie_back_and_who_wrote_the_file_is_told() {
    let set_back = |n: u64, pid, path, seconds: i64| {
        let modified_ns = (START.0 + n * EventNs::SECOND).cast_signed() - seconds * 1_000_000_000;
        event(n, pid, (Operation::SetTimes, FileKind::Regular, path), Detail::Times { modified_ns })
    };
    let (mut pipeline, told) = pipeline();
    take(&mut pipeline, &event(0, 1, (Operation::Write, FileKind::Regular, "/a"), Detail::None));
    let (back, others) = (Conditions::SET_BACK, Conditions::OTHERS_FILE);
    let both = back.or(others, true);
    let cases = [
        (set_back(1, 1, "/a", 3599), Conditions::default()),
        (set_back(2, 1, "/a", 3_600_000), back),
        (set_back(3, 2, "/a", 3600), both),
        (set_back(4, 2, "/unwritten", 3600), both),
        (set_back(5, 3, "/a", -3600), others),
    ];
    for (record, expected) in cases {
        take(&mut pipeline, &record);
        let calls = std::mem::take(&mut *told.0.lock().unwrap());
        assert_eq!(calls.iter().map(|(conditions, _)| *conditions).collect::<Vec<_>>(), [expected], "{record:?}");
    }
}

/// A view of a fleet of four hosts: three know what the first program does, four the second one.
fn view(parameters: &Parameters) -> FleetView {
    let mut map = FleetMap::default();
    for host in 1..=4 {
        let mut profile = HostProfile::new(&parameters.profile);
        for day in 0..4 {
            for exe in ["/usr/bin/first", "/usr/bin/second"].into_iter().skip(usize::from(host == 4)) {
                let subject = profile.subject("", exe, None);
                let leaf = profile.leaf(subject, Operation::Chmod, ObjectLabel::File("/etc/known")).unwrap();
                profile.observe(leaf, START.after(day * EventNs::DAY)).unwrap();
            }
        }
        let version = Version { epoch: 1, number: 1 };
        let entry = HostEntry { version, contribution: profile.contribution() };
        map.offer(HostId(host), entry, &parameters.profile).unwrap();
    }
    FleetView::of(&map, &parameters.profile)
}

#[test]
fn what_is_rare_in_the_fleet_is_told_once_there_is_a_view_of_it() {
    let (mut pipeline, told) = pipeline();
    let (mut end, mut aggregator) = memory_pair();
    let mut chmod = |n: u64, pid, exe: &str, path: &str, end: &mut dyn Transport| {
        let described = Record::Process(ProcessRecord {
            host: HOST,
            time: START,
            process: process(pid),
            parent: None,
            exe: Some(exe.into()),
            cmdline: None,
            uid: None,
            container: None,
        });
        pipeline.record(&described, end).unwrap();
        let record = event(n, pid, (Operation::Chmod, FileKind::Regular, path), mode(0o600, None));
        pipeline.record(&record, end).unwrap();
        let (_, seen) = told.0.lock().unwrap().pop().unwrap();
        [0, 1].map(|node| seen.nodes[node].fleet_rarity.map(|Millibits(rarity)| rarity))
    };
    assert_eq!(chmod(0, 1, "/usr/bin/first", "/etc/known", &mut end), [None, None]);
    let payload = Payload::FleetView(view(&Parameters::default()));
    let message = Message { host: HOST, epoch: 1, sequence: 0, payload };
    aggregator.send(tracewell_wire::encode(&message).unwrap()).unwrap();
    // It is taken up when a window ends.
    chmod(250, 2, "/usr/bin/first", "/etc/other", &mut end);
    // log2(10 / 7), log2(10 / 9) and log2(10 / 1), in thousandths.
    let (three, four, none) = (Some(514), Some(152), Some(3321));
    assert_eq!(chmod(251, 3, "/usr/bin/first", "/etc/known", &mut end), [three, three]);
    assert_eq!(chmod(252, 4, "/usr/bin/second", "/etc/known", &mut end), [four, four]);
    assert_eq!(chmod(253, 5, "/usr/bin/second", "/etc/other", &mut end), [four, none]);
    assert_eq!(chmod(254, 6, "/tmp/unheard-of", "/etc/known", &mut end), [none, none]);
}
