//! What a person is shown, and that nothing is dropped.

use crate::host::{HOUR, Host, aggregator, alarm, incidents_of, intrusion, oddity};
use std::collections::BTreeSet;
use tracewell_aggregator::{Incident, Incidents};
use tracewell_alert_scorer::Fact;
use tracewell_model::{AlertGraph, EventNs, Reason};

/// Every one a program of its own, so that nothing folds.
fn flood(n: u64, day: u64, reason: Reason) -> impl Iterator<Item = AlertGraph> {
    (0..n).map(move |i| {
        let id = 1000 + day * 1000 + i;
        alarm(id, day * EventNs::DAY + i * EventNs::SECOND, &format!("/bin/{id}"), reason.clone())
    })
}

fn overflows(incidents: &Incidents) -> Vec<&Incident> {
    incidents.shown.iter().filter(|incident| incident.overflow.is_some()).collect()
}

#[test]
fn what_is_weak_is_kept_but_not_shown() {
    let incidents = incidents_of([oddity(1, HOUR, "/bin/a")]);
    assert_eq!((incidents.shown.len(), incidents.held.len()), (0, 1));
    assert!(!incidents.held[0].shown);
    assert_eq!(incidents.counters.overflowed, 0);
}

#[test]
fn a_flood_of_one_class_overflows_into_one_incident() {
    let incidents = incidents_of(flood(40, 0, Reason::EnteredKernel));
    let overflows = overflows(&incidents);
    assert_eq!((incidents.shown.len(), overflows.len()), (4, 1), "three places of one class, and the overflow");
    let overflow = overflows[0];
    assert_eq!((overflow.repeats, overflow.members.len(), overflow.class), (37, 37, Some(Fact::EnteredKernel)));
    assert!(overflow.title.starts_with("37 incidents of one class beyond the day's budget"), "{}", overflow.title);
    assert_eq!((incidents.counters.overflowed, incidents.counters.incidents_shown), (37, 4));
    // Each is still there to be asked for, under the id that the overflow names.
    let held: BTreeSet<_> = incidents.held.iter().map(|incident| incident.id).collect();
    assert_eq!(overflow.overflow.as_ref().unwrap().held.iter().copied().collect::<BTreeSet<_>>(), held);
}

#[test]
fn a_flood_of_one_class_does_not_starve_another() {
    let flood = flood(200, 0, Reason::EnteredKernel);
    let quiet = alarm(1, 20 * HOUR, "/bin/quiet", Reason::MassChange { n_files: 99 });
    let incidents = incidents_of(flood.chain([quiet]));
    let quiet = incidents.shown.iter().find(|incident| incident.class == Some(Fact::MassChange)).unwrap();
    assert!(quiet.overflow.is_none() && quiet.shown);
}

/// The strongest of a day has its place, whenever in the day it came.
#[test]
fn the_strongest_of_a_day_is_shown_as_itself() {
    let flood = flood(200, 0, Reason::GainedPrivilege { from_uid: 1, to_uid: 2 });
    let incidents = incidents_of(flood.chain([intrusion(1, 23 * HOUR, "/bin/late")]));
    assert_eq!(incidents.shown[0].title.split(' ').next(), Some("late"));
    assert!(incidents.shown[0].overflow.is_none());
}

/// The overflow incident takes the rank of the worst it holds: what is severe is never far down.
#[test]
fn an_overflow_ranks_by_the_worst_it_holds() {
    let strong = (1..=4).map(|id| intrusion(id, id * HOUR, &format!("/bin/{id}")));
    let weak = flood(3, 0, Reason::MassChange { n_files: 1 });
    let incidents = incidents_of(strong.chain(weak));
    let overflow = incidents.shown.iter().find(|incident| incident.overflow.is_some()).unwrap();
    let strongest = incidents.held.iter().map(|incident| incident.score).max();
    assert_eq!(Some(overflow.score), strongest);
    assert!(incidents.shown.is_sorted_by(|a, b| a.score >= b.score));
}

#[test]
fn days_and_hosts_have_budgets_of_their_own() {
    let reason = Reason::EnteredKernel;
    let two_days = incidents_of(flood(3, 0, reason.clone()).chain(flood(3, 1, reason.clone())));
    assert_eq!((two_days.shown.len(), overflows(&two_days).len()), (6, 0));

    let (mut aggregator, mut a, mut b) = (aggregator(), Host::new("a"), Host::new("b"));
    flood(3, 0, reason.clone()).for_each(|graph| drop(a.alert(&mut aggregator, graph)));
    flood(6, 0, reason).skip(3).for_each(|graph| drop(b.alert(&mut aggregator, graph)));
    let two_hosts = aggregator.incidents().unwrap();
    assert_eq!((two_hosts.shown.len(), overflows(&two_hosts).len()), (6, 0));
}

#[test]
fn a_settled_host_has_fewer_places() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("a"));
    let reason = Reason::EnteredKernel;
    host.beat(&mut aggregator, 10, false);
    host.beat(&mut aggregator, EventNs::DAY, true);
    for day in [0, 1] {
        flood(3, day, reason.clone()).for_each(|graph| drop(host.alert(&mut aggregator, graph)));
    }
    let incidents = aggregator.incidents().unwrap();
    let on = |day: u32| {
        let shown = incidents.shown.iter().filter(|incident| incident.overflow.is_none());
        shown.filter(|incident| incident.first.day() == day).count()
    };
    assert_eq!((on(0), on(1)), (3, 1));
    assert_eq!(incidents.counters.overflowed, 2);
}
