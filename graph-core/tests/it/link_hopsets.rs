//! Which processes end up in one hopset, and that a hopset may leave memory and come back.

use crate::sketch::Sketch;
use tracewell_graph_core::link::{Linker, Member};
use tracewell_model::Loss;
use tracewell_parameters::{LinkParameters, Parameters};

/// Makes a process a terminal on its own: it runs code without a name and enters the kernel.
fn terminal(process: &str) -> String {
    format!("{process} exec memory:{process}\n {process} module-load /lib/{process}.ko\n")
}

fn run(trace: &str) -> Sketch {
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(trace);
    sketch
}

#[track_caller]
fn check_joined(trace: &str, a: &str, b: &str, joined: bool) {
    let mut sketch = run(trace);
    let (a, b) = (sketch.hopset_of(a), sketch.hopset_of(b));
    assert!(a != 0 && b != 0, "both are terminals: {trace}");
    assert_eq!(a == b, joined, "{}", &trace[trace.len().saturating_sub(200)..]);
}

#[test]
fn a_process_below_the_threshold_is_in_no_hopset() {
    let mut sketch = run("p1 module-load /lib/m.ko");
    assert_eq!(sketch.hopset_of("p1"), 0);
    assert!(sketch.emit(Loss::default()).is_empty());
}

#[test]
fn a_rare_file_joins_what_both_touched() {
    let trace = format!("p1 write /tmp/x\n p2 read /tmp/x\n {}{}", terminal("p1"), terminal("p2"));
    check_joined(&trace, "p1", "p2", true);
    let mut sketch = run(&trace);
    assert_eq!(sketch.members("p2"), ["/tmp/x", "p1", "p2"]);
}

#[test]
fn a_parent_joins_its_children() {
    let trace = format!("p1 fork p2\n p1 fork p3\n {}{}", terminal("p2"), terminal("p3"));
    check_joined(&trace, "p2", "p3", true);
    assert_eq!(run(&trace).members("p3"), ["p1", "p2", "p3"]);
}

#[test]
fn a_library_that_everybody_maps_joins_nobody() {
    let trace =
        format!("p1 map-executable /libc.so\n p2 map-executable /libc.so\n {}{}", terminal("p1"), terminal("p2"));
    check_joined(&trace, "p1", "p2", false);
}

#[test]
fn a_file_that_everybody_reads_joins_nobody() {
    // The radius of 12 bits less two steps of one leaves room for hubs of 2^10 touches.
    let everybody: String = (100..2_000).map(|pid| format!("p{pid} read /etc/hub\n")).collect();
    let terminals = format!("p1 write /etc/hub\n p2 read /etc/hub\n {}{}", terminal("p1"), terminal("p2"));
    check_joined(&terminals, "p1", "p2", true);
    check_joined(&format!("{everybody}{terminals}"), "p1", "p2", false);
}

/// Information did not pass from one to the other.
#[test]
fn what_both_only_read_or_only_write_joins_nobody() {
    for both in ["read", "write"] {
        let trace = format!("p1 {both} /etc/rare\n p2 {both} /etc/rare\n {}{}", terminal("p1"), terminal("p2"));
        check_joined(&trace, "p1", "p2", false);
    }
    // Through who wrote it, the readers belong together.
    let trace = format!("p3 write /x\n p1 read /x\n p2 read /x\n {}{}", terminal("p1"), terminal("p2"));
    check_joined(&trace, "p1", "p2", true);
}

#[test]
fn nothing_in_common_joins_nothing() {
    check_joined(&format!("p1 read /a\n p2 read /b\n {}{}", terminal("p1"), terminal("p2")), "p1", "p2", false);
}

#[test]
fn a_later_link_joins_two_hopsets_with_all_their_members() {
    let mut sketch = run(&format!("{}p1 fork p3\n {}p2 fork p4", terminal("p1"), terminal("p2")));
    let first = sketch.hopset_of("p1");
    assert_ne!(first, sketch.hopset_of("p2"));
    sketch.run("p1 write /tmp/x\n p2 read /tmp/x\n p2 ptrace p77");
    for process in ["p1", "p2", "p3", "p4"] {
        assert_eq!(sketch.hopset_of(process), first, "{process}: the older one stays");
    }
    assert_eq!(sketch.members("p1"), ["/tmp/x", "p1", "p2", "p3", "p4"]);
}

