//! The same story is one incident however often it is told, and what rises is never hidden by what it is like.

use crate::host::{HOUR, Host, aggregator, graph, incidents_of, intrusion, key, with_edge, with_file, with_process};
use tracewell_alert_scorer::Severity;
use tracewell_model::{AlertGraph, EventNs, NodeRole, Operation, Reason};

#[test]
fn a_story_told_three_times_is_one_incident() {
    let incidents = incidents_of((1..=3).map(|id| intrusion(id, id * HOUR, "/bin/a")));
    let [incident] = &incidents.shown[..] else { panic!("{} incidents", incidents.shown.len()) };
    assert_eq!((incident.repeats, incident.members.len()), (3, 3));
    assert_eq!((incident.first, incident.last), (EventNs(HOUR), EventNs(3 * HOUR + EventNs::SECOND)));
    assert_eq!((incidents.counters.alarms_raw, incidents.counters.alarms_after_fold), (3, 1));
    assert_eq!(incidents.counters.incidents_shown, 1);
}

#[test]
fn the_same_story_on_two_hosts_is_one_incident_that_names_both() {
    let (mut aggregator, mut a, mut b) = (aggregator(), Host::new("a"), Host::new("b"));
    a.alert(&mut aggregator, intrusion(1, HOUR, "/bin/a"));
    b.alert(&mut aggregator, intrusion(2, 2 * HOUR, "/bin/a"));
    let incidents = aggregator.incidents().unwrap();
    assert_eq!(incidents.shown.len(), 1);
    assert_eq!(incidents.shown[0].hosts, [a.id, b.id].into());
    let spread = incidents.shown[0].explanation.iter().any(|part| part.words == "new on 2 hosts within a day");
    assert!(spread, "{:?}", incidents.shown[0].explanation);
}

#[test]
fn another_program_is_another_incident() {
    let incidents = incidents_of([intrusion(1, HOUR, "/bin/a"), intrusion(2, HOUR, "/bin/b")]);
    assert_eq!(incidents.shown.len(), 2);
}

/// A story over ten files.
fn wide(id: u64, first: u64, exe: &str) -> AlertGraph {
    (10..20).fold(intrusion(id, first, exe), |graph, n| {
        let graph = with_file(graph, key(id, n), &format!("/srv/{n}"));
        with_edge(graph, key(id, n), Operation::Read, key(id, 1))
    })
}

#[test]
fn nearly_the_same_story_folds() {
    let more = with_file(wide(2, 2 * HOUR, "/bin/a"), key(2, 30), "/srv/new");
    let more = with_edge(more, key(2, 30), Operation::Read, key(2, 1));
    let incidents = incidents_of([wide(1, HOUR, "/bin/a"), more]);
    assert_eq!((incidents.shown.len(), incidents.shown[0].repeats), (1, 2));
}

/// Alike in most of what it touched, and worse in what it did: a terminal more, with other facts.
#[test]
fn a_rise_in_severity_is_an_incident_of_its_own() {
    let reasons = [Reason::EnteredKernel, Reason::MassChange { n_files: 900 }, Reason::CollectedAndSent { bytes: 9 }];
    let files = 20..60;
    let big = |id, first| {
        files.clone().fold(wide(id, first, "/bin/a"), |graph, n| {
            let graph = with_file(graph, key(id, n), &format!("/srv/{n}"));
            with_edge(graph, key(id, n), Operation::Read, key(id, 1))
        })
    };
    let worse = with_process(big(2, 2 * HOUR), key(2, 3), "/bin/b", NodeRole::Terminal, &reasons);
    let incidents = incidents_of([big(1, HOUR), worse]);
    assert_eq!(incidents.shown.len(), 2);
    assert_eq!(incidents.shown[0].severity, Severity::Critical);
    assert!(incidents.shown[1].severity < Severity::Critical);
    // The other way round nothing rises, and the lesser one is a repeat.
    let worse = with_process(big(1, HOUR), key(1, 3), "/bin/b", NodeRole::Terminal, &reasons);
    let incidents = incidents_of([worse, big(2, 2 * HOUR)]);
    assert_eq!((incidents.shown.len(), incidents.shown[0].severity), (1, Severity::Critical));
}

#[test]
fn the_list_is_best_first_and_titles_come_from_the_graph() {
    let mut weak = graph(2, HOUR);
    weak = with_process(
        weak,
        key(2, 1),
        "/opt/weak",
        NodeRole::Terminal,
        &[Reason::EnteredProcess { target: key(2, 1) }, Reason::EnteredKernel],
    );
    let incidents = incidents_of([weak, intrusion(1, 2 * HOUR, "/opt/strong")]);
    let titles: Vec<_> = incidents.shown.iter().map(|incident| &*incident.title).collect();
    insta::assert_snapshot!(titles.join("\n"), @r"
    strong ran payload, a file it had written itself; it went from user 33 to user 0; it deleted its own executable
    weak reached into weak; it loaded code into the kernel
    ");
    assert!(incidents.shown[0].score > incidents.shown[1].score);
    let points: u32 = incidents.shown[0].explanation.iter().map(|part| part.points).sum();
    assert_eq!(points, incidents.shown[0].score);
}
