//! Each structural fact: the least that yields it, and what comes close but must not.

use crate::sketch::Sketch;
use tracewell_graph_core::structure::evidence_label;
use tracewell_model::{Finding, FindingSeverity, NodeKey, Reason};
use tracewell_parameters::{Parameters, StructureParameters};

fn parameters() -> Parameters {
    let shipped = Parameters::default();
    let structure = StructureParameters { mass_change_files: 3, collected_min_bytes: 1_000, ..shipped.structure };
    Parameters { structure, ..shipped }
}

/// Runs a trace and compares what is known of `p9`, or of another process, at its end.
#[track_caller]
fn check_of(process: &str, trace: &str, facts: &[&str]) {
    let mut sketch = Sketch::new(&parameters());
    sketch.run(trace);
    assert_eq!(sketch.facts(process), facts, "{trace}");
}

#[track_caller]
fn check(trace: &str, facts: &[&str]) {
    check_of("p9", trace, facts);
}

#[test]
fn runs_what_its_lineage_wrote() {
    let ran = ["ran /tmp/x written by p1"];
    check("p9 write /tmp/x\n p9 exec /tmp/x", &["ran /tmp/x written by p9"]);
    check("p1 write /tmp/x\n p1 fork p9\n p9 exec /tmp/x", &ran);
    check("p1 create /tmp/x\n p1 fork p9\n p9 map-executable /tmp/x", &ran);
    check("p1 rename /tmp/x to=/tmp/y\n p1 fork p2\n p2 fork p9\n p9 exec /tmp/x", &ran);
    // Siblings under one server.
    let siblings = "
        p1 accept tcp:203.0.113.5:4000
        p1 fork p2
        p1 fork p9
        p2 write /tmp/x
        p9 exec /tmp/x";
    check(siblings, &["serves for p1", "ran /tmp/x written by p2"]);
}

#[test]
fn runs_what_others_wrote_or_nobody_did() {
    check("p9 exec /bin/sh", &[]);
    check("p9 read /tmp/x\n p9 exec /tmp/x", &[]);
    check("p1 write /tmp/x\n p9 exec /tmp/x", &[]);
    check("p9 write /tmp/x errno=13\n p9 exec /tmp/x", &[]);
    check("p9 write /tmp/x\n p9 exec /tmp/x errno=13", &[]);
    // A child's work does not make its parent suspicious, nor does a sibling's without a server above both.
    check("p9 fork p1\n p1 write /tmp/x\n p9 exec /tmp/x", &[]);
    check("p1 fork p2\n p1 fork p9\n p2 write /tmp/x\n p9 exec /tmp/x", &[]);
    // Written anew by a stranger since.
    check("p9 write /tmp/x\n p1 write /tmp/x\n p9 exec /tmp/x", &[]);
}

#[test]
fn serves_network() {
    let serving = "
        p1 exec /usr/sbin/httpd
        p1 accept tcp:203.0.113.5:4000
        p1 fork p9
        p9 exec /bin/sh";
    check(serving, &["serves for p1"]);
    check(&format!("{serving}\n p9 fork p2\n p2 exec /bin/ls"), &["serves for p1"]);
    check_of("p2", &format!("{serving}\n p9 fork p2\n p2 exec /bin/ls"), &["serves for p1"]);
    // A proxy of the same machine may stand before it.
    check("p1 exec /httpd\n p1 accept tcp:127.0.0.1:4000\n p1 fork p9\n p9 exec /bin/sh", &["serves for p1"]);
    // So may one that hands requests on over a named socket, but not a client that takes no connections itself.
    let behind = "
        p2 accept unix:/run/app
        p2 exec /app
        p2 fork p9
        p9 exec /bin/sh";
    let proxy = "p1 exec /proxy\n p1 accept tcp:203.0.113.5:4000\n";
    check(&format!("{proxy} p1 connect unix:/run/app\n{behind}"), &["serves for p2"]);
    check(&format!("{proxy} p1 connect unix:/run/other\n{behind}"), &[]);
    check(&format!("{proxy} p1 fork p3\n p3 exec /client\n p3 connect unix:/run/app\n{behind}"), &[]);
    check(&format!("p1 exec /client\n p1 connect unix:/run/app\n{behind}"), &[]);
    // The server's own program in another process, a fork before the first connection.
    check("p1 exec /httpd\n p1 accept tcp:203.0.113.5:4000\n p1 fork p9\n p9 exec /httpd", &[]);
    check("p1 exec /httpd\n p1 fork p9\n p1 accept tcp:203.0.113.5:4000\n p9 exec /bin/sh", &[]);
}