#[test]
fn children_of_a_terminal_inherit_its_hopset() {
    let mut sketch = run(&format!("{}p1 fork p2\n p2 fork p3", terminal("p1")));
    assert_eq!(sketch.members("p3"), ["p1", "p2", "p3"]);
}

#[test]
fn children_of_a_server_do_not() {
    let mut sketch = run(&format!("{}p1 accept tcp:203.0.113.5:4000\n p1 fork p2", terminal("p1")));
    assert_eq!(sketch.hopset_of("p2"), 0);
    assert_eq!(sketch.members("p1"), ["p1"]);
}

#[test]
fn what_finds_no_place_is_counted() {
    let shipped = Parameters::default();
    let link = LinkParameters { members_max: 3, ..shipped.link };
    let mut sketch = Sketch::new(&Parameters { link, ..shipped });
    sketch.run(&format!("{}p1 fork p2\n p1 fork p3\n p1 fork p4\n p1 fork p5", terminal("p1")));
    assert_eq!(sketch.members("p1"), ["p1", "p2", "p3"]);
    let id = sketch.hopset_of("p1");
    assert_eq!(sketch.linker.hopset(&mut sketch.graph, id).unwrap().n_omitted, 2);
}

/// An attack that does one thing a day, while others keep the memory busy.
#[test]
fn a_slow_attack_still_links_up() {
    const DAY: u64 = 86_400;
    let trace = |hopsets_max: u32| {
        let shipped = Parameters::default();
        let link = LinkParameters { hopsets_max, ..shipped.link };
        let mut sketch = Sketch::new(&Parameters { link, ..shipped });
        for day in 0..5 {
            let at = 1_000 + day * DAY;
            // Each day's process reads what the one before left.
            let attacker = format!("p{}", 10 + day);
            if day > 0 {
                sketch.run(&format!("{attacker} read /drop/{} at={at}", day - 1));
            }
            sketch.run(&terminal(&attacker));
            sketch.run(&format!("{attacker} write /drop/{day}"));
            for other in 0..5 {
                sketch.run(&terminal(&format!("p{}", 100 + day * 10 + other)));
            }
        }
        sketch
    };
    let mut cramped = trace(1);
    let story = cramped.members("p10");
    assert_eq!(
        story,
        ["/drop/0", "/drop/1", "/drop/2", "/drop/3", "p10", "p11", "p12", "p13", "p14"],
        "all days are one story"
    );
    let mut roomy = trace(1_000);
    assert_eq!(roomy.members("p10"), story);
    assert_eq!(roomy.emit(Loss::default()), cramped.emit(Loss::default()), "memory decides nothing");
}

#[test]
fn the_weakest_and_oldest_leaves_first() {
    let shipped = Parameters::default();
    let link = LinkParameters { hopsets_max: 2, ..shipped.link };
    let mut sketch = Sketch::new(&Parameters { link: link.clone(), ..shipped });
    sketch.run(&format!("{}{}{}", terminal("p1"), terminal("p2"), terminal("p3")));
    // A linker that never saw them finds in the history only those that had left.
    let mut stranger = Linker::new(&link);
    let mut left = |process: &str| {
        let id = sketch.hopset_of(process);
        !stranger.hopset(&mut sketch.graph, id).unwrap().members.is_empty()
    };
    assert_eq!(["p1", "p2", "p3"].map(&mut left), [true, false, false]);
}

#[test]
fn the_strongest_reason_to_be_a_member_stands() {
    let mut sketch = run(&format!("{}p1 fork p2\n {}", terminal("p1"), terminal("p2")));
    let (id, p2) = (sketch.hopset_of("p1"), sketch.key("p2"));
    let member = sketch.linker.hopset(&mut sketch.graph, id).unwrap().members[&p2];
    assert!(matches!(member, Member::Terminal { .. }), "{member:?}");
}
