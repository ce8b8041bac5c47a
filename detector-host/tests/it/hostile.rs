//! Detectors that do what they should not: each costs its own call, with the reason, and nobody else's.

use crate::guest::{Guest, Said};
use crate::scene::execution;
use tracewell_detector_host::{Library, Status};
use tracewell_graph_core::neighbourhood::{Detectors, Glimpse};
use tracewell_model::{EventNs, Operation};

/// Where memory begins that nothing is written to: text of its own kind.
const ZEROES: u32 = 8 * 65536;
const SECOND: u64 = EventNs::SECOND;

/// The guest and a well-behaved one side by side: what became of the guest, and whether the other found what it finds.
fn beside_another(guest: &Guest) -> (Status, bool) {
    let mut library = Library::new().unwrap();
    library.load(&guest.build()).unwrap();
    library.load(&Guest::saying("zz-good", vec![Said::high("found", &[0])]).build()).unwrap();
    let mut runner = library.runner();
    let mut called = Vec::new();
    runner.triggered(Operation::Exec, &Glimpse::default(), &mut called);
    assert_eq!(called, [0, 1]);
    let seen = execution(SECOND);
    let _ = runner.detect(0, &seen);
    let other = runner.detect(1, &seen);
    (library.status().swap_remove(0), other.len() == 1 && &*other[0].title == "found")
}

/// The guest fails with this reason, and the other one still finds what it finds.
fn fails(guest: &Guest, why: &str) {
    let (status, other_is_well) = beside_another(guest);
    assert_eq!((status.calls, status.findings, status.failures), (1, 0, 1), "{}", guest.id);
    let told = status.last_failure.unwrap();
    assert!(told.contains(why), "{}: {told:?}, expected {why:?}", guest.id);
    assert!(other_is_well, "{}", guest.id);
}

#[test]
fn an_endless_loop_uses_up_its_steps() {
    fails(&Guest::new("endless", "(loop $on (br $on)) (i32.const 0)"), "used up its 10000000 steps");
}

#[test]
fn an_allocation_bomb_is_refused_memory() {
    let bomb = "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) unreachable";
    fails(&Guest::new("bomb", bomb), "more than 16 MiB of memory");
}

#[test]
fn a_recursion_without_end_uses_up_its_stack() {
    let mut guest = Guest::new("recursion", "(drop (call $deeper (i32.const 1))) (i32.const 0)");
    guest.more = "(func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))";
    fails(&guest, "recursion without end");
}

#[test]
fn a_panic_is_told() {
    fails(&Guest::new("panic", "unreachable"), "it panicked");
}

#[test]
fn reading_beyond_its_memory_traps() {
    fails(&Guest::new("beyond", "(i32.load (i32.const -8))"), "out of bounds memory access");
}

#[test]
fn a_huge_output_is_not_taken_over() {
    let mut said = Said::high("x", &[0]);
    said.title_at = Some((ZEROES, 5 << 20));
    fails(&Guest { memory_pages: 100, ..Guest::saying("huge-text", vec![said]) }, "returned more than 256 KiB");
}

#[test]
fn findings_that_share_one_text_are_counted_each() {
    let said = || Said { title_at: Some((ZEROES, 100_000)), ..Said::high("x", &[0]) };
    let findings = (0..8).map(|_| said()).collect();
    fails(&Guest { memory_pages: 10, ..Guest::saying("huge-list", findings) }, "returned more than 256 KiB");
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let said = Said { title: vec![b'a', 0xff, 0xfe], ..Said::high("", &[0]) };
    fails(&Guest::saying("not-utf8", vec![said]), "cannot be read");
}

#[test]
fn a_finding_about_a_node_that_is_not_there_is_refused() {
    fails(&Guest::saying("elsewhere", vec![Said::high("x", &[0, 99])]), "names node 99, there are 2");
}

#[test]
fn findings_without_form_are_refused() {
    let long = "x".repeat(121);
    let cases = [
        ("long-title", vec![Said::high(&long, &[0])], "a title of 121 bytes, expected at most 120"),
        ("no-title", vec![Said::high("", &[0])], "a finding without a title"),
        ("no-node", vec![Said::high("x", &[])], "about 0 nodes, expected 1 to 32"),
        ("many", (0..9).map(|_| Said::high("x", &[0])).collect(), "9 findings, expected at most 8"),
        ("severity", vec![Said { severity: 9, ..Said::high("x", &[0]) }], "cannot be read"),
    ];
    for (id, findings, why) in cases {
        fails(&Guest::saying(id, findings), why);
    }
}

#[test]
fn nothing_is_remembered_from_call_to_call() {
    // Finds something from its second call on, if it is the same instance.
    let body = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (select (i32.const 16) (i32.const 8) (i32.gt_u (global.get $calls) (i32.const 1)))";
    let mut guest = Guest::saying("stateful", vec![Said::high("remembered", &[0])]);
    (guest.detect, guest.more) = (body.into(), "(global $calls (mut i32) (i32.const 0))");
    let mut library = Library::new().unwrap();
    library.load(&guest.build()).unwrap();
    let mut runner = library.runner();
    for _ in 0..10 {
        assert_eq!(runner.detect(0, &execution(SECOND)), []);
    }
    assert_eq!(library.status()[0].failures, 0);
}

#[test]
fn a_detector_that_keeps_failing_is_parked_and_can_be_resumed() {
    let mut library = Library::new().unwrap();
    library.load(&Guest::new("failing", "unreachable").build()).unwrap();
    let mut runner = library.runner();
    let is_called = |runner: &mut tracewell_detector_host::Runner| {
        let mut called = Vec::new();
        runner.triggered(Operation::Exec, &Glimpse::default(), &mut called);
        !called.is_empty()
    };
    for n in 1..=5 {
        assert!(is_called(&mut runner), "after {n} calls");
        runner.detect(0, &execution(n * SECOND));
    }
    assert!(!is_called(&mut runner) && library.status()[0].is_parked);
    assert!(!runner.resume("another") && runner.resume("failing"));
    assert!(is_called(&mut runner) && !library.status()[0].is_parked);
}

#[test]
fn a_finding_tells_what_the_detector_said() {
    let mut library = Library::new().unwrap();
    library
        .load(&Guest::saying("teller", vec![Said::high("a title", &[1, 0]), Said::high("none", &[0])]).build())
        .unwrap();
    let seen = execution(SECOND);
    let found = library.runner().detect(0, &seen);
    assert_eq!(found.len(), 2);
    let told = (&*found[0].detector, &*found[0].title, found[0].severity.name(), &*found[0].techniques[0]);
    assert_eq!(told, ("teller", "a title", "high", "T1059"));
    assert_eq!(found[0].nodes, [seen.nodes[1].key, seen.nodes[0].key]);
}
