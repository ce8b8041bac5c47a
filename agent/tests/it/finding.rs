//! What was found beside events enters the stream as a record, and becomes what a detector's finding is.

use proptest::prelude::*;
use tracewell_agent::Pipeline;
use tracewell_graph_core::history::MemoryHistory;
use tracewell_model::{
    AlertGraph, Event, EventNs, FileRef, Finding, FindingRecord, FindingSeverity, HostId, HostRecord, Inode, NodeAttrs,
    Object, Operation, ProcessRef, Reason, Record,
};
use tracewell_parameters::Parameters;
use tracewell_wire::{MemoryEnd, Payload, Transport, decode, memory_pair};

const HOST: HostId = HostId(9);
const START: EventNs = EventNs(1_700_000_000 * EventNs::SECOND);

fn process(pid: u32) -> ProcessRef {
    ProcessRef { pid, start: 1, uuid: None }
}

fn file() -> FileRef {
    FileRef { inode: Some(Inode { dev: 1, ino: 7, generation: 0 }), ..FileRef::at_path("/tmp/dropped") }
}

fn executed() -> Record {
    Record::Event(Event::new(START, HOST, process(2), Operation::Exec, Object::File(file())))
}

fn found() -> FindingRecord {
    FindingRecord {
        host: HOST,
        time: START.after(EventNs::SECOND),
        process: process(2),
        object: Object::File(file()),
        detector: "yara".into(),
        severity: FindingSeverity::High,
        title: "dropper: drops".into(),
        reason: "/tmp/dropped was executed".into(),
        techniques: vec!["T1105".into()],
    }
}

fn pipeline() -> Pipeline {
    let host = HostRecord { host: HOST, name: "found".into() };
    Pipeline::new(&host, &Parameters::default(), Box::new(MemoryHistory::default()))
}

fn alerts(end: &mut MemoryEnd) -> Vec<AlertGraph> {
    let frames = std::iter::from_fn(|| end.receive());
    let alerts = frames.filter_map(|frame| match decode(&frame).unwrap().payload {
        Payload::Alert(update) => Some(update.graph),
        _ => None,
    });
    alerts.collect()
}

fn run(records: &[Record]) -> Vec<AlertGraph> {
    let (mut end, mut other_end) = memory_pair();
    let mut pipeline = pipeline();
    // One record alone does not make it believe that it is so late.
    (0..3).for_each(|_| pipeline.record(&Record::Tick { host: HOST, time: START }, &mut end).unwrap());
    records.iter().for_each(|record| pipeline.record(record, &mut end).unwrap());
    pipeline.finish(&mut end).unwrap();
    alerts(&mut other_end)
}

fn findings(alert: &AlertGraph) -> Vec<Finding> {
    let reasons = alert.nodes.values().flat_map(|node| &node.reasons);
    let found = reasons.filter_map(|reason| match reason {
        Reason::Detected(finding) => Some((**finding).clone()),
        _ => None,
    });
    found.collect()
}

#[test]
fn it_is_an_alert_about_the_process_and_what_it_was_found_in() {
    let alerts = run(&[executed(), Record::Finding(found())]);
    let [alert] = &alerts[..] else { panic!("{alerts:?}") };
    let nodes = vec![process(2).key(HOST), file().key(HOST)];
    let expected = Finding {
        detector: "yara".into(),
        severity: FindingSeverity::High,
        title: "dropper: drops".into(),
        reason: "/tmp/dropped was executed".into(),
        techniques: vec!["T1105".into()],
        nodes,
    };
    assert_eq!(findings(alert), [expected]);
    let path = |attrs: &NodeAttrs| match attrs {
        NodeAttrs::File { path, .. } => path.clone(),
        _ => None,
    };
    assert!(alert.nodes.values().any(|node| path(&node.attrs).as_deref() == Some("/tmp/dropped")), "{alert:?}");
}

#[test]
fn what_says_nothing_changes_nothing() {
    let silent = FindingRecord { severity: FindingSeverity::None, ..found() };
    let of_nobody = FindingRecord { process: process(77), ..found() };
    assert_eq!(run(&[executed(), Record::Finding(silent), Record::Finding(of_nobody)]), []);
    let low = FindingRecord { severity: FindingSeverity::Low, ..found() };
    assert_eq!(run(&[executed(), Record::Finding(low)]), [], "alone it is nothing");
}

#[test]
fn one_that_waits_for_its_time_outlasts_the_agent() {
    let (mut end, mut other_end) = memory_pair();
    let mut first = pipeline();
    (0..3).for_each(|_| first.record(&Record::Tick { host: HOST, time: START }, &mut end).unwrap());
    first.record(&executed(), &mut end).unwrap();
    // Too late to be believed at once.
    let later = FindingRecord { time: START.after(3600 * EventNs::SECOND), ..found() };
    first.record(&Record::Finding(later), &mut end).unwrap();
    let mut saved = Vec::new();
    first.save(&mut saved).unwrap();
    let mut second = pipeline();
    second.restore(&mut saved.as_slice()).unwrap();
    second.finish(&mut end).unwrap();
    let alerts = alerts(&mut other_end);
    assert_eq!(alerts.iter().flat_map(findings).count(), 1, "{alerts:?}");
}

proptest! {
    /// A recording may say anything.
    #[test]
    fn any_finding_is_cut_to_what_is_taken(
        texts in prop::collection::vec("[a-zé€]{0,1500}", 3),
        techniques in prop::collection::vec("[T0-9.é]{0,20}", 0..100),
    ) {
        let [detector, title, reason] = [0, 1, 2].map(|n: usize| texts[n].as_str().into());
        let techniques = techniques.iter().map(|technique| technique.as_str().into()).collect();
        let any = FindingRecord { detector, title, reason, techniques, ..found() };
        let alerts = run(&[executed(), Record::Finding(any)]);
        prop_assert_eq!(alerts.len(), 1);
        for finding in findings(&alerts[0]) {
            prop_assert!(finding.detector.len() <= 64 && finding.title.len() <= 120 && finding.reason.len() <= 1000);
            prop_assert!(finding.techniques.len() <= 16);
        }
    }
}
