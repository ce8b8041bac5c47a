//! Detectors that do what they should not, all in one folder beside a good one: whatever else the pipeline says stays as it is, byte
//! for byte.

use crate::guest::{Guest, Said};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tracewell_agent::Pipeline;
use tracewell_detector_host::limits::COMPONENT_BYTES_MAX;
use tracewell_detector_host::signature::{Policy, PrivateKey, Trust, sign};
use tracewell_detector_host::{Library, Loader, Settings};
use tracewell_graph_core::history::MemoryHistory;
use tracewell_graph_core::neighbourhood::OperationSet;
use tracewell_model::{
    Detail, Event, EventFlags, EventNs, FileRef, HostId, HostRecord, Object, Operation, ProcessRef, Record,
};
use tracewell_parameters::Parameters;
use tracewell_wire::{Class, Transport, decode, memory_pair};

const HOST: HostId = HostId(8);

/// What is loaded, and fails in each call or finds nothing by what it remembers.
fn contained() -> Vec<Guest> {
    let endless = Guest::new("endless", "(loop $on (br $on)) (i32.const 0)");
    let bomb = "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) unreachable";
    let mut recursion = Guest::new("recursion", "(drop (call $deeper (i32.const 1))) (i32.const 0)");
    recursion.more = "(func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))";
    let mut huge = Said::high("x", &[0]);
    huge.title_at = Some((8 * 65536, 5 << 20));
    let mut stateful = Guest::saying("stateful", vec![Said::high("remembered", &[0])]);
    stateful.detect = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (select (i32.const 16) (i32.const 8) (i32.gt_u (global.get $calls) (i32.const 1)))"
        .into();
    stateful.more = "(global $calls (mut i32) (i32.const 0))";
    let all = [
        endless,
        Guest::new("bomb", bomb),
        recursion,
        Guest::new("panic", "unreachable"),
        Guest::new("beyond", "(i32.load (i32.const -8))"),
        Guest { memory_pages: 100, ..Guest::saying("huge", vec![huge]) },
        Guest::saying("not-utf8", vec![Said { title: vec![0xff], ..Said::high("", &[0]) }]),
        Guest::saying("elsewhere", vec![Said::high("x", &[0, 99])]),
        stateful,
    ];
    all.map(|guest| Guest { operations: OperationSet::ALL, ..guest }).into()
}

/// What is no detector for this host, by the word that the refusal holds. `key` is trusted.
fn refused(key: &PrivateKey) -> BTreeMap<&'static str, Vec<u8>> {
    let good = Guest::new("good", "(i32.const 0)");
    let signed = |component: &[u8]| sign(component, key);
    let list = "(param i32 i32)";
    let later = Guest {
        wit: Some(
            "package tracewell:detector@7.0.0;
             interface detector { info: func() -> u32; detect: func(n: list<u8>) -> list<u8>; }
             world later { export detector; }",
        ),
        interface: "tracewell:detector/detector@7.0.0",
        parameters: list,
        ..Guest::new("later", "(i32.const 0)")
    };
    let greedy = Guest {
        wit: Some(
            "package tracewell:detector@0.3.0;
             interface clock { now: func() -> u64; }
             interface detector { info: func() -> u32; detect: func(n: list<u8>) -> list<u8>; }
             world greedy { import clock; export detector; }",
        ),
        more: r#"(import "tracewell:detector/clock@0.3.0" "now" (func $now (result i64)))"#,
        parameters: list,
        ..Guest::new("greedy", "(drop (call $now)) (i32.const 0)")
    };
    let whole = good.build();
    let mut spoiled = signed(&whole);
    spoiled[100] ^= 1;
    let mut large = signed(&whole);
    large.resize(COMPONENT_BYTES_MAX as usize + 1, 0);
    BTreeMap::from([
        ("version 7.0.0", signed(&later.build())),
        ("it imports", signed(&greedy.build())),
        ("no WebAssembly", signed(b"#!/bin/sh\n")),
        ("core module", signed(&good.core_module())),
        ("broken: ", signed(&whole[..whole.len() / 2])),
        ("bytes, expected at most", large),
        ("not signed", whole),
        ("signature", spoiled),
    ])
}

