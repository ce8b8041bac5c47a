//! Stories in words.

use crate::sketch::{Sketch, intrusion, key, oddity};
use insta::assert_snapshot;
use tracewell_alert_scorer::{Context, Features, Score, words};
use tracewell_model::{FileKind, Millibits, NodeAttrs, NodeRole, Operation, ProcessRef, Reason};
use tracewell_parameters::Parameters;

#[test]
fn titles() {
    assert_snapshot!(words::title(&[&intrusion().0]), @"dropper, started under the network server httpd, ran payload, a file it had written itself; it took commands from 203.0.113.7:443; it went from user 33 to user 0; it connected to 203.0.113.7:443; and one fact more");
    assert_snapshot!(words::title(&[&oddity().0]), @"updater wrote /var/lib/x, which is unusual");
    assert_snapshot!(words::title(&[&Sketch::new().0]), @"nothing stands out");
    assert_snapshot!(words::title(&[&Sketch::new().process(1, "/bin/a", NodeRole::Terminal, &[]).0]), @"a stands out");
    let two = Sketch::new()
        .process(1, "/opt/a", NodeRole::Terminal, &[Reason::EnteredProcess { target: key(2) }, Reason::EnteredKernel])
        .process(2, "/opt/b", NodeRole::Terminal, &[Reason::CollectedAndSent { bytes: 70_000 }]);
    assert_snapshot!(words::title(&[&two.0]), @"a reached into b; it loaded code into the kernel; b read much and sent 70 kB to other machines");
}

#[test]
fn every_reason_in_words() {
    let sketch = Sketch::new()
        .process(1, "/usr/sbin/server", NodeRole::Connector, &[])
        .file(2, "/tmp/f")
        .socket(3, "203.0.113.7:443");
    let graphs = [&sketch.0];
    let names = words::Names::of(&graphs);
    let reasons = [
        Reason::RareOperation { surprise: Millibits(12_300), op: Operation::Write, what: "/var/lib/*".into() },
        Reason::RareChild { surprise: Millibits(9_000), what: "/bin/x".into() },
        Reason::RanOwnWrite { file: key(2), writer: key(1) },
        Reason::ServesNetwork { server: key(1) },
        Reason::CallsOut { socket: key(3) },
        Reason::CommandsFromSocket { socket: key(3) },
        Reason::GainedPrivilege { from_uid: 33, to_uid: 0 },
        Reason::DeletedOwnExecutable { file: key(2) },
        Reason::RanUnlinked { file: key(99) },
        Reason::EnteredProcess { target: key(1) },
        Reason::EnteredKernel,
        Reason::MassChange { n_files: 900 },
        Reason::CollectedAndSent { bytes: 70_000 },
        Reason::Connects,
        Reason::DescendsFrom { ancestor: key(1) },
        Reason::Started { descendant: key(1) },
        Reason::TouchedBy { process: key(1) },
    ];
    let lines: Vec<_> = reasons.iter().map(|reason| names.reason(reason)).collect();
    assert_snapshot!(lines.join("\n"), @r"
    wrote /var/lib/*, which is unusual (12.3 bits)
    was started by a parent that does not start /bin/x (9.0 bits)
    ran /tmp/f, which server had written
    descends from server, which takes connections
    connected to 203.0.113.7:443
    took commands from 203.0.113.7:443
    went from user 33 to user 0
    deleted its own executable /tmp/f
    ran code without a file name (something not shown)
    reached into server
    loaded code into the kernel
    changed 900 files of others in a short time
    read much and sent 70 kB to other machines
    lies between the processes that stand out
    was started by server, which stands out
    started server, which stands out
    was touched by server
    ");
}

/// Said in the order of who did what, also where information flows the other way.
#[test]
fn edges_in_words() {
    let sketch = intrusion();
    let graphs = [&sketch.0];
    let names = words::Names::of(&graphs);
    let lines: Vec<_> = sketch.0.edges.keys().map(|key| names.edge(key)).collect();
    assert_snapshot!(lines.join("\n"), @r"
    httpd forked dropper
    dropper connected to 203.0.113.7:443
    dropper executed /tmp/payload
    ");
    for op in Operation::ALL {
        let edge = tracewell_model::EdgeKey { from: key(2), to: key(3), op };
        assert!(names.edge(&edge).starts_with(if op.flows_inward() { "/tmp/payload " } else { "dropper " }), "{op:?}");
    }
}

#[test]
fn names_are_fit_for_a_screen() {
    let mut sketch =
        Sketch::new().process(7, "", NodeRole::Terminal, &[]).process(8, "/a/b\u{1b}[2J/c\n", NodeRole::Terminal, &[]);
    let long = "x".repeat(500);
    sketch = sketch.process(9, &long, NodeRole::Terminal, &[]);
    let label = |n| words::short_label(&sketch.0.nodes[&key(n)]);
    assert_eq!(label(7), "process 7");
    assert_eq!(label(8), "c\u{fffd}");
    assert_eq!(label(9).chars().count(), 81);

    let mut node = sketch.0.nodes[&key(7)].clone();
    let process = ProcessRef { pid: 5, start: 0, uuid: None };
    let cmdline = Some("/bin/tool --flag".into());
    node.attrs = NodeAttrs::Process { process, exe: None, cmdline, uid: None, container: None, environment: None };
    assert_eq!((words::short_label(&node), words::label(&node)), ("tool".to_owned(), "/bin/tool --flag".to_owned()));
    node.attrs = NodeAttrs::File { uuid: None, path: None, kind: FileKind::Memory };
    assert_eq!(words::short_label(&node), "a file in memory");
}

#[test]
fn an_explanation_reads_as_a_list() {
    let score = Score::of(&Features::of(&[&intrusion().0], Context::default()), &Parameters::default().score);
    let lines: Vec<_> = score.contributions.iter().map(|part| format!("{:>6} {}", part.points, part.words)).collect();
    assert_snapshot!(format!("{} {}\n{}", score.points, score.severity, lines.join("\n")), @r"
    87651 critical
     16453 became another user without a set-user-id program
     16449 took its commands from a socket
     14099 deleted the file it runs from
     14099 ran a file that its own lineage had written
     11749 called out from below a network server
      9399 initial access, execution, privilege escalation, defense evasion, command and control in the order of an intrusion
      4699 descends from a process that takes connections
       704 called another machine
    ");
}
