//! A folder is kept loaded as it is: what is put there, replaced and removed, while runners go on.

use crate::guest::{Guest, Said};
use crate::scene::execution;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tracewell_detector_host::signature::{self, Policy, PrivateKey, Trust};
use tracewell_detector_host::{Library, Loader, Settings, Update};
use tracewell_graph_core::neighbourhood::Detectors;
use tracewell_model::EventNs;

/// Longer than any machine takes; what is promised is a second.
const PATIENCE: Duration = Duration::from_secs(60);

fn guest(id: &'static str, version: &'static str, title: &str) -> Vec<u8> {
    Guest { version, ..Guest::saying(id, vec![Said::high(title, &[0])]) }.build()
}

fn settings(folder: &Path) -> Settings {
    Settings { folder: Some(folder.to_path_buf()), bytes_max: 1 << 20, ..Settings::default() }
}

fn loaded(library: &Library) -> Vec<String> {
    library.status().iter().map(|status| format!("{} {}", status.metadata.id, status.metadata.version)).collect()
}

/// The first state of which that is true.
fn until(loader: &Loader, is_it: impl Fn(&Update) -> bool) -> Update {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let update = loader.wait(deadline.saturating_duration_since(Instant::now())).expect("it comes in time");
        if is_it(&update) {
            return update;
        }
    }
}

fn until_loaded(loader: &Loader, expected: &[&str]) -> Update {
    until(loader, |update| loaded(&update.library) == expected)
}

/// As editors and package managers do: under another name first.
fn put(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, bytes).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn files_are_loaded_replaced_and_removed_as_the_folder_changes() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, c]: [PathBuf; 3] = ["a.wasm", "b.wasm", "c.wasm"].map(|name| folder.path().join(name));
    put(&a, &guest("a", "1.0.0", "first"));
    let (loader, first) = Loader::start(settings(folder.path())).unwrap();
    assert_eq!(loaded(&first.library), ["a 1.0.0"]);
    put(&b, &guest("b", "1.0.0", "x"));
    // Written in place, in two steps.
    fs::write(&c, &guest("a", "2.0.0", "second")[..100]).unwrap();
    fs::write(&c, guest("a", "2.0.0", "second")).unwrap();
    let update = until_loaded(&loader, &["a 1.0.0", "a 2.0.0", "b 1.0.0"]);
    assert!(update.refused.is_empty() && update.error.is_none());
    // The same version with another content takes the place of what it was.
    let hash = update.library.status()[0].hash.clone();
    put(&a, &guest("a", "1.0.0", "changed"));
    let update = until(&loader, |update| update.library.status()[0].hash != hash);
    let mut runner = update.runner;
    assert_eq!(&*runner.detect(0, &execution(EventNs::SECOND))[0].title, "changed");
    fs::remove_file(&c).unwrap();
    fs::remove_file(&b).unwrap();
    until_loaded(&loader, &["a 1.0.0"]);
}

#[test]
fn a_file_that_breaks_leaves_what_it_was_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.wasm"), folder.path().join("b.wasm"));
    put(&a, &guest("a", "1.0.0", "x"));
    let (loader, _) = Loader::start(settings(folder.path())).unwrap();
    put(&a, b"\0asm and no more");
    let update = until(&loader, |update| !update.refused.is_empty());
    assert_eq!(loaded(&update.library), ["a 1.0.0"]);
    assert_eq!(update.refused[0].0, a);
    put(&b, &guest("a", "1.0.0", "another"));
    let update = until(&loader, |update| update.refused.len() == 2);
    assert!(update.refused[1].1.contains("a 1.0.0 is loaded already"), "{:?}", update.refused);
    // Once the first is gone there is room for the second.
    fs::remove_file(&a).unwrap();
    let update = until(&loader, |update| update.refused.is_empty());
    assert_eq!(loaded(&update.library), ["a 1.0.0"]);
}

#[test]
fn a_folder_that_others_may_write_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (mut loader, first) = Loader::start(settings(folder.path())).unwrap();
    assert_eq!(first.exposed, None);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    loader.reload();
    let update = until(&loader, |update| update.exposed.is_some());
    assert_eq!(update.exposed.as_deref(), Some("everybody may write there"));
}