#[test]
fn calls_out() {
    let shell = "
        p1 exec /httpd
        p1 accept tcp:203.0.113.5:4000
        p1 fork p9
        p9 exec /bin/sh
    ";
    let out = ["serves for p1", "calls out to tcp:198.51.100.7:80"];
    check(&format!("{shell} p9 connect tcp:198.51.100.7:80"), &out);
    // An attempt counts: nobody may have answered.
    check(&format!("{shell} p9 connect tcp:198.51.100.7:80 errno=111"), &out);
    check(
        "p9 write /x\n p9 exec /x\n p9 connect tcp:198.51.100.7:80",
        &["ran /x written by p9", "calls out to tcp:198.51.100.7:80"],
    );
    // What runs its own lineage's work may not even call a service of its own machine, nor may what it starts.
    check(
        "p9 write /x\n p9 exec /x\n p9 connect tcp:127.0.0.1:80",
        &["ran /x written by p9", "calls out to tcp:127.0.0.1:80"],
    );
    let grandchild = "p9 write /x\n p9 exec /x\n p9 fork p2\n p2 exec /bin/cat\n p2 connect tcp:127.0.0.1:80";
    check_of("p2", &format!("{shell} {grandchild}"), &["serves for p1", "calls out to tcp:127.0.0.1:80"]);
    check_of("p2", grandchild, &[]);
    let serves = ["serves for p1"];
    check(&format!("{shell} p9 connect tcp:127.0.0.1:80"), &serves);
    check(&format!("{shell} p9 connect tcp:[::1]:80"), &serves);
    check(&format!("{shell} p9 connect udp:198.51.100.7:53"), &serves);
    check("p9 exec /usr/bin/curl\n p9 connect tcp:198.51.100.7:80", &[]);
    // The server itself and its own program may call whom they like.
    check("p9 exec /httpd\n p9 accept tcp:203.0.113.5:4000\n p9 connect tcp:198.51.100.7:80", &[]);
    check("p1 exec /httpd\n p1 accept tcp:203.0.113.5:4000\n p1 fork p9\n p9 connect tcp:198.51.100.7:80", &[]);
}

#[test]
fn takes_commands_from_a_socket() {
    let led = "
        p1 exec /usr/bin/loader
        p1 connect tcp:198.51.100.7:80
        p1 fork p9
        p9 exec /bin/sh
    ";
    let socket = "tcp:198.51.100.7:80";
    check(&format!("{led} p9 read {socket}\n p9 fork p2"), &["commanded over tcp:198.51.100.7:80"]);
    check(&format!("{led} p9 receive {socket}\n p9 fork p2"), &["commanded over tcp:198.51.100.7:80"]);
    // It starts nothing; it opened the socket; it runs what opened it; the other end is this machine.
    check(&format!("{led} p9 read {socket}"), &[]);
    check(&format!("p9 exec /bin/sh\n p9 connect {socket}\n p9 read {socket}\n p9 fork p2"), &[]);
    check(&format!("p1 exec /a\n p1 connect {socket}\n p1 fork p9\n p9 read {socket}\n p9 fork p2"), &[]);
    let local = "tcp:127.0.0.1:80";
    check(&format!("p1 exec /a\n p1 connect {local}\n p1 fork p9\n p9 exec /b\n p9 read {local}\n p9 fork p2"), &[]);
    // Another program since then: what it reads is its own affair.
    check(&format!("{led} p9 read {socket}\n p9 exec /bin/ls\n p9 fork p2"), &[]);
}

