use crate::{MARKER, file_at, folder_of, here, marker_rule, nobody_knows, put, rules};
use std::sync::mpsc::channel;
use std::time::Duration;
use tracewell_model::{Event, EventNs, FileRef, HostId, Object, Operation, ProcessRef, Record};
use tracewell_yara::{Counts, Identify, Limits, Watcher};

const HOST: HostId = HostId(7);
const SECOND: u64 = 1_000_000_000;
/// Far longer than it takes; nothing waits for its end.
const LONG: Duration = Duration::from_secs(60);

fn watcher(limits: Limits, identify: Identify) -> Watcher {
    Watcher::start(HOST, rules(&marker_rule()), limits, identify).unwrap()
}

fn event(second: u64, process: ProcessRef, op: Operation, file: &FileRef) -> Record {
    Record::Event(Event::new(EventNs(second * SECOND), HOST, process, op, Object::File(file.clone())))
}

fn tick(second: u64) -> Record {
    Record::Tick { host: HOST, time: EventNs(second * SECOND) }
}

/// Process, title and reason of each finding.
fn found(records: Vec<Record>) -> Vec<(u32, String, String)> {
    let found = records.into_iter().map(|record| match record {
        Record::Finding(found) => (found.process.pid, found.title.to_string(), found.reason.to_string()),
        other => panic!("{other:?}"),
    });
    found.collect()
}

#[test]
fn an_executed_and_a_written_file_become_findings_about_who_did_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut watcher = watcher(Limits::default(), nobody_knows());
    let run = file_at(&put(&folder, "run", format!("#!{MARKER}")));
    let (writer, other) = (ProcessRef { start: 2, ..here() }, ProcessRef { start: 3, ..here() });
    watcher.look(&event(1, writer, Operation::Write, &run));
    watcher.look(&event(2, here(), Operation::Exec, &run));
    let path = run.path.clone().unwrap();
    let records = watcher.last_answers(EventNs(9), LONG);
    let [Record::Finding(first), Record::Finding(second)] = &records[..] else { panic!("{records:?}") };
    assert_eq!((first.process, second.process), (here(), writer));
    assert_eq!((first.time, first.host, &*first.detector), (EventNs(9), HOST, "yara"));
    assert_eq!(first.object, Object::File(run.clone()));
    assert_eq!(*first.reason, *format!("{path} was executed; $m at 2"));
    assert_eq!(*second.reason, *format!("{path} was written; $m at 2"));

    // What is known of the file is told of who runs it next, without its being read again.
    watcher.look(&event(3, other, Operation::Exec, &run));
    assert_eq!(watcher.last_answers(EventNs(10), LONG).len(), 1);
    let dropped = file_at(&put(&folder, "dropped", MARKER));
    watcher.look(&event(4, other, Operation::Write, &dropped));
    watcher.look(&tick(13));
    assert_eq!(watcher.state().n_pending, 1);
    watcher.look(&tick(14));
    assert_eq!(found(watcher.last_answers(EventNs(11), LONG)).len(), 1);
    let expected = Counts { scanned: 2, known: 1, matched: 3, ..Counts::default() };
    assert_eq!(watcher.state().counts, expected);
}

/// The thread is held at its first file until the test lets it go.
#[test]
fn a_full_queue_holds_up_nobody_and_what_had_no_room_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (go, held) = channel::<()>();
    let identify = Box::new(move |_: std::os::fd::BorrowedFd<'_>| {
        let _ = held.recv();
        None
    });
    let mut watcher = watcher(Limits { queue_max: 4, ..Limits::default() }, identify);
    let files: Vec<_> = (0..9).map(|n| file_at(&put(&folder, &n.to_string(), MARKER))).collect();
    for file in &files[..6] {
        watcher.look(&event(1, here(), Operation::Exec, file));
    }
    assert_eq!((watcher.state().n_waiting, watcher.state().counts.dropped), (4, 2));
    // Who runs a file that is asked for already needs no room, up to a bound.
    for start in 0..136 {
        watcher.look(&event(2, ProcessRef { start, ..here() }, Operation::Exec, &files[0]));
    }
    let counts = watcher.state().counts;
    assert_eq!((watcher.state().n_waiting, counts.dropped, counts.crowded), (4, 2, 8));
    // Written files wait for room.
    watcher.look(&event(3, here(), Operation::Write, &files[7]));
    watcher.look(&event(3, here(), Operation::Write, &files[8]));
    watcher.look(&tick(60));
    assert_eq!((watcher.state().n_waiting, watcher.state().n_pending), (4, 2));
    drop(go);
    assert_eq!(watcher.last_answers(EventNs(1), LONG).len(), 128 + 3);
    watcher.look(&tick(61));
    assert_eq!(watcher.last_answers(EventNs(1), LONG).len(), 2);
    assert_eq!((watcher.state().n_waiting, watcher.state().n_pending), (0, 0));
}

#[test]
fn who_runs_a_file_that_was_written_meanwhile_has_it_looked_at_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (go, held) = channel::<()>();
    let identify = Box::new(move |_: std::os::fd::BorrowedFd<'_>| {
        let _ = held.recv();
        None
    });
    let mut watcher = watcher(Limits::default(), identify);
    let path = put(&folder, "file", "harmless");
    let file = file_at(&path);
    let later = ProcessRef { start: 2, ..here() };
    watcher.look(&event(1, here(), Operation::Exec, &file));
    watcher.look(&event(2, later, Operation::Write, &file));
    watcher.look(&event(3, later, Operation::Exec, &file));
    assert_eq!(watcher.state().n_waiting, 2);
    // The program of this process, which it is not, and the file.
    go.send(()).unwrap();
    go.send(()).unwrap();
    while watcher.state().n_waiting == 2 {
        assert!(watcher.answers(EventNs(1), &mut |_| ()).is_empty());
        std::thread::yield_now();
    }
    std::fs::write(&path, MARKER).unwrap();
    drop(go);
    let found = found(watcher.last_answers(EventNs(1), LONG));
    assert_eq!(found.len(), 2, "as executed and as written: {found:?}");
}

#[test]
fn rules_change_while_it_watches_and_a_folder_that_is_gone_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut watcher = watcher(Limits::default(), nobody_knows());
    let file = file_at(&put(&folder, "file", MARKER));
    let run = |watcher: &mut Watcher| {
        watcher.look(&event(1, here(), Operation::Exec, &file));
        found(watcher.last_answers(EventNs(1), LONG)).into_iter().map(|(_, title, _)| title).collect::<Vec<_>>()
    };
    assert_eq!(run(&mut watcher), ["marker: a test's"]);
    let other = folder_of(&[("b.yar", "rule other { condition: filesize > 3 }"), ("c.yar", "rule")]);
    let missing = other.path().join("missing");
    assert!(watcher.change(Some(other.path().to_owned()), Limits::default()));
    assert_eq!(run(&mut watcher), ["other"], "the file is not known any more");
    assert_eq!(watcher.state().n_rules, 1);
    assert!(watcher.change(Some(missing), Limits::default()));
    assert_eq!(run(&mut watcher), ["other"]);
    assert!(watcher.change(None, Limits::default()));
    assert!(run(&mut watcher).is_empty());
    assert_eq!(watcher.state().n_waiting, 0, "nothing is asked for");
}