#[test]
fn how_a_detector_fares_stays_with_it() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("a.wasm"), &Guest::new("a", "unreachable").build());
    let (loader, Update { library, mut runner, .. }) = Loader::start(settings(folder.path())).unwrap();
    for n in 1..=5 {
        runner.detect(0, &execution(n * EventNs::SECOND));
    }
    assert!(library.status()[0].is_parked);
    put(&folder.path().join("b.wasm"), &guest("b", "1.0.0", "x"));
    fs::rename(folder.path().join("a.wasm"), folder.path().join("c.wasm")).unwrap();
    let update = until_loaded(&loader, &["a 1.2.3", "b 1.0.0"]);
    runner.become_other(update.runner);
    let mut called = Vec::new();
    runner.triggered(tracewell_model::Operation::Exec, &Default::default(), &mut called);
    assert_eq!(called, [1], "what was parked stays so under another name");
    assert_eq!((update.library.status()[0].calls, update.library.status()[0].failures), (5, 5));
    assert!(runner.resume("a"));
}

#[test]
fn what_is_asked_for_is_done() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(&folder.path().join("a.wasm"), &guest("a", "1.0.0", "x"));
    put(&folder.path().join("a2.wasm"), &guest("a", "2.0.0", "x"));
    let hand = elsewhere.path().join("hand.wasm");
    put(&hand, &guest("hand", "1.0.0", "x"));
    let (mut loader, _) = Loader::start(settings(folder.path())).unwrap();
    loader.load(hand);
    until_loaded(&loader, &["a 1.0.0", "a 2.0.0", "hand 1.0.0"]);
    loader.remove("a", Some("1.0.0"));
    until_loaded(&loader, &["a 2.0.0", "hand 1.0.0"]);
    loader.remove("hand", None);
    loader.remove("a", None);
    let update = until_loaded(&loader, &[]);
    // It stays so whatever else changes,
    put(&folder.path().join("b.wasm"), &guest("b", "1.0.0", "x"));
    until_loaded(&loader, &["b 1.0.0"]);
    assert!(update.n_done >= 2);
    // until its file does, or all is wanted anew.
    put(&folder.path().join("a.wasm"), &guest("a", "1.0.1", "x"));
    until_loaded(&loader, &["a 1.0.1", "b 1.0.0"]);
    loader.reload();
    let update = until_loaded(&loader, &["a 1.0.1", "a 2.0.0", "b 1.0.0", "hand 1.0.0"]);
    assert_eq!(update.n_done, loader.n_ordered());
}

#[test]
fn a_folder_that_goes_and_comes_is_found_again() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("detectors");
    fs::create_dir(&folder).unwrap();
    put(&folder.join("a.wasm"), &guest("a", "1.0.0", "x"));
    let (loader, _) = Loader::start(settings(&folder)).unwrap();
    fs::rename(&folder, parent.path().join("gone")).unwrap();
    let update = until(&loader, |update| update.error.is_some());
    assert_eq!(loaded(&update.library), ["a 1.0.0"], "what was loaded stays");
    fs::create_dir(&folder).unwrap();
    put(&folder.join("b.wasm"), &guest("b", "1.0.0", "x"));
    let update = until_loaded(&loader, &["b 1.0.0"]);
    assert!(update.error.is_none());
    put(&folder.join("c.wasm"), &guest("c", "1.0.0", "x"));
    until_loaded(&loader, &["b 1.0.0", "c 1.0.0"]);
    let missing = Loader::start(settings(&parent.path().join("missing"))).err().unwrap().to_string();
    assert!(missing.starts_with("cannot read folder"), "{missing}");
}

