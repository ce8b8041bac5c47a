//! What each step of the aggregator leaves adds up to what is shown.

use crate::host::{HOUR, Host, aggregator, alarm, graph, intrusion, key, oddity, with_process};
use std::collections::BTreeMap;
use tracewell_aggregator::Counters;
use tracewell_model::{EventNs, HostId, NodeRole, Reason};

#[test]
fn every_step_is_counted() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    let kernel = Reason::EnteredKernel;
    // Two graphs of one process are one story.
    let same = with_process(graph(2, HOUR), key(1, 1), "/bin/a", NodeRole::Terminal, std::slice::from_ref(&kernel));
    let joined = [intrusion(1, HOUR, "/bin/a"), same];
    // One story told twice, and too weak to be shown.
    let repeated = [oddity(3, HOUR, "/bin/o"), oddity(4, 2 * HOUR, "/bin/o")];
    // More than a day has places for.
    let flood = (0..40).map(|i| alarm(1000 + i, i * EventNs::SECOND, &format!("/bin/{i}"), kernel.clone()));
    for graph in joined.into_iter().chain(repeated).chain(flood) {
        host.alert(&mut aggregator, graph);
    }
    aggregator.set_silent(BTreeMap::from([(HostId::from_name("gone"), EventNs(HOUR))]));

    let incidents = aggregator.incidents().unwrap();
    let expected = Counters {
        alarms_raw: 44,
        stories: 43,
        alarms_after_fold: 42,
        reached_least_score: 41,
        overflowed: 37,
        notices: 1,
        // The intrusion, three of the flood, the rest as one, and the silent host.
        incidents_shown: 6,
        ..Counters::default()
    };
    assert_eq!(incidents.counters, expected);
    assert_eq!(incidents.shown.len(), 6);
    let overflows = incidents.shown.iter().filter(|incident| incident.overflow.is_some()).count() as u64;
    let Counters { reached_least_score, overflowed, notices, incidents_shown, .. } = incidents.counters;
    assert_eq!(incidents_shown, reached_least_score - overflowed + overflows + notices);
    let members = incidents.shown.iter().chain(&incidents.held).filter(|incident| incident.overflow.is_none());
    assert_eq!(members.map(|incident| incident.members.len()).sum::<usize>(), 44, "no graph is lost or counted twice");
}