#[test]
fn gains_privilege() {
    let user = "p9 is /bin/a uid=1000\n p9 exec /bin/a\n p9 read /etc/passwd";
    check(&format!("{user}\n p9 change-credentials - uid=0"), &["user 1000 became 0"]);
    // A set-user-id executable acts before the first event after exec.
    check("p9 is /bin/su uid=1000\n p9 exec /bin/su\n p9 change-credentials - uid=0", &[]);
    check(&format!("{user}\n p9 change-credentials - uid=1001"), &[]);
    check(&format!("{user}\n p9 change-credentials - uid=0 errno=1"), &[]);
    // Back to what it had been, and unknown before.
    check("p9 is /a uid=0\n p9 read /b\n p9 change-credentials - uid=5\n p9 change-credentials - uid=0", &[]);
    check("p9 exec /bin/a\n p9 read /b\n p9 change-credentials - uid=0", &[]);
}

#[test]
fn deletes_its_own_executable() {
    check("p9 exec /tmp/x\n p9 unlink /tmp/x", &["deleted its own /tmp/x"]);
    check("p9 exec /tmp/x\n p9 unlink /tmp/y", &[]);
    check("p9 exec /tmp/x\n p1 unlink /tmp/x", &[]);
    check("p9 exec /tmp/x\n p9 exec /tmp/y\n p9 unlink /tmp/x", &[]);
    check("p9 exec /tmp/x\n p9 unlink /tmp/x errno=2", &[]);
}

#[test]
fn runs_what_has_no_name() {
    check("p9 exec memory:payload", &["ran unlinked memory:payload"]);
    check("p9 map-executable memory:payload", &["ran unlinked memory:payload"]);
    check("p1 read /tmp/x\n p1 unlink /tmp/x\n p9 exec /tmp/x", &["ran unlinked /tmp/x"]);
    // Also when the file came and went with the process that runs it.
    check("p9 create /tmp/x\n p9 unlink /tmp/x\n p9 exec /tmp/x", &["ran unlinked /tmp/x"]);
    check("p1 unlink /tmp/x\n p1 create /tmp/x\n p9 exec /tmp/x", &[]);
    check("p9 read memory:payload", &[]);
}

#[test]
fn enters_another_process() {
    check("p9 ptrace p1", &["entered p1"]);
    check("p1 fork p9\n p9 ptrace p1", &["entered p1"]);
    check("p9 fork p1\n p9 ptrace p1", &[]);
    check("p9 fork p2\n p2 fork p1\n p9 ptrace p1", &[]);
    check("p9 ptrace p9", &[]);
    check("p9 ptrace p1 errno=1", &[]);
    check("p9 signal p1", &[]);
}

#[test]
fn enters_the_kernel() {
    check("p9 module-load /lib/m.ko", &["entered the kernel"]);
    check("p9 bpf-load -", &["entered the kernel"]);
    check("p9 module-load /lib/m.ko errno=1", &[]);
    check("p9 read /lib/m.ko", &[]);
}

#[test]
fn changes_many_files_of_others() {
    check("p9 write /a\n p9 write /b\n p9 write /c", &["changed 3 files"]);
    check("p9 rename /a to=/a.x\n p9 unlink /b\n p9 truncate /c", &["changed 3 files"]);
    check("p9 write /a\n p9 write /b\n p9 write /b", &[]);
    check("p9 create /a\n p9 create /b\n p9 create /c\n p9 write /a\n p9 write /b\n p9 write /c", &[]);
    check("p9 write /a at=1010\n p9 write /b at=1050\n p9 write /c at=1071", &[]);
    check("p9 write /a at=1010\n p9 write /b at=1050\n p9 write /c at=1070", &["changed 3 files"]);
}

