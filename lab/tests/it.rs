//! Every recording that is shipped stands up to `lab verify`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tracewell_datasets::tracewell::EventFile;
use tracewell_datasets::{ReadOptions, open};
use tracewell_lab::index::{Entry, Index};
use tracewell_lab::scenarios::SCENARIOS;
use tracewell_lab::verify::{verify, verify_all};
use tracewell_model::{Detail, Event, FileRef, Object, Operation, Record};

/// Bytes of all shipped recordings together.
const BYTES_MAX: u64 = 30 << 20;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/recordings")
}

#[test]
fn shipped_recordings_are_good() {
    let said = verify_all(&shipped()).unwrap_or_else(|error| panic!("{error:#}"));
    println!("{}", said.join("\n"));
}

#[test]
fn the_shipped_set_has_both_halves_and_is_small() {
    let index = Index::open(&shipped()).expect("the index can be read");
    let bytes: u64 = index.recordings.iter().map(|entry| entry.bytes).sum();
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
    let mut n = BTreeMap::new();
    for entry in &index.recordings {
        *n.entry((entry.half.as_str(), entry.attacks > 0)).or_insert(0) += 1;
        let scenario =
            SCENARIOS.iter().find(|scenario| scenario.name == entry.scenario).expect("a scenario of that name");
        assert_eq!(scenario.half.name(), entry.half, "{}", entry.name);
    }
    for half in ["development", "test"] {
        for is_attack in [false, true] {
            assert!(n.contains_key(&(half, is_attack)), "{half}, with an attack: {is_attack}");
        }
    }
}

#[test]
fn the_documentation_lists_every_scenario() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/lab.md");
    let text = fs::read_to_string(file).expect("it can be read");
    for scenario in SCENARIOS {
        let row = format!("| `{}` | {} |", scenario.name, scenario.half.name());
        assert!(text.contains(&row), "no row {row:?}");
    }
}

/// What must not be there is found: each case is a recording that was changed in one place.
#[test]
fn what_is_wrong_is_said() {
    let index = Index::open(&shipped()).expect("the index can be read");
    let entry = index.recordings.iter().find(|entry| entry.scenario == "web-shell").expect("it is shipped");
    let original: Vec<Record> = open(&shipped().join(entry.recording()), None, &ReadOptions::default())
        .expect("it can be opened")
        .collect::<Result<_, _>>()
        .expect("it can be read");
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::copy(shipped().join(entry.truth()), folder.path().join(entry.truth())).expect("the truth can be copied");
    let path = |path: &'static str| move |event: &mut Event| event.object = Object::File(FileRef::at_path(path));
    let check = |change: &dyn Fn(&mut Vec<Record>), complaint: &str| {
        let mut records = original.clone();
        change(&mut records);
        let mut file = EventFile::create(&folder.path().join(entry.recording())).expect("it can be made");
        records.iter().for_each(|record| file.write(record).expect("it can be written"));
        file.finish().expect("it can be finished");
        let wrong = verify(folder.path(), entry).expect("it can be read");
        assert!(wrong.iter().any(|line| line.contains(complaint)), "expected {complaint:?} in {wrong:#?}");
    };
    let at_first = |records: &mut Vec<Record>, op: Operation, change: &dyn Fn(&mut Event)| {
        let mut events = records.iter_mut().filter_map(|record| match record {
            Record::Event(event) => Some(event),
            _ => None,
        });
        change(events.find(|event| event.op == op).expect("there is such an event"));
    };
    check(&|records| at_first(records, Operation::Open, &path("/builds/x")), "a path of no host: /builds/x");
    check(&|records| at_first(records, Operation::Open, &path("/run/lab/1")), "a path of no host: /run/lab/1");
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("a kernel has a name");
    let module = format!("/usr/lib/modules/{}/x.ko", release.trim());
    let of_this_machine = |event: &mut Event| event.object = Object::File(FileRef::at_path(module.as_str()));
    check(&|records| at_first(records, Operation::Open, &of_this_machine), "names this machine");
    check(
        &|records| {
            at_first(records, Operation::Accept, &|event| {
                let Object::Socket(socket) = &mut event.object else { return };
                socket.remote = Some("192.0.2.1:80".parse().expect("an address"));
            });
        },
        "an address outside the lab: 192.0.2.1:80",
    );
    let key = "sh -c echo -----BEGIN RSA PRIVATE KEY----- MIIEowIBAAKCAQEA -----END RSA PRIVATE KEY-----";
    let told = |event: &mut Event| event.detail = Detail::Exec { cmdline: Some(key.into()), environment: None };
    check(&|records| at_first(records, Operation::Exec, &told), "a secret: ");
    check(&|records| drop(records.pop()), "SHA-256");
    check(&|records| drop(records.pop()), "the index says");
    let is_no_exit = |record: &Record| !matches!(record, Record::Event(event) if event.op == Operation::Exit);
    check(&|records| records.retain(is_no_exit), "events: ");
    // Without what the attack's processes did, the truth speaks of what is not there.
    check(&|records| records.truncate(records.len() / 4), "not there: ");
    check(&|records| records.truncate(records.len() / 4), "has no event in its window");
}

/// What the index says of a recording is what its scenario and its files say.
#[test]
fn a_wrong_entry_is_said() {
    let index = Index::open(&shipped()).expect("the index can be read");
    let entry = index.recordings.iter().find(|entry| entry.name == "slow-theft-1").expect("it is shipped");
    let check = |change: &dyn Fn(&mut Entry), complaint: &str| {
        let mut entry = entry.clone();
        change(&mut entry);
        let wrong = verify(&shipped(), &entry).expect("it can be read");
        assert!(wrong.iter().any(|line| line.contains(complaint)), "expected {complaint:?} in {wrong:#?}");
    };
    check(&|entry| entry.half = "test".into(), "half: \"development\", the index says \"test\"");
    check(&|entry| entry.scenario = "none".into(), "scenario \"none\"");
    check(&|entry| entry.seed = 9, "name: ");
    check(&|entry| entry.tier = "better".into(), "tier: ");
    check(&|entry| entry.kernel = "6.1-somebody".into(), "kernel ");
    check(&|entry| entry.commit = "somebody@host".into(), "commit ");
    check(&|entry| entry.pauses = vec![(1, u64::MAX >> 1)], "pauses of ");
    check(&|entry| entry.truth_sha256 = "0".into(), "slow-theft-1.truth.json: SHA-256");

    let empty = tempfile::tempdir().expect("a temporary folder");
    let error = verify_all(empty.path()).expect_err("there is nothing");
    assert!(format!("{error:#}").contains("index.toml"), "{error:#}");
}
