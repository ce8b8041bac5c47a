//! What operations set on a file stays with it, in the hot window and beyond, and is news once.

use tracewell_graph_core::graph::Graph;
use tracewell_graph_core::history::MemoryHistory;
use tracewell_model::{Detail, Event, EventNs, FileRef, HostId, Mode, Object, Operation, ProcessRef};
use tracewell_parameters::{GraphParameters, Parameters};

const HOST: HostId = HostId(4);
const NOW: u64 = 1_700_000_000;
const DAY: i64 = 86_400;

fn graph(window_bytes: usize) -> Graph {
    let parameters = GraphParameters { window_bytes, ..Parameters::default().graph };
    Graph::new(HOST, &parameters, Box::new(MemoryHistory::default()))
}

fn event(n: u64, op: Operation, detail: Detail) -> Event {
    let subject = ProcessRef { pid: 7, start: 1, uuid: None };
    let file = Object::File(FileRef::at_path("/tmp/x"));
    Event { detail, ..Event::new(EventNs((NOW + n) * EventNs::SECOND), HOST, subject, op, file) }
}

fn chmod(mode: u32) -> (Operation, Detail) {
    (Operation::Chmod, Detail::Mode { set: Mode::of(mode), before: None })
}

fn set_back(seconds: i64) -> (Operation, Detail) {
    (Operation::SetTimes, Detail::Times { modified_ns: (NOW as i64 - seconds) * 1_000_000_000 })
}

/// With room for all, and with room for nothing.
const WINDOWS: [usize; 2] = [1 << 30, 0];

#[test]
fn another_mode_is_news_and_what_takes_the_bit_is_known() {
    let nothing = |op| (op, Detail::None);
    let cases = [
        // What is done, whether it is news, and the mode before and after it.
        (chmod(0o755), true, None, Some(0o755)),
        (chmod(0o755), false, Some(0o755), Some(0o755)),
        (chmod(0o4755), true, Some(0o755), Some(0o4755)),
        (nothing(Operation::Read), false, Some(0o4755), Some(0o4755)),
        // A source that does not tell modes.
        (nothing(Operation::Chmod), false, Some(0o4755), Some(0o4755)),
        (nothing(Operation::Write), false, Some(0o4755), Some(0o755)),
        (chmod(0o6755), true, Some(0o755), Some(0o6755)),
        (nothing(Operation::Chown), false, Some(0o6755), Some(0o755)),
        (nothing(Operation::Create), false, Some(0o755), None),
        (chmod(0), true, None, Some(0)),
    ];
    for window_bytes in WINDOWS {
        let mut graph = graph(window_bytes);
        for (n, ((op, detail), is_news, before, after)) in (0..).zip(cases.clone()) {
            let event = event(n, op, detail);
            let inserted = graph.insert(&event).unwrap();
            assert_eq!((inserted.is_news, inserted.mode_before.map(Mode::bits)), (is_news, before), "{n} {event:?}");
            let state = graph.state(event.object.key(HOST).unwrap()).unwrap().unwrap();
            assert_eq!(state.role.file().unwrap().mode.map(Mode::bits), after, "{n} {event:?}");
        }
    }
}

#[test]
fn a_mode_that_could_not_be_set_is_none() {
    let mut graph = graph(1 << 30);
    let (op, detail) = chmod(0o4755);
    let failed = Event { errno: 1, ..event(0, op, detail) };
    assert!(!graph.insert(&failed).unwrap().is_news);
    let state = graph.state(failed.object.key(HOST).unwrap()).unwrap().unwrap();
    assert_eq!(state.role.file().unwrap().mode, None);
}

#[test]
fn a_time_further_back_is_news() {
    let cases = [
        (set_back(-DAY), false, 0),
        (set_back(0), false, 0),
        (set_back(40), true, 6),
        (set_back(41), false, 6),
        (set_back(30 * DAY), true, 22),
        (set_back(3 * DAY), false, 22),
        ((Operation::SetTimes, Detail::Times { modified_ns: i64::MIN }), true, 34),
    ];
    for window_bytes in WINDOWS {
        let mut graph = graph(window_bytes);
        for ((op, detail), is_news, bits) in cases.clone() {
            let event = event(0, op, detail);
            assert_eq!(graph.insert(&event).unwrap().is_news, is_news, "{event:?}");
            let state = graph.state(event.object.key(HOST).unwrap()).unwrap().unwrap();
            assert_eq!(state.role.file().unwrap().set_back_bits, bits, "{event:?}");
        }
    }
}
