use crate::support::shared;
use proptest::prelude::*;
use std::path::Path;
use tracewell_datasets::truth::{Attack, LabelFormat, NodePattern, Truth, TruthError, Window, convert};
use tracewell_model::{EventNs, NodeKind, Uuid};

const DOCUMENT: &str = include_str!("../../../docs/truth-format.md");

fn example() -> &'static str {
    DOCUMENT.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the document has an example")
}

#[test]
fn the_example_of_the_document_can_be_read() {
    let truth = Truth::from_json(example().as_bytes(), "example").expect("the example is good");
    assert_eq!(truth.label_kinds, [NodeKind::Process, NodeKind::Socket]);
    // Those of the step are among them.
    assert_eq!((truth.attacks.len(), truth.attacks[0].nodes.len(), truth.ignored.len()), (1, 4, 1));
    let step = &truth.attacks[0].steps[0];
    assert_eq!((step.techniques.len(), step.nodes.len()), (2, 1));
    assert!(truth.attacks[0].nodes.contains(&step.nodes[0]));
    let window = truth.attacks[0].windows[0];
    assert_eq!(window.from, EventNs(1_714_554_000_000_000_000));
    assert_eq!(window.to.since(window.from), 21 * 60 * EventNs::SECOND - 1);
}

#[test]
fn writing_and_reading_give_the_same_truth() {
    let truth = Truth::from_json(example().as_bytes(), "example").expect("the example is good");
    let mut text = Vec::new();
    truth.write(&mut text).expect("memory takes everything");
    assert_eq!(Truth::from_json(&text, "written").expect("what was written is good"), truth);
}

#[test]
fn times_may_be_nanoseconds() {
    let text = example().replace("\"2024-05-01T09:00:00Z\"", "1714554000000000000");
    let truth = Truth::from_json(text.as_bytes(), "example").expect("the example is good");
    assert_eq!(truth.attacks[0].windows[0].from, EventNs(1_714_554_000_000_000_000));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (from, to, problem) in [
        ("\"label_set\": \"example\"", "\"label_set\": \"\"", "label_set is empty"),
        ("[\"process\", \"socket\"]", "[]", "label_kinds is empty"),
        ("[\"process\", \"socket\"]", "[\"process\"]", "labels a socket, which label_kinds leaves out"),
        ("[\"process\", \"socket\"]", "[\"ghost\"]", "`ghost`"),
        ("\"label_set\"", "\"labels\"", "`labels`"),
        ("\"2024-05-01T09:00:00Z\"", "\"yesterday\"", "RFC 3339"),
        ("\"2024-05-01T09:00:00Z\"", "\"2024-05-02T09:00:00Z\"", "window from"),
        ("\"session-1\"", "\"\"", "empty or used twice"),
        ("\"remote\": \"192.0.2.7:443\"", "\"remote\": \"nowhere\"", "no address"),
        ("\"remote\": \"192.0.2.7:443\"", "\"pid\": 4", "which only a process has"),
        (", \"remote\": \"192.0.2.7:443\"", "", "would match every socket"),
        ("\"T1190\"", "\"T119\"", "no technique"),
        ("the dropper is put on the host", "", "step without name"),
        ("\"local\": \"192.0.2.1:80\"", "\"local\": \"port 80\"", "no address"),
        ("*dropper", "*", "would match everything"),
        ("00000000-0000-0000-0000-00000000000a", "7", "32 hex digits"),
    ] {
        let text = example().replacen(from, to, 1);
        assert_ne!(text, example(), "{from} is in the example");
        let error = Truth::from_json(text.as_bytes(), "t.json").expect_err(problem).to_string();
        assert!(error.contains(problem) && error.contains("t.json"), "{from} to {to}: {error}");
    }
}

#[test]
fn a_missing_file_is_said() {
    let error = Truth::open(Path::new("nowhere.json")).expect_err("nothing is there").to_string();
    assert!(error.contains("cannot open nowhere.json"), "{error}");
}

fn converted(format: LabelFormat, name: &str, text: &str) -> Result<Truth, TruthError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file");
    convert(format, &path)
}

const SESSIONS: &str = r#"{
    "sessions_utc": ["2020-02-29 23:59:58-23:59:59", "2020-03-01 00:00:01-00:00:02"],
    "processes": [
        {"uuid": "00000000-0000-0000-0000-000000000001", "first_ns": 1583020798000000000},
        {"uuid": "00000000-0000-0000-0000-000000000002", "first_ns": 1583020799999999999},
        {"uuid": "00000000-0000-0000-0000-000000000003", "first_ns": 1583020801000000000}
    ],
    "exploited_parents_mixed_behaviour": [{"uuid": "00000000-0000-0000-0000-000000000009", "pid": 9}]
}"#;

