//! Every recording that is shipped stands up to `lab verify`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use tracewell_datasets::tracewell::EventFile;
use tracewell_datasets::truth::{NodePattern, Truth};
use tracewell_datasets::{ReadOptions, open};
use tracewell_lab::index::{Entry, Index};
use tracewell_lab::journal::Journal;
use tracewell_lab::scenarios::SCENARIOS;
use tracewell_lab::verify::{verify, verify_all};
use tracewell_model::{Detail, Event, FileRef, NodeKind, Object, Operation, Record};

/// Bytes of all shipped recordings together.
const BYTES_MAX: u64 = 30 << 20;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/recordings")
}

#[test]
fn shipped_recordings_are_good() {
    let (said, wrong) = verify_all(&shipped()).unwrap_or_else(|error| panic!("{error:#}"));
    println!("{}", said.join("\n"));
    assert_eq!(wrong, 0, "{wrong} of {} are not good", said.len());
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
    for file in [entry.truth(), entry.journal()] {
        fs::copy(shipped().join(&file), folder.path().join(&file)).expect("it can be copied");
    }
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
    check(&|records| at_first(records, Operation::Open, &path("builds/x")), "a path that begins nowhere: builds/x");
    check(&|records| at_first(records, Operation::Open, &path("/etc/../x")), "a path that is not straight: /etc/../x");
    check(&|records| at_first(records, Operation::Open, &path("/home/carol/x")), "a home of nobody: /home/carol");
    check(
        &|records| at_first(records, Operation::Open, &|event| event.time = event.time.after(1 << 40)),
        "not in order",
    );
    let later = |event: &mut Event| {
        let Object::Process(child) = &mut event.object else { return };
        child.start += 3600 * 100;
    };
    check(&|records| at_first(records, Operation::Fork, &later), "ms from when it was forked");
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
        "an address outside the lab: 192.0.2.1",
    );
    let key = "sh -c echo -----BEGIN RSA PRIVATE KEY----- MIIEowIBAAKCAQEA -----END RSA PRIVATE KEY-----";
    let says = |line: &'static str| {
        move |event: &mut Event| event.detail = Detail::Exec { cmdline: Some(line.into()), environment: None }
    };
    check(&|records| at_first(records, Operation::Exec, &says(key)), "a secret: ");
    let line = "curl http://203.0.113.9/x";
    check(&|records| at_first(records, Operation::Exec, &says(line)), "an address outside the lab: 203.0.113.9 in");
    check(&|records| at_first(records, Operation::Exec, &says("ls /home/carol")), "a home of nobody: /home/carol");
    check(&|records| drop(records.pop()), "SHA-256");
    check(&|records| drop(records.pop()), "the index says");
    let is_no_exit = |record: &Record| !matches!(record, Record::Event(event) if event.op == Operation::Exit);
    check(&|records| records.retain(is_no_exit), "events: ");
    // Without what the attack's processes did, the truth speaks of what is not there.
    check(&|records| records.truncate(records.len() / 4), "not there: ");
    check(&|records| records.truncate(records.len() / 4), "has no event in its window");
}