#[test]
fn collects_and_sends() {
    let (read, send) = ("p9 read /a bytes=1000", "p9 send tcp:198.51.100.7:80 bytes=1000");
    check(&format!("{read}\n {send}"), &["sent 1000 bytes"]);
    check(&format!("{read}\n p9 send tcp:198.51.100.7:80 bytes=999"), &[]);
    check(&format!("p9 read /a bytes=999\n {send}"), &[]);
    check(&format!("{read}\n p9 send tcp:127.0.0.1:80 bytes=1000"), &[]);
    // A server does so all day, and another program begins anew.
    check(&format!("p9 accept tcp:203.0.113.5:4000\n {read}\n {send}"), &[]);
    check(&format!("{read}\n p9 exec /b\n {send}"), &[]);
}

#[test]
fn a_fact_of_one_kind_stands_once() {
    let trace = "p9 ptrace p1\n p9 ptrace p2\n p9 module-load /m.ko\n p9 bpf-load -";
    check(trace, &["entered p1", "entered the kernel"]);
}

#[test]
fn a_reused_process_begins_anew() {
    let trace = "
        p1 fork p9
        p9 write /tmp/x
        p9 exec /tmp/x
        p9 exit -
        p2 fork p9
    ";
    check(trace, &[]);
    // Without a new fork it is the same process, whatever the source says of its end.
    check(&trace.replace("p2 fork p9", "p9 read /a"), &["ran /tmp/x written by p9"]);
}

#[test]
fn rare_operations_count_from_the_minimum_on() {
    let rare = |trace: &str| {
        let mut sketch = Sketch::new(&parameters());
        sketch.run(trace);
        let key = sketch.key("p9");
        let state = sketch.graph.state(key).unwrap().unwrap().into_owned();
        let process = state.role.process().unwrap().clone();
        (process.rare.iter().map(|rare| rare.surprise.0).collect::<Vec<_>>(), sketch.structure.weight(&process).0)
    };
    assert_eq!(rare("p9 read /a surprise=5999"), (vec![], 0));
    assert_eq!(rare("p9 read /a surprise=6000"), (vec![6000], 2000));
    // The second and the third weigh a half and a quarter of what is over the discount.
    assert_eq!(
        rare("p9 read /a surprise=6000\n p9 read /b surprise=8000\n p9 read /c surprise=6000"),
        (vec![8000, 6000, 6000], 4000 + 1000 + 500)
    );
    // The same thing again weighs nothing, and all of it together is bounded.
    assert_eq!(rare("p9 read /a surprise=6000\n p1 write /a\n p9 read /a surprise=6000").1, 2000);
    assert_eq!(rare("p9 read /a surprise=24000\n p9 read /b surprise=24000").1, 8000);
}

/// A process about which the same fact is told several times, each time usual or not; whether each was evidence.
fn taken_up(told: &[(Reason, bool)]) -> (Vec<bool>, Vec<Reason>, Vec<Reason>) {
    let mut sketch = Sketch::new(&parameters());
    sketch.run("p1 fork p9");
    let key = sketch.key("p9");
    let process = sketch.graph.place(key).unwrap().unwrap();
    let mut was_evidence = Vec::new();
    for (fact, is_usual) in told {
        let taken = sketch.structure.take_up(&mut sketch.graph, process, fact.clone(), |_, _, _| Ok(*is_usual));
        was_evidence.push(taken.unwrap());
    }
    let state = sketch.graph.hot(process).role.process().unwrap();
    (was_evidence, state.facts.clone(), state.usual.clone())
}

fn calls(socket: u128) -> Reason {
    Reason::CallsOut { socket: NodeKey(socket) }
}

fn found(severity: FindingSeverity) -> Reason {
    let (detector, title) = ("d".into(), "t".into());
    Reason::Detected(Finding { severity, detector, title, reason: "".into(), techniques: vec![], nodes: vec![] }.into())
}

#[test]
fn what_is_usual_is_known_but_no_evidence_until_one_of_its_kind_is_not() {
    assert_eq!(taken_up(&[(calls(1), true)]), (vec![false], vec![], vec![calls(1)]));
    assert_eq!(taken_up(&[(calls(1), true), (calls(2), false)]), (vec![false, true], vec![calls(2)], vec![]));
    // Of each kind one: what stands as evidence is not asked about again.
    assert_eq!(taken_up(&[(calls(1), false), (calls(2), true)]), (vec![true, false], vec![calls(1)], vec![]));
    let (_, facts, usual) = taken_up(&[(calls(1), true), (Reason::EnteredKernel, true), (calls(2), true)]);
    assert_eq!((facts, usual), (vec![], vec![Reason::EnteredKernel, calls(2)]));
}

