//! What is no detector is refused before it runs, with a reason that its author can act on.

use crate::guest::Guest;
use std::fs::File;
use std::io::Write;
use tracewell_detector_host::Library;
use tracewell_detector_host::limits::COMPONENT_BYTES_MAX;

fn refused(component: &[u8], why: &str) {
    let refusal = Library::new().unwrap().load(component).unwrap_err().to_string();
    assert!(refusal.contains(why), "{refusal:?}, expected {why:?}");
}

/// How a list is passed: its place and its length.
const A_LIST: &str = "(param i32 i32)";

fn good() -> Guest {
    Guest::new("good", "(i32.const 0)")
}

#[test]
fn a_good_one_is_taken_and_told() {
    let mut library = Library::new().unwrap();
    let metadata = library.load(&good().build()).unwrap();
    assert_eq!((metadata.id.as_str(), metadata.version.to_string().as_str()), ("good", "1.2.3"));
    let status = library.status();
    assert_eq!(status[0].hash, blake3::hash(&good().build()).to_hex().to_string());
}

#[test]
fn what_is_no_component_is_refused() {
    refused(b"#!/bin/sh\n", "no WebAssembly file");
    refused(b"", "no WebAssembly file");
    refused(&good().core_module(), "core module, expected a component");
}

#[test]
fn a_truncated_file_is_refused() {
    let whole = good().build();
    for len in [8, 9, 100, whole.len() / 2, whole.len() - 1] {
        let refusal = Library::new().unwrap().load(&whole[..len]).unwrap_err().to_string();
        assert!(refusal.contains("broken") || refusal.contains("does not export"), "{len}: {refusal}");
    }
}

#[test]
fn a_large_file_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.wasm");
    let mut file = File::create(&path).unwrap();
    file.write_all(&good().build()).unwrap();
    file.set_len(100 << 20).unwrap();
    let refusal = Library::new().unwrap().load_file(&path, COMPONENT_BYTES_MAX).unwrap_err().to_string();
    assert_eq!(refusal, "it has 104857600 bytes, expected at most 4194304");
}

#[test]
fn an_import_is_refused_and_named() {
    let mut guest = good();
    guest.wit = Some(
        "package tracewell:detector@0.3.0;
         interface clock { now: func() -> u64; }
         interface detector { info: func() -> u32; detect: func(n: list<u8>) -> list<u8>; }
         world greedy { import clock; export detector; }",
    );
    guest.more = r#"(import "tracewell:detector/clock@0.3.0" "now" (func $now (result i64)))"#;
    guest.detect = "(drop (call $now)) (i32.const 0)".into();
    guest.parameters = A_LIST;
    refused(&guest.build(), "it imports tracewell:detector/clock@0.3.0, expected no imports");
}

#[test]
fn another_version_and_another_world_are_told_apart() {
    let mut other = Guest { parameters: A_LIST, ..good() };
    other.wit = Some(
        "package tracewell:detector@7.0.0;
         interface detector { info: func() -> u32; detect: func(n: list<u8>) -> list<u8>; }
         world later { export detector; }",
    );
    other.interface = "tracewell:detector/detector@7.0.0";
    refused(&other.build(), "version 7.0.0 of the contract, this host speaks 0.3.0");
    // What detectors were built for before.
    other.wit = Some(
        "package tracewell:detector@0.2.0;
         interface detector { info: func() -> u32; detect: func(n: list<u8>) -> list<u8>; }
         world before { export detector; }",
    );
    other.interface = "tracewell:detector/detector@0.2.0";
    refused(
        &other.build(),
        "it was made for version 0.2.0 of the contract, this host speaks 0.3.0: it is to be built anew",
    );
    other.wit = Some(
        "package somebody:else@0.1.0;
         interface plugin { info: func() -> u32; detect: func(n: list<u8>) -> list<u8>; }
         world other { export plugin; }",
    );
    other.interface = "somebody:else/plugin@0.1.0";
    refused(&other.build(), "does not export tracewell:detector/detector@0.3.0");
    other.wit = Some(
        "package tracewell:detector@0.3.0;
         interface detector { info: func() -> u32; detect: func(n: list<u8>) -> list<u8>; }
         world wrong { export detector; }",
    );
    other.interface = "tracewell:detector/detector@0.3.0";
    refused(&other.build(), "its exports are not those of");
}

#[test]
fn what_it_says_of_itself_must_be_whole() {
    type Spoil = fn(&mut Guest);
    let cases: [(Spoil, &str); 8] = [
        (|guest| guest.name = String::new(), "name is missing"),
        (|guest| guest.name = "x".repeat(81), "name has 81 bytes, expected at most 80"),
        (|guest| guest.description = "x".repeat(2001), "description has 2001 bytes"),
        (|guest| guest.id = "Bad Id", "id is \"Bad Id\""),
        (|guest| guest.version = "1.0", "version is \"1.0\", expected three numbers"),
        (|guest| guest.techniques = vec!["1059"], "technique is \"1059\""),
        (|guest| guest.operations = Default::default(), "a trigger names no operation"),
        (|guest| guest.paths = vec!["/a/{b"], "a trigger's glob"),
    ];
    for (spoil, why) in cases {
        let mut guest = good();
        spoil(&mut guest);
        refused(&guest.build(), why);
    }
}

#[test]
fn one_that_fails_at_once_is_refused() {
    let mut guest = good();
    guest.more = "(func $forever (loop $on (br $on))) (start $forever)";
    refused(&guest.build(), "`info` failed: it used up its 10000000 steps");
    refused(&Guest { memory_pages: 1000, ..good() }.build(), "memory");
}

#[test]
fn the_same_id_and_version_twice_is_refused_and_another_version_is_not() {
    let mut library = Library::new().unwrap();
    library.load(&good().build()).unwrap();
    let refusal = library.load(&good().build()).unwrap_err().to_string();
    assert_eq!(refusal, "good 1.2.3 is loaded already");
    library.load(&Guest { version: "1.10.0", ..good() }.build()).unwrap();
    let versions: Vec<_> = library.status().iter().map(|status| status.metadata.version.to_string()).collect();
    assert_eq!(versions, ["1.2.3", "1.10.0"]);
}
