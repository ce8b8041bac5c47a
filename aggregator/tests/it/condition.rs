//! How hosts fare, as they say.

use crate::host::{Host, aggregator};
use tracewell_aggregator::{Aggregator, Condition, GAPS_MAX, Losses, Runs};
use tracewell_graph_core::fleet::{ContributionDelta, FleetView, Version};
use tracewell_graph_core::profile::{Contribution, ContributionLeaf};
use tracewell_model::{EventNs, LossCause, LossRecord};
use tracewell_wire::{Heartbeat, Inventory, LoadedDetector, Payload, view_hash};

fn condition(aggregator: &Aggregator) -> Condition {
    aggregator.hosts()[0].condition.clone()
}

#[test]
fn what_a_host_lost_is_counted_and_its_gaps_are_remembered() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    let mut lose = |time, cause, n_events| {
        let loss = LossRecord { host: host.id, time: EventNs(time), cause, n_events };
        assert_eq!(host.send(&mut aggregator, Payload::Loss(loss)), []);
        condition(&aggregator).losses
    };
    let counted = lose(9, LossCause::RingFull, 7);
    assert_eq!(counted, Losses { n_events: 7, latest: Some(EventNs(9)), ..Losses::default() });
    let gaps: Vec<_> = (0..GAPS_MAX as u64 + 1).map(|n| 10 * n).collect();
    let counted = gaps.iter().map(|&time| lose(time, LossCause::Gap, 0)).last().unwrap();
    assert_eq!((counted.n_events, counted.n_gaps), (7, gaps.len() as u64));
    assert_eq!(counted.gaps, gaps[1..].iter().map(|&time| EventNs(time)).collect::<Vec<_>>());
    // What is told late is not what was lost last.
    assert_eq!(lose(5, LossCause::Throttled, 1).latest, Some(EventNs(10 * GAPS_MAX as u64)));
}

#[test]
fn what_a_host_runs_is_known_by_what_it_said_last() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    let heartbeat = Heartbeat { time: EventNs(1), n_events: 1, readiness_permille: 870, settled: false };
    host.send(&mut aggregator, Payload::Heartbeat(heartbeat));
    assert_eq!(condition(&aggregator), Condition { readiness_permille: 870, ..Condition::default() });
    let detector = |is_parked| LoadedDetector { id: "a".into(), version: "1.0.0".into(), hash: [1; 32], is_parked };
    let first = Inventory { kernel: "5.10".into(), complaints: vec!["no".into()], ..Inventory::default() };
    let second = Inventory {
        kernel: "6.1".into(),
        tier: "better".into(),
        detectors: vec![detector(true), detector(false)],
        ..Inventory::default()
    };
    host.send(&mut aggregator, Payload::Inventory(first));
    host.send(&mut aggregator, Payload::Inventory(second));
    let runs =
        Runs { kernel: "6.1".into(), tier: "better".into(), n_detectors: 2, n_parked: 1, n_complaints: 0, view: 0 };
    assert_eq!(condition(&aggregator).runs, Some(runs));
}

/// A host that was killed before its checkpoint has not got what it was given; it says so by what is in force there.
#[test]
fn a_host_that_lost_the_fleets_view_is_given_it_again() {
    let mut aggregator = aggregator();
    let mut hosts = ["a", "b", "c", "d", "e", "f"].map(Host::new);
    let leaf = ContributionLeaf { path: vec![0, 1, 2, 3], count: 640, days: 5, first_day: 100 };
    let dictionary = ["/bin/app", "file-read", "host", "x"].map(Into::into).into();
    let contribution =
        Contribution { since_day: 100, dictionary, leaves: vec![ContributionLeaf { path: vec![2, 0, 1, 3], ..leaf }] };
    for host in &mut hosts {
        let whole = ContributionDelta::whole(Version { epoch: 1, number: 1 }, contribution.clone());
        host.send(&mut aggregator, Payload::Profile(whole));
    }
    let given = |answers: Vec<Payload>| -> Option<FleetView> {
        answers.into_iter().find_map(|answer| match answer {
            Payload::FleetView(view) => Some(view),
            _ => None,
        })
    };
    let [host, ..] = &mut hosts;
    let view = given(host.beat(&mut aggregator, 110 * EventNs::DAY, true)).expect("all vouch for it");
    let mut says = |view| {
        let inventory = Inventory { view, ..Inventory::default() };
        let again = given(host.send(&mut aggregator, Payload::Inventory(inventory)));
        let report = aggregator.hosts().into_iter().find(|report| report.host == host.id).unwrap();
        (again, report.has_given_view)
    };
    assert_eq!(says(0), (Some(view.clone()), false));
    assert_eq!(says(view_hash(&view).unwrap()), (None, true));
    assert_eq!(says(7), (Some(view), false), "it has another one");
}