#[test]
fn a_usual_finding_is_dropped_and_a_critical_one_is_never_usual() {
    use FindingSeverity::{Critical, High, Low};
    assert_eq!(taken_up(&[(found(High), true)]), (vec![false], vec![], vec![]));
    assert_eq!(taken_up(&[(found(Critical), true)]), (vec![true], vec![found(Critical)], vec![]));
    assert_eq!(taken_up(&[(found(Low), false), (found(High), false)]), (vec![true, true], vec![found(High)], vec![]));
    assert_eq!(taken_up(&[(found(High), false), (found(Low), false)]), (vec![true, false], vec![found(High)], vec![]));
}

/// The label of a fact about `p9`, which runs `command`; the fact is told the keys of what a trace names.
fn label_of(command: &str, fact: impl FnOnce(&mut dyn FnMut(&str) -> NodeKey) -> Reason) -> String {
    let mut sketch = Sketch::new(&parameters());
    sketch.run(
        "p9 connect tcp:203.0.113.5:443
         p9 connect tcp:203.0.113.77:443
         p9 connect tcp:198.51.100.5:443
         p9 write /srv/a/one
         p9 write /srv/a/two
         p9 write /srv/b/one
         p9 fork p1",
    );
    let key = sketch.command("p9", command);
    let fact = fact(&mut |name| sketch.key(name));
    let process = sketch.graph.place(key).unwrap().unwrap();
    evidence_label(&mut sketch.graph, process, &fact).unwrap()
}

#[test]
fn evidence_is_called_the_same_where_it_recurs_and_otherwise_not() {
    let calls = |command: &str, address: &str| label_of(command, |key| Reason::CallsOut { socket: key(address) });
    let usual = calls("fetch --day 2026-11-22", "tcp:203.0.113.5:443");
    assert!(usual.starts_with("calls-out #"), "{usual}");
    assert_eq!(usual, calls("fetch --day 2026-11-23", "tcp:203.0.113.77:443"));
    assert_ne!(usual, calls("fetch --all 2026-11-22", "tcp:203.0.113.5:443"));
    assert_ne!(usual, calls("fetch --day 2026-11-22", "tcp:198.51.100.5:443"));
    assert_ne!(usual, label_of("fetch --day 2026-11-22", |_| Reason::EnteredKernel));
    // What masking would cut is taken as it is.
    let long = |end: &str| calls(&format!("sh -c {}{end}", "x".repeat(64)), "tcp:203.0.113.5:443");
    assert_ne!(long("1"), long("2"));
}

#[test]
fn a_finding_is_called_by_its_title_and_the_places_it_names_in_any_order() {
    let found = |title: &str, names: &[&str]| {
        label_of("backup", |key| {
            let nodes = names.iter().map(|name| key(name)).collect();
            let (detector, severity) = ("d".into(), FindingSeverity::High);
            let (title, reason, techniques) = (title.into(), "".into(), vec![]);
            Reason::Detected(Finding { detector, severity, title, reason, techniques, nodes }.into())
        })
    };
    let usual = found("t", &["/srv/a/one", "tcp:203.0.113.5:443"]);
    assert!(usual.starts_with("d: t #"), "{usual}");
    assert_eq!(usual, found("t", &["p9", "tcp:203.0.113.77:443", "/srv/a/two", "/srv/a/one", "p1"]));
    assert_ne!(usual, found("u", &["/srv/a/one", "tcp:203.0.113.5:443"]));
    assert_ne!(usual, found("t", &["/srv/b/one", "tcp:203.0.113.5:443"]));
    assert_ne!(usual, found("t", &["/srv/a/one", "tcp:198.51.100.5:443"]));
}