/// What truth leaves out is found, by another way than that on which it is made.
#[test]
fn what_is_not_labelled_is_said() {
    let index = Index::open(&shipped()).expect("the index can be read");
    let check = |scenario: &str, change: &dyn Fn(&mut Truth), complaint: &str| {
        let entry = index.recordings.iter().find(|entry| entry.scenario == scenario).expect("it is shipped");
        let folder = tempfile::tempdir().expect("a temporary folder");
        for file in [entry.recording(), entry.truth(), entry.journal()] {
            fs::copy(shipped().join(&file), folder.path().join(&file)).expect("it can be copied");
        }
        let mut truth = Truth::open(&shipped().join(entry.truth())).expect("it can be read");
        change(&mut truth);
        truth
            .write(File::create(folder.path().join(entry.truth())).expect("it can be made"))
            .expect("it can be written");
        let wrong = verify(folder.path(), entry).expect("it can be read");
        assert!(wrong.iter().any(|line| line.contains(complaint)), "expected {complaint:?} in {wrong:#?}");
        assert!(wrong.iter().any(|line| line.contains("is not what the recording and its journal make")), "{wrong:#?}");
    };
    let without = |truth: &mut Truth, is: &dyn Fn(&NodePattern) -> bool| {
        for attack in &mut truth.attacks {
            attack.nodes.retain(|node| !is(node));
            attack.steps.iter_mut().for_each(|step| step.nodes.retain(|node| !is(node)));
        }
        truth.ignored.retain(|node| !is(node));
    };
    // Of each guess what served it.
    let guesses = |truth: &mut Truth| {
        let processes = |node: &&NodePattern| node.kind == NodeKind::Process;
        let of_first: Vec<_> = truth.attacks[0].steps[0].nodes.iter().filter(processes).cloned().collect();
        assert!(
            of_first.len() >= 2 * 8,
            "at least eight guesses, each with two processes of the server: {of_first:#?}"
        );
        without(truth, &|node| of_first.contains(node));
    };
    check("brute-force", &guesses, "talks with the attacker, and is not labelled: process");
    let keys =
        |node: &NodePattern| matches!(&node.path, Some(path) if path.matches("/home/deploy/.ssh/authorized_keys"));
    let left = "changed by the attack (write), and not labelled: /home/deploy/.ssh/authorized_keys";
    check("brute-force", &|truth| without(truth, &keys), left);
    let document = |node: &NodePattern| matches!(&node.path, Some(path) if path.to_string().ends_with(".txt"));
    check(
        "ransom",
        &|truth| without(truth, &document),
        "changed by the attack (unlink), and not labelled: /srv/documents/",
    );
    // Nobody can be started by what is labelled and not be labelled.
    let last = |truth: &mut Truth| {
        let of_last = truth.attacks[0].steps.last().expect("a step").nodes.clone();
        let process = of_last.into_iter().rfind(|node| node.kind == NodeKind::Process).expect("a process");
        without(truth, &|node| *node == process);
    };
    check("web-shell", &last, "started by the attack, and not labelled: process");
    let served = |truth: &mut Truth| {
        let mut guesses = Vec::new();
        std::mem::swap(&mut guesses, &mut truth.attacks[0].steps[0].nodes);
        guesses.retain(|node| node.kind == NodeKind::Process);
        without(truth, &|node| guesses.contains(node));
        truth.attacks[0].steps[0].nodes = truth.attacks[0].nodes.clone();
        truth.ignored.extend(guesses);
    };
    check("brute-force", &served, "ignored, and served only the attacker: process");
}

/// Each login of sshd asks for the order of the host's own addresses, by sockets that nothing goes through.
#[test]
fn sockets_that_nothing_went_through_are_ignored() {
    let index = Index::open(&shipped()).expect("the index can be read");
    let entry = index.recordings.iter().find(|entry| entry.scenario == "brute-force").expect("it is shipped");
    let truth = Truth::open(&shipped().join(entry.truth())).expect("it can be read");
    let is_own = |node: &&NodePattern| node.remote.is_some_and(|remote| remote.ip.is_loopback());
    assert_eq!(truth.attacks[0].nodes.iter().find(is_own), None);
    assert!(truth.ignored.iter().filter(is_own).count() >= 8, "one a guess at least");
}

/// A name or an address that is alike in all recordings of a seed would say what an attack is.
#[test]
fn attackers_have_other_addresses_in_other_scenarios() {
    let index = Index::open(&shipped()).expect("the index can be read");
    let mut addresses = Vec::new();
    for entry in index.recordings.iter().filter(|entry| entry.attacks > 0) {
        let journal = Journal::open(&shipped(), entry).expect("it can be read");
        let steps = journal.attacks.iter().flat_map(|attack| &attack.steps);
        addresses.extend(steps.flat_map(|step| &step.remotes).map(|far| far.address).next());
    }
    let different: BTreeSet<_> = addresses.iter().collect();
    assert!(different.len() * 4 >= addresses.len() * 3, "{} of {}", different.len(), addresses.len());
}

/// Every recording is told of, whatever is wrong with the first.
#[test]
fn verify_goes_on_after_a_bad_recording() {
    let index = Index::open(&shipped()).expect("the index can be read");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let two: Vec<_> = index.recordings.iter().filter(|entry| entry.scenario == "builds").take(2).cloned().collect();
    let (bad, good) = (&two[0], &two[1]);
    for file in [good.recording(), good.truth(), good.journal(), bad.truth(), bad.journal()] {
        fs::copy(shipped().join(&file), folder.path().join(&file)).expect("it can be copied");
    }
    fs::write(folder.path().join("stray"), "").expect("it can be written");
    for entry in [bad, good] {
        Index::open(folder.path())
            .expect("it can be read")
            .put(entry.clone(), folder.path())
            .expect("it can be written");
    }
    let (said, wrong) = verify_all(folder.path()).expect("there is an index");
    assert_eq!((said.len(), wrong), (3, 2), "{said:#?}");
    assert_eq!(said[0].matches("No such file").count(), 1, "{said:#?}");
    assert!(said[1].contains(": ok, ") && said[2].starts_with("stray: "), "{said:#?}");
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