/// A process that starts one program after the other.
fn records() -> impl Iterator<Item = Record> {
    (0..200).map(|n| {
        let exec = n % 2 == 0;
        Record::Event(Event {
            time: EventNs((1 + n) * EventNs::SECOND),
            host: HOST,
            subject: ProcessRef { pid: 7, start: 1, uuid: None },
            op: if exec { Operation::Exec } else { Operation::Write },
            object: Object::File(FileRef::at_path(format!("/srv/{n}"))),
            detail: Detail::None,
            amount_bytes: 0,
            count: 1,
            errno: 0,
            flags: EventFlags::NONE,
        })
    })
}

/// All that the pipeline sends with the detectors of a folder, and what is loaded and refused.
fn run(folder: &Path, policy: Policy) -> (Vec<Vec<u8>>, Library, Vec<String>) {
    let settings =
        Settings { folder: Some(folder.into()), policy, bytes_max: COMPONENT_BYTES_MAX, ..Settings::default() };
    let (_loader, first) = Loader::start(settings).unwrap();
    let host = HostRecord { host: HOST, name: "host".into() };
    let mut pipeline = Pipeline::new(&host, &Parameters::default(), Box::new(MemoryHistory::default()));
    pipeline.add_detectors(Box::new(first.runner));
    let (mut agent_end, mut aggregator_end) = memory_pair();
    for record in records() {
        pipeline.record(&record, &mut agent_end).unwrap();
    }
    pipeline.finish(&mut agent_end).unwrap();
    let sent = std::iter::from_fn(|| aggregator_end.receive()).collect();
    (sent, first.library, first.refused.into_iter().map(|(_, why)| why).collect())
}

#[test]
fn beside_the_whole_hostile_set_all_else_stays_byte_for_byte() {
    let key = PrivateKey::from_seed(&[8; 32]);
    let policy = Policy { trust: Trust::Require, keys: vec![key.public()] };
    let [alone, beside] = [0; 2].map(|_| tempfile::tempdir().unwrap());
    let put =
        |folder: &Path, name: &str, file: &[u8]| fs::write(folder.join(name).with_extension("wasm"), file).unwrap();
    let sayer = Guest::saying("mm-sayer", vec![Said::high("a thing that nobody else sees", &[0])]);
    for folder in [&alone, &beside] {
        put(folder.path(), "mm-sayer", &sign(&sayer.build(), &key));
    }
    let (contained, refused) = (contained(), refused(&key));
    for guest in &contained {
        put(beside.path(), guest.id, &sign(&guest.build(), &key));
    }
    for (n, file) in refused.values().enumerate() {
        put(beside.path(), &format!("refused-{n}"), file);
    }

    let (expected, ..) = run(alone.path(), policy.clone());
    let (sent, library, why) = run(beside.path(), policy);
    assert!(
        expected.iter().any(|sent| decode(sent).unwrap().payload.class() == Class::Alert),
        "there is something to compare"
    );
    assert_eq!(sent, expected);
    assert_eq!(library.status().len(), contained.len() + 1);
    for status in library.status().iter().filter(|status| status.metadata.id != "mm-sayer") {
        let is_parked = status.metadata.id != "stateful";
        assert_eq!((status.is_parked, status.findings), (is_parked, 0), "{}", status.metadata.id);
        assert!(status.calls > 0, "{}", status.metadata.id);
    }
    assert_eq!(why.len(), refused.len(), "{why:?}");
    for word in refused.keys() {
        assert!(why.iter().any(|why| why.contains(word)), "{word:?} is not in {why:?}");
    }
}
