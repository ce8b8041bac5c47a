use proptest::prelude::*;
use std::collections::BTreeMap;
use tracewell_model::{
    Detail, Event, EventNs, FileKind, FileRef, HostId, Inode, Object, Operation, ProcessRef, Record,
};
use tracewell_yara::{Files, Reason, Wanted};

const SECOND: u64 = 1_000_000_000;
const QUIET_NS: u64 = 10 * SECOND;

fn file(ino: u64) -> FileRef {
    let inode = Some(Inode { dev: 1, ino, generation: 0 });
    FileRef { uuid: None, inode, path: Some(format!("/{ino}").into()), kind: FileKind::Regular }
}

fn process(pid: u32) -> ProcessRef {
    ProcessRef { pid, start: 1, uuid: None }
}

fn event(second: u64, pid: u32, op: Operation, file: FileRef) -> Record {
    Record::Event(Event::new(EventNs(second * SECOND), HostId(1), process(pid), op, Object::File(file)))
}

fn due(files: &mut Files, second: u64) -> Vec<Wanted> {
    std::iter::from_fn(|| files.next_due(EventNs(second * SECOND))).collect()
}

#[test]
fn a_written_file_is_complete_when_nobody_has_written_to_it_for_a_while() {
    let mut files = Files::new(QUIET_NS);
    assert_eq!(files.look(&event(0, 1, Operation::Create, file(1))), None);
    assert_eq!(files.look(&event(5, 2, Operation::Write, file(1))), None);
    assert_eq!(files.look(&event(7, 3, Operation::Write, file(2))), None);
    assert_eq!(due(&mut files, 14), []);
    let by = |pid| vec![(process(pid), Reason::Written)];
    assert_eq!(due(&mut files, 15), [Wanted { file: file(1), by: by(2) }], "by who wrote last");
    assert_eq!(due(&mut files, 17), [Wanted { file: file(2), by: by(3) }]);
    assert_eq!((due(&mut files, 100).len(), files.n_pending()), (0, 0), "once");
}

#[test]
fn a_file_that_is_run_is_looked_at_at_once_and_its_writer_hears_of_it() {
    let mut files = Files::new(QUIET_NS);
    files.look(&event(0, 1, Operation::Write, file(1)));
    let wanted = files.look(&event(1, 2, Operation::Exec, file(1))).unwrap();
    assert_eq!(wanted.by, [(process(2), Reason::Executed), (process(1), Reason::Written)]);
    assert_eq!(due(&mut files, 100), []);
    let wanted = files.look(&event(2, 3, Operation::Exec, file(1))).unwrap();
    assert_eq!(wanted.by, [(process(3), Reason::Executed)]);
}

#[test]
fn of_what_is_mapped_scripts_and_what_was_just_written_count() {
    let mut files = Files::new(QUIET_NS);
    files.look(&event(1, 1, Operation::Exec, file(1)));
    let script = files.look(&event(1, 1, Operation::MapExecutable, file(2))).unwrap();
    assert_eq!(script.by, [(process(1), Reason::ScriptRun)]);
    assert_eq!(files.look(&event(2, 1, Operation::MapExecutable, file(3))), None, "a library that was there");
    files.look(&event(3, 1, Operation::Write, file(3)));
    let mapped = files.look(&event(4, 2, Operation::MapExecutable, file(3))).unwrap();
    assert_eq!(mapped.by, [(process(2), Reason::Mapped), (process(1), Reason::Written)]);
}

#[test]
fn what_failed_and_what_is_no_file_counts_for_nothing() {
    let mut files = Files::new(QUIET_NS);
    let Record::Event(failed) = event(1, 1, Operation::Exec, file(1)) else { unreachable!() };
    assert_eq!(files.look(&Record::Event(Event { errno: 13, ..failed })), None);
    for kind in [FileKind::Directory, FileKind::Device, FileKind::Pipe] {
        for op in [Operation::Exec, Operation::Write, Operation::Create] {
            assert_eq!(files.look(&event(1, 1, op, FileRef { kind, ..file(1) })), None);
        }
    }
    files.look(&event(1, 1, Operation::Write, FileRef { inode: None, path: None, ..file(1) }));
    assert_eq!(files.n_pending(), 0);
}

#[test]
fn a_file_that_is_moved_is_looked_for_in_its_new_place() {
    for inode in [file(1).inode, None] {
        let mut files = Files::new(QUIET_NS);
        let written = FileRef { inode, ..file(1) };
        files.look(&event(1, 1, Operation::Write, written.clone()));
        let Record::Event(moved) = event(2, 1, Operation::Rename, written) else { unreachable!() };
        let detail = Detail::NewPath { path: "/new".into(), replaced: None };
        files.look(&Record::Event(Event { detail, ..moved }));
        assert_eq!(due(&mut files, 11)[0].file.path.as_deref(), Some("/new"));
    }
}

#[test]
fn a_file_that_never_rests_is_looked_at_all_the_same() {
    let mut files = Files::new(QUIET_NS);
    let looked = (0..1000).filter(|&second| files.look(&event(second, 1, Operation::Write, file(1))).is_some());
    assert_eq!(looked.collect::<Vec<_>>(), [300, 600, 900]);
}

#[test]
fn what_has_no_room_is_counted() {
    let mut files = Files::new(QUIET_NS);
    for ino in 0..8200 {
        files.look(&event(1, 1, Operation::Write, file(ino)));
    }
    assert_eq!((files.n_pending(), files.n_given_up()), (8192, 8));
    assert_eq!(due(&mut files, 11)[0].file, file(8), "the oldest were given up");
}

proptest! {
    /// Each write is followed by a look, no earlier than the quiet time after the last one unless the file never rests.
    #[test]
    fn each_written_file_is_looked_at_once_after_its_last_write(
        writes in prop::collection::vec((0..60u64, 0..5u64), 0..80)
    ) {
        let mut writes = writes;
        writes.sort();
        let mut files = Files::new(QUIET_NS);
        let mut last = BTreeMap::new();
        let mut looked = BTreeMap::<u64, Vec<u64>>::new();
        let mut next = writes.iter().peekable();
        for second in 0..100 {
            while let Some((_, ino)) = next.next_if(|(at, _)| *at == second) {
                prop_assert!(files.look(&event(second, 1, Operation::Write, file(*ino))).is_none());
                last.insert(*ino, second);
            }
            for wanted in due(&mut files, second) {
                let ino = wanted.file.inode.unwrap().ino;
                prop_assert_eq!(last[&ino] + 10, second);
                looked.entry(ino).or_default().push(second);
            }
        }
        prop_assert_eq!(files.n_pending(), 0);
        for (ino, at) in last {
            prop_assert_eq!(looked[&ino].last(), Some(&(at + 10)));
        }
    }
}
