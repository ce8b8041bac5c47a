//! Clocks jump: that of a host within what it records, and that of the aggregator while it runs.

use crate::fleet::{Fleet, RECORDINGS, Setup, same};
use crate::run::{Place, tracewell};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

const HOST: (&str, &str) = RECORDINGS[1];
const DAY: i64 = 86_400;

/// The aggregator's wall clock.
struct Clock {
    library: String,
    file: String,
}

impl Clock {
    /// `None`, said loudly, without a compiler.
    fn make(place: &Place) -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clock.c");
        let library = place.path("clock.so");
        let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o", &library]).arg(source).output();
        match built {
            Err(error) => {
                println!("SKIPPED: no C compiler (cc): {error}");
                None
            }
            Ok(built) => {
                assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
                Some(Self { library, file: place.file("ahead", 0i64.to_ne_bytes()) })
            }
        }
    }

    /// So many seconds ahead of the machine's, from now on.
    fn set(&self, ahead: i64) {
        let file = OpenOptions::new().write(true).open(&self.file).expect("it was made");
        file.write_all_at(&ahead.to_ne_bytes(), 0).expect("it can be written");
    }
}

/// A fleet whose aggregator goes by the clock.
fn fleet() -> Option<(Fleet, Clock)> {
    let place = Place::new();
    let clock = Clock::make(&place)?;
    let environment = [("LD_PRELOAD", clock.library.as_str()), ("CLOCK_AHEAD", clock.file.as_str())];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let fleet = Fleet::with(Setup { place, environment: environment.into(), ..Setup::default() })?;
    Some((fleet, clock))
}

#[test]
fn jumps_of_the_aggregators_clock_keep_hosts_out_while_they_last_and_lose_nothing() {
    let Some((fleet, clock)) = fleet() else { return };
    let (host, recording) = HOST;
    let token = fleet.token(2);
    clock.set(400 * DAY);
    assert_eq!(fleet.enrol(host, &token).status.code(), Some(3), "the token has expired");
    assert!(fleet.said("refused to enrol").contains("the token expired"));
    clock.set(0);
    assert!(fleet.enrol(host, &token).status.success(), "and holds again");

    // Certificates hold from a day before they were made, and for a year.
    for ahead in [-30 * DAY, 400 * DAY] {
        clock.set(ahead);
        let mut replay = fleet.replay(host, recording);
        let why = replay.said("no connection to the aggregator");
        assert!(why.contains("certificate"), "{ahead} s: {why}");
        assert!(replay.is_running());
        clock.set(0);
        let (is_well, said) = replay.end();
        assert!(is_well, "{ahead} s: {said:#?}");
        same(&fleet.incidents(), &fleet.expected(&[recording]));
    }
    // What is there is let go by the hosts' time, of which the clock only says whether it may be.
    for ahead in [-4_000 * DAY, 4_000 * DAY, 0] {
        clock.set(ahead);
        fleet.ask(&["fleet", "token"]).ok();
        same(&fleet.incidents(), &fleet.expected(&[recording]));
    }
}

/// A host that was enrolled most of a year ago sends what it has, and has another certificate afterwards; with the one of before it is
/// not let in any more.
#[test]
fn a_certificate_is_renewed_before_it_ends_to_hold() {
    let Some((fleet, clock)) = fleet() else { return };
    let (host, recording) = HOST;
    clock.set(-300 * DAY);
    assert!(fleet.enrol(host, &fleet.token(1)).status.success());
    clock.set(0);
    let expires = |fleet: &Fleet| fleet.hosts()[0]["certificate_expires"].as_str().expect("it is told").to_owned();
    let before = expires(&fleet);
    let (is_well, said) = fleet.replay(host, recording).end();
    assert!(is_well && said.iter().any(|line| line.contains("this host has another certificate")), "{said:#?}");
    assert!(expires(&fleet) > before, "{before}");
    same(&fleet.incidents(), &fleet.expected(&[recording]));

    // It may have been used to connect or not, when the replay ended.
    let (is_well, said) = fleet.replay(host, recording).end();
    assert!(is_well && !said.iter().any(|line| line.contains("another certificate")), "{said:#?}");
    let identity = Path::new(&fleet.place.path(host)).join("identity");
    fs::remove_dir_all(&identity).expect("it is there");
    fs::rename(identity.with_extension("before"), &identity).expect("that of before was kept");
    let mut replay = fleet.replay(host, recording);
    assert!(replay.said("no connection to the aggregator").contains("Refused"));
    assert!(fleet.said("refused a host").contains("another certificate since"));
    replay.kill();
}

#[test]
fn jumps_of_a_hosts_clock_reach_the_aggregator_as_a_replay_has_them() {
    let Some(fleet) = Fleet::start() else { return };
    let (host, recording) = HOST;
    let plain = fleet.place.path("plain.jsonl");
    tracewell(&["convert", &crate::fleet::recording(recording), "--to", &plain]).ok();
    let text = fs::read_to_string(&plain).expect("it was written");
    let n_lines = text.lines().count();
    // Ahead for a while, then behind where it began.
    let jumped = text.lines().enumerate().map(|(n, line)| match 3 * n / n_lines {
        0 => line.to_owned(),
        1 => later(line, 20 * DAY),
        _ => later(line, -DAY),
    });
    let jumped = fleet.place.file("jumped.jsonl", jumped.collect::<Vec<_>>().join("\n") + "\n");
    assert!(fleet.enrol(host, &fleet.token(1)).status.success());
    let (is_well, said) = fleet.replay(host, &jumped).end();
    assert!(is_well, "{said:#?}");
    let expected = fleet.expected(&[&jumped]);
    assert!(expected.contains("\"severity\""), "there is something to find: {expected}");
    same(&fleet.incidents(), &expected);
}

/// The record of a line, so many seconds later.
fn later(line: &str, seconds: i64) -> String {
    let mut record: Value = serde_json::from_str(line).expect("it is JSON");
    let body = record.as_object_mut().and_then(|record| record.values_mut().next()).expect("one record a line");
    if let Some(time) = body.get_mut("time") {
        let ns = time.as_u64().expect("it is a number").saturating_add_signed(seconds * 1_000_000_000);
        *time = ns.into();
    }
    record.to_string()
}