#[test]
fn sessions_become_attacks_with_the_processes_that_begin_in_them() {
    let truth = converted(LabelFormat::E1Processes, "labels.json", SESSIONS).expect("the labels are good");
    let nodes =
        |attack: &Attack| attack.nodes.iter().filter_map(|node| node.uuid).map(|uuid| uuid.0).collect::<Vec<_>>();
    assert_eq!(truth.attacks.iter().map(nodes).collect::<Vec<_>>(), [vec![1, 2], vec![3]]);
    assert_eq!(truth.ignored.iter().map(|node| node.uuid).collect::<Vec<_>>(), [Some(Uuid(9))]);
    let window = Window { from: EventNs(1_583_020_798_000_000_000), to: EventNs(1_583_020_799_999_999_999) };
    assert_eq!(truth.attacks[0].windows, [window]);
}

#[test]
fn a_process_outside_all_sessions_is_an_error() {
    let text = SESSIONS.replace("1583020801000000000", "1583020800000000000");
    let error = converted(LabelFormat::E1Processes, "labels.json", &text).expect_err("no session has it").to_string();
    assert!(error.contains("lies in no session") && error.contains("labels.json"), "{error}");
}

#[test]
fn captain_patterns_become_paths_and_ends_of_paths() {
    let text = r#"{"dataset_name": "X", "attacks": [{"name": "A", "start_timestamp": 1, "end_timestamp": 2,
        "entities": {"process": [".*tool"], "file": ["/tmp/a.so"], "ip": ["192.0.2.1"]}}]}"#;
    let truth = converted(LabelFormat::Captain, "gt.json", text).expect("the labels are good");
    let shown: Vec<String> = truth.attacks[0]
        .nodes
        .iter()
        .map(|node| {
            node.path
                .as_ref()
                .map(ToString::to_string)
                .or(node.remote.map(|remote| remote.to_string()))
                .unwrap_or_default()
        })
        .collect();
    assert_eq!(shown, ["*tool", "/tmp/a.so", "192.0.2.1"]);
    for regex in ["/tmp/(a|b)", ".*", "^/tmp", "/tmp/[ab]"] {
        let error = converted(LabelFormat::Captain, "gt.json", &text.replace(".*tool", regex));
        let error = error.expect_err("not a plain path").to_string();
        assert!(error.contains("expected a plain path"), "{regex}: {error}");
    }
}

#[test]
fn node_lists_become_attacks_without_times() {
    let text = "00000000-0000-0000-0000-00000000000A,{'subject': 'None x'},1\n00000000-0000-0000-0000-00000000000B,{'file': 'y'},2\n";
    let truth = converted(LabelFormat::NodeList, "node_Big_Attack.csv", text).expect("the list is good");
    assert_eq!(truth.label_kinds, [NodeKind::Process, NodeKind::File]);
    let attack = &truth.attacks[0];
    assert_eq!((attack.id.as_str(), attack.name.as_str()), ("Big_Attack", "Big Attack"));
    assert!(attack.overlaps(EventNs(0), EventNs(0)) && attack.windows.is_empty());
    let expected = NodePattern { uuid: Some(Uuid(11)), ..NodePattern::any(NodeKind::File) };
    assert_eq!(attack.nodes[1], expected);
    let error = converted(LabelFormat::NodeList, "node_x.csv", "what\n").expect_err("no list").to_string();
    assert!(error.contains("line 1") && error.contains("no comma"), "{error}");
}

#[test]
fn windows_include_both_ends() {
    let windows = vec![Window { from: EventNs(10), to: EventNs(20) }];
    let attack = Attack { id: String::new(), name: String::new(), windows, nodes: Vec::new(), steps: Vec::new() };
    for (first, last, expected) in [(0, 9, false), (0, 10, true), (15, 15, true), (20, 30, true), (21, 30, false)] {
        assert_eq!(attack.overlaps(EventNs(first), EventNs(last)), expected, "{first} to {last}");
    }
}

#[test]
fn the_shared_labels_convert() {
    let counts = |format, path: &str| -> Option<Vec<usize>> {
        let truth = convert(format, &shared(path)?).expect("the shared labels are good");
        Some(truth.attacks.iter().map(|attack| attack.nodes.len()).collect())
    };
    if let Some(sessions) = counts(LabelFormat::E1Processes, "darpa-tc-e1-cadets/attack-processes.json") {
        assert_eq!(sessions, [2, 4, 4]);
    }
    let readable = "captain-e3-cadets/ground-truth/human_readable_gt";
    for (name, n_attacks) in [("e3_cadets_gt.json", 7), ("e3_theia_gt.json", 4), ("e3_trace_gt.json", 3)] {
        if let Some(attacks) = counts(LabelFormat::Captain, &format!("{readable}/{name}")) {
            assert_eq!(attacks.len(), n_attacks, "{name}");
        }
    }
    if let Some(attacks) = counts(LabelFormat::NodeList, "ground-truth-nodes/orthrus/E3-CADETS") {
        assert_eq!(attacks.len(), 2);
    }
}

proptest! {
    #[test]
    fn any_time_is_written_so_that_it_reads_back(from: u64, length: u64) {
        let mut truth = Truth::from_json(example().as_bytes(), "example").expect("the example is good");
        truth.attacks[0].windows = vec![Window { from: EventNs(from), to: EventNs(from.saturating_add(length)) }];
        let mut text = Vec::new();
        truth.write(&mut text).expect("memory takes everything");
        prop_assert_eq!(Truth::from_json(&text, "written").expect("what was written is good"), truth);
    }
}