#[test]
fn whose_signature_counts_can_change() {
    let folder = tempfile::tempdir().unwrap();
    let keys = [1, 2].map(|n| PrivateKey::from_seed(&[n; 32]));
    let plain = guest("plain", "1.0.0", "x");
    let signed = signature::sign(&guest("signed", "1.0.0", "x"), &keys[0]);
    let mut broken = signature::sign(&guest("broken", "1.0.0", "x"), &keys[0]);
    broken[200] ^= 1;
    for (name, bytes) in [("plain", &plain), ("signed", &signed), ("broken", &broken)] {
        put(&folder.path().join(name).with_extension("wasm"), bytes);
    }
    let policy = |trust, key: &PrivateKey| Policy { trust, keys: vec![key.public()] };
    let with = |policy| Settings { policy, ..settings(folder.path()) };
    let (mut loader, first) = Loader::start(with(policy(Trust::Require, &keys[0]))).unwrap();
    assert_eq!(loaded(&first.library), ["signed 1.0.0"]);
    assert_eq!(first.library.status()[0].signer, Some(keys[0].public()));
    let reasons: Vec<_> = first.refused.iter().map(|(_, reason)| reason.as_str()).collect();
    assert!(reasons[0].contains("changed after it was signed") && reasons[1].contains("not signed"), "{reasons:?}");
    loader.set(with(policy(Trust::Warn, &keys[1])));
    let update = until_loaded(&loader, &["plain 1.0.0", "signed 1.0.0"]);
    assert!(update.library.status().iter().all(|status| status.signer.is_none()), "a stranger's word does not count");
    loader.set(with(policy(Trust::Require, &keys[1])));
    let update = until_loaded(&loader, &[]);
    assert!(update.refused.iter().any(|(_, reason)| reason.contains("not among detectors.keys")));
}

/// Each in its own way no detector: all are refused, and the good one among them finds what it finds.
#[test]
fn what_is_refused_costs_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let good = guest("zz-good", "1.0.0", "found");
    let key = PrivateKey::from_seed(&[1; 32]);
    let signed = |bytes: &[u8]| signature::sign(bytes, &key);
    let mut bad_signature = signed(&guest("signed", "1.0.0", "x"));
    bad_signature[100] ^= 1;
    let mut other = Guest { parameters: "(param i32 i32)", ..Guest::new("other", "(i32.const 0)") };
    other.wit = Some(
        "package tracewell:detector@7.0.0;
         interface detector { info: func() -> u32; detect: func(n: list<u8>) -> list<u8>; }
         world later { export detector; }",
    );
    other.interface = "tracewell:detector/detector@7.0.0";
    let mut importing = Guest { parameters: "(param i32 i32)", ..Guest::new("importing", "(i32.const 0)") };
    importing.wit = Some(
        "package tracewell:detector@0.3.0;
         interface clock { now: func() -> u64; }
         interface detector { info: func() -> u32; detect: func(n: list<u8>) -> list<u8>; }
         world greedy { import clock; export detector; }",
    );
    importing.more = r#"(import "tracewell:detector/clock@0.3.0" "now" (func $now (result i64)))"#;
    let endless = Guest {
        more: "(func $forever (loop $on (br $on))) (start $forever)",
        ..Guest::new("endless", "(i32.const 0)")
    };
    let cases = [
        ("bad-signature", bad_signature, "changed after it was signed"),
        ("endless", signed(&endless.build()), "used up its 10000000 steps"),
        ("importing", signed(&importing.build()), "expected no imports"),
        ("other-version", signed(&other.build()), "version 7.0.0 of the contract"),
        ("text", signed(b"#!/bin/sh\n"), "no WebAssembly file"),
        ("truncated", signed(&good[..good.len() / 2]), ""),
        ("unsigned", good.clone(), "not signed"),
    ];
    for (name, bytes, _) in &cases {
        put(&folder.path().join(name).with_extension("wasm"), bytes);
    }
    let large = fs::File::create(folder.path().join("large.wasm")).unwrap();
    large.set_len(100 << 20).unwrap();
    put(&folder.path().join("zz-good.wasm"), &signed(&good));
    let policy = Policy { trust: Trust::Require, keys: vec![key.public()] };
    let (_loader, first) = Loader::start(Settings { policy, ..settings(folder.path()) }).unwrap();
    assert_eq!(loaded(&first.library), ["zz-good 1.0.0"]);
    let mut runner = first.runner;
    assert_eq!(&*runner.detect(0, &execution(EventNs::SECOND))[0].title, "found");
    let reason = |name: &str| {
        let refused = first.refused.iter().find(|(path, _)| path.file_stem().is_some_and(|stem| stem == name));
        refused.unwrap_or_else(|| panic!("{name} is not refused")).1.clone()
    };
    for (name, _, why) in &cases {
        assert!(reason(name).contains(why), "{name}: {}", reason(name));
    }
    assert_eq!(reason("large"), "it has 104857600 bytes, expected at most 1048576");
}
