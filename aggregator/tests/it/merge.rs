//! What hosts have learned comes together, and goes back to them once a day.

use crate::host::{Host, aggregator};
use tracewell_aggregator::{Aggregator, IngestError};
use tracewell_graph_core::fleet::{ContributionDelta, FleetView, Version};
use tracewell_graph_core::profile::{Contribution, ContributionLeaf};
use tracewell_model::{EventNs, HostId, Str};
use tracewell_wire::Payload;

/// A contribution with these labels as the steps of one path, seen on three days from this one on.
fn contribution(path: &[&str], since_day: u32, first_day: u32) -> Contribution {
    let mut dictionary: Vec<Str> = path.iter().map(|&label| label.into()).collect();
    dictionary.sort_unstable();
    let place = |label: &&str| dictionary.iter().position(|known| **known == **label).unwrap() as u32;
    let path = path.iter().map(place).collect();
    Contribution { since_day, leaves: vec![ContributionLeaf { path, count: 4, days: 3, first_day }], dictionary }
}

const PATH: [&str; 5] = ["host", "/bin/a", "exec", "/bin/sh", "/bin/b"];

fn whole(number: u64, contribution: Contribution) -> Payload {
    Payload::Profile(ContributionDelta::whole(Version { epoch: 1, number }, contribution))
}

fn view_in(answers: Vec<Payload>) -> Option<FleetView> {
    answers.into_iter().find_map(|answer| match answer {
        Payload::FleetView(view) => Some(view),
        _ => None,
    })
}

/// So many hosts, each with the same contribution.
fn fleet(aggregator: &mut Aggregator, n: usize, of: &Contribution) -> Vec<Host> {
    let mut hosts: Vec<_> = (0..n).map(|i| Host::new(&format!("host-{i}"))).collect();
    for host in &mut hosts {
        assert_eq!(host.send(aggregator, whole(1, of.clone())), []);
    }
    hosts
}

#[test]
fn each_host_is_given_the_fleet_s_view_once() {
    let mut aggregator = aggregator();
    let mut hosts = fleet(&mut aggregator, 4, &contribution(&PATH, 10, 10));
    let view = view_in(hosts[0].beat(&mut aggregator, 20 * EventNs::DAY, true)).unwrap();
    assert_eq!((view.n_hosts(), view.votes_for(&PATH)), (4, (4, 4)));
    assert_eq!(view_in(hosts[0].beat(&mut aggregator, 21 * EventNs::DAY, true)), None, "nothing is new");
    assert_eq!(view_in(hosts[1].beat(&mut aggregator, 21 * EventNs::DAY, true)), Some(view));
}

#[test]
fn a_view_is_made_once_a_day_at_most() {
    let mut aggregator = aggregator();
    let mut hosts = fleet(&mut aggregator, 4, &contribution(&PATH, 10, 10));
    hosts[0].beat(&mut aggregator, 20 * EventNs::DAY, true);
    let mut late = Host::new("late");
    late.send(&mut aggregator, whole(1, contribution(&PATH, 10, 10)));
    assert_eq!(view_in(hosts[0].beat(&mut aggregator, 20 * EventNs::DAY + 1, true)), None);
    let next_day = view_in(hosts[0].beat(&mut aggregator, 21 * EventNs::DAY, true)).unwrap();
    assert_eq!(next_day.n_hosts(), 5);
}

#[test]
fn a_delta_of_an_unknown_version_asks_for_the_whole() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    let (one, two) = (contribution(&PATH, 10, 10), contribution(&["host", "/bin/c"], 10, 11));
    let version = |number| Version { epoch: 1, number };
    let delta = |from, to| Payload::Profile(ContributionDelta::between((version(from), &one), (version(to), &two)));
    assert_eq!(host.send(&mut aggregator, delta(1, 2)), [Payload::WantProfile]);
    assert_eq!(host.send(&mut aggregator, whole(1, one.clone())), []);
    assert_eq!(host.send(&mut aggregator, delta(1, 2)), []);
    assert_eq!(host.send(&mut aggregator, delta(1, 3)), [Payload::WantProfile]);
}

#[test]
fn a_profile_that_no_host_would_send_is_refused() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    let mut unsorted = contribution(&PATH, 10, 10);
    unsorted.dictionary.reverse();
    let frame = host.frame(whole(1, unsorted));
    assert!(matches!(aggregator.receive(&frame), Err(IngestError::Profile(_))));
}

#[test]
fn the_same_novelty_everywhere_within_a_day_is_an_incident() {
    let mut aggregator = aggregator();
    let hosts = fleet(&mut aggregator, 6, &contribution(&PATH, 10, 40));
    let incidents = aggregator.incidents().unwrap();
    let [incident] = &incidents.shown[..] else { panic!("{} incidents", incidents.shown.len()) };
    let ids: std::collections::BTreeSet<HostId> = hosts.iter().map(|host| host.id).collect();
    assert_eq!((&incident.hosts, incident.first), (&ids, EventNs(40 * EventNs::DAY)));
    assert_eq!(incident.title, "6 hosts began to do the same new thing within a day: host /bin/a exec /bin/sh /bin/b");
}

/// A host that is revoked loses its votes on the same day, and they are gone after a restart, too.
#[test]
fn a_host_that_is_forgotten_votes_no_more() {
    let mut aggregator = aggregator();
    let mut hosts = fleet(&mut aggregator, 6, &contribution(&PATH, 10, 10));
    let now = 20 * EventNs::DAY;
    hosts[0].beat(&mut aggregator, now, true);
    for host in &hosts[1..3] {
        aggregator.forget_contribution(host.id).unwrap();
    }
    let view = view_in(hosts[0].beat(&mut aggregator, now + 1, true)).unwrap();
    assert_eq!((view.n_hosts(), view.votes_for(&PATH)), (4, (4, 4)));
    // What only it did is no news of the fleet any more either.
    let mut aggregator = crate::host::aggregator();
    let hosts = fleet(&mut aggregator, 6, &contribution(&PATH, 10, 40));
    assert_eq!(aggregator.incidents().unwrap().shown.len(), 1);
    hosts.iter().for_each(|host| aggregator.forget_contribution(host.id).unwrap());
    assert_eq!(aggregator.incidents().unwrap().shown, []);
}
