//! The fleet's view as versions, and its roll-back.

use crate::host::Host;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tracewell_aggregator::disk::{Disk, check};
use tracewell_aggregator::{Aggregator, Confirmed, Hold, VersionError};
use tracewell_graph_core::fleet::{ContributionDelta, Disputed, FleetView, Groups, Version};
use tracewell_graph_core::profile::{Contribution, HostProfile, ObjectLabel};
use tracewell_model::{EventNs, Operation};
use tracewell_parameters::Parameters;
use tracewell_wire::Payload;

const HOSTS: usize = 6;
const APP: &str = "/usr/bin/app";
const POISON: &str = "/usr/lib/app/update";

fn open(folder: &Path) -> Aggregator {
    Aggregator::with_store(&Parameters::default(), Box::new(Disk::open(folder).unwrap().store())).unwrap()
}

fn see(profile: &mut HostProfile, op: Operation, path: &str, day: u64) -> u32 {
    let subject = profile.subject("", APP, Some("/sbin/init"));
    let leaf = profile.leaf(subject, op, ObjectLabel::File(path)).unwrap();
    profile.observe(leaf, EventNs(day * EventNs::DAY)).unwrap().surprise.0
}

/// What a host has learned that ran a program each day, and from a day on what came with the program's update.
fn learned(days: std::ops::Range<u64>, poisoned_from: u64) -> Contribution {
    let mut profile = HostProfile::new(&Parameters::default().profile);
    for day in days {
        see(&mut profile, Operation::Read, "/etc/app.conf", day);
        if day >= poisoned_from {
            see(&mut profile, Operation::Exec, POISON, day);
        }
    }
    profile.contribution()
}

/// How surprising the update's program is on a host that was given these views, one after the other.
fn surprise<'a>(views: impl IntoIterator<Item = &'a FleetView>) -> u32 {
    let mut profile = HostProfile::new(&Parameters::default().profile);
    (100..120).for_each(|day| _ = see(&mut profile, Operation::Read, "/etc/app.conf", day));
    for view in views {
        profile.set_fleet(Arc::new(view.clone()));
    }
    see(&mut profile, Operation::Exec, POISON, 120)
}

fn hold(version: u64) -> Hold {
    Hold { version, owner: "kim".into(), reason: "the update is poisoned".into(), since: 1 }
}

struct Fleet {
    folder: TempDir,
    aggregator: Aggregator,
    hosts: Vec<Host>,
    number: u64,
}

impl Fleet {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let hosts = (0..HOSTS).map(|n| Host::new(&format!("host-{n}"))).collect();
        Self { aggregator: open(folder.path()), folder, hosts, number: 0 }
    }

    /// All hosts tell this; then one of them says which day it is, and gives what it is told of the fleet.
    fn learn(&mut self, contribution: &Contribution, day: u64) -> Option<FleetView> {
        self.number += 1;
        for host in &mut self.hosts {
            let version = Version { epoch: 1, number: self.number };
            let whole = ContributionDelta::whole(version, contribution.clone());
            host.send(&mut self.aggregator, Payload::Profile(whole));
        }
        self.told(0, day)
    }

    /// What a host is told of the fleet's view when it says which day it is.
    fn told(&mut self, host: usize, day: u64) -> Option<FleetView> {
        let answers = self.hosts[host].beat(&mut self.aggregator, day * EventNs::DAY, true);
        answers.into_iter().find_map(|answer| match answer {
            Payload::FleetView(view) => Some(view),
            _ => None,
        })
    }

    fn restart(&mut self) {
        self.aggregator.commit().unwrap();
        self.aggregator = Aggregator::new(&Parameters::default());
        self.aggregator = open(self.folder.path());
    }

    fn numbers(&self) -> Vec<u64> {
        self.aggregator.versions().iter().map(|head| head.number).collect()
    }
}

#[test]
fn a_roll_back_restores_the_verdicts_of_before() {
    let mut fleet = Fleet::new();
    let clean = fleet.learn(&learned(100..104, 999), 104).unwrap();
    let poisoned = fleet.learn(&learned(100..110, 106), 110).unwrap();
    let [before, with_poison] = [surprise([&clean]), surprise([&clean, &poisoned])];
    assert!(before > 4 * with_poison, "the fleet takes the update for ordinary: {before}, {with_poison}");

    fleet.aggregator.hold(hold(1)).unwrap();
    let given = fleet.told(0, 110).expect("at its next heartbeat");
    assert_eq!((&given, surprise([&clean, &poisoned, &given])), (&clean, before));
    assert_eq!(fleet.told(1, 110).as_ref(), Some(&clean), "others, too");

    // What is made meanwhile is given to nobody, also after a restart.
    fleet.restart();
    assert_eq!(fleet.aggregator.held(), Some(&hold(1)));
    assert_eq!(fleet.learn(&learned(100..112, 106), 112), Some(clean), "it is not known whether it has it");
    let mut wider = learned(100..113, 106);
    wider.leaves.pop();
    assert_eq!(fleet.learn(&wider, 113), None);
    assert_eq!((fleet.numbers(), fleet.aggregator.version_given()), (vec![1, 2, 3], Some(1)));

    fleet.aggregator.release().unwrap();
    assert_eq!(fleet.told(0, 113), Some(fleet.aggregator.views(3).unwrap().fleet()));
    assert_eq!(fleet.aggregator.release(), Err(VersionError::NotHeld));
    fleet.restart();
    assert_eq!(fleet.aggregator.held(), None);
}

/// An update that ran on all hosts for days was an attack: once an analyst says so, nobody vouches for what it did.
#[test]
fn a_confirmed_attack_is_vouched_for_by_nobody() {
    let mut fleet = Fleet::new();
    let clean = fleet.learn(&learned(100..104, 999), 104).unwrap();
    let poisoned = fleet.learn(&learned(100..110, 106), 110).unwrap();
    let [before, with_poison] = [surprise([&clean]), surprise([&clean, &poisoned])];
    assert!(before > 4 * with_poison, "the fleet takes the update for ordinary: {before}, {with_poison}");
    // As after a start: what earlier runs knew makes no version.
    fleet.aggregator.confirm(Confirmed::default());
    assert_eq!(fleet.told(0, 110), None);
    let mut disputed = Disputed::default();
    disputed.add(APP.into(), POISON.into());
    fleet.aggregator.confirm(Confirmed { disputed, ..Confirmed::default() });
    let given = fleet.told(0, 110).expect("at its next heartbeat, on the same day");
    assert_eq!(surprise([&clean, &poisoned, &given]), before);
    fleet.aggregator.confirm(Confirmed::default());
    assert_eq!(fleet.told(0, 110), Some(poisoned), "the verdict was taken back");
}

/// Version 0 vouches for nothing, and hosts take it up like another.
#[test]
fn the_fleet_s_view_can_be_taken_from_all() {
    let mut fleet = Fleet::new();
    let poisoned = fleet.learn(&learned(100..110, 106), 110).unwrap();
    fleet.aggregator.hold(hold(0)).unwrap();
    let none = fleet.told(0, 110).unwrap();
    assert_eq!(none, FleetView::default());
    assert_eq!(surprise([&poisoned, &none]), surprise([]));
    let error = fleet.aggregator.hold(hold(7)).unwrap_err().to_string();
    assert_eq!(error, "version 7 of the fleet's view is not kept, expected 0, 1");
}

/// One a day on which something changed; a month of them, and the one that is held.
#[test]
fn old_versions_go_but_not_the_one_that_is_held() {
    let mut fleet = Fleet::new();
    for n in 0..40 {
        let contribution = learned(100..104, if n % 2 == 0 { 999 } else { 101 });
        fleet.learn(&contribution, 104 + n);
        if n == 1 {
            fleet.aggregator.hold(hold(2)).unwrap();
        }
    }
    let kept: Vec<u64> = [2].into_iter().chain(11..=40).collect();
    assert_eq!(fleet.numbers(), kept);
    fleet.restart();
    assert_eq!(fleet.numbers(), kept);
    assert!(fleet.aggregator.views(2).is_ok() && fleet.aggregator.views(10).is_err());
    let folder = fleet.folder;
    drop(fleet.aggregator);
    assert_eq!(check(&Disk::open(folder.path()).unwrap()).unwrap().faults, Vec::<String>::new());
}

/// A host that says it twice may not have had the answer.
#[test]
fn who_says_a_heartbeat_again_is_given_the_view_again() {
    let mut fleet = Fleet::new();
    let view = fleet.learn(&learned(100..104, 999), 104).unwrap();
    let beat = tracewell_wire::Heartbeat {
        time: EventNs(105 * EventNs::DAY),
        n_events: 0,
        readiness_permille: 0,
        settled: true,
    };
    let frame = fleet.hosts[1].frame(Payload::Heartbeat(beat));
    for _ in 0..2 {
        let answers = crate::host::answers(&mut fleet.aggregator, &frame);
        assert!(answers.contains(&Payload::FleetView(view.clone())), "{answers:?}");
    }
}

/// Hosts that are on an earlier day, as replays and those that were away are, make no version after those of later days.
#[test]
fn a_restart_makes_no_version_of_a_day_that_is_over() {
    let mut fleet = Fleet::new();
    fleet.learn(&learned(100..104, 999), 104).unwrap();
    let newest = fleet.learn(&learned(100..110, 106), 110).unwrap();
    fleet.restart();
    assert_eq!(fleet.learn(&learned(100..104, 999), 105), Some(newest), "what is known is given");
    assert_eq!(fleet.numbers(), [1, 2]);
    // Who is revoked votes no more, whatever day it is.
    for n in 0..4 {
        fleet.aggregator.forget_contribution(fleet.hosts[n].id).unwrap();
    }
    assert_eq!(fleet.told(5, 105).map(|view| view.n_hosts()), Some(2));
    let days: Vec<_> = fleet.aggregator.versions().iter().map(|head| head.day).collect();
    assert_eq!(days, [104, 110, 110]);
}

/// Who sets its clock ahead does not keep the fleet from having a new view.
#[test]
fn a_day_beyond_the_clock_is_not_believed() {
    let mut fleet = Fleet::new();
    fleet.aggregator.expire(0, EventNs(104 * EventNs::DAY)).unwrap();
    let clean = fleet.learn(&learned(100..104, 999), 60_000).unwrap();
    fleet.aggregator.expire(0, EventNs(110 * EventNs::DAY)).unwrap();
    let next = fleet.learn(&learned(100..110, 106), 110);
    assert!(next.is_some_and(|next| next != clean));
    assert_eq!(fleet.aggregator.versions().iter().map(|head| head.day).collect::<Vec<_>>(), [104, 110]);
}

const WEB: &str = "role=web";

/// A fleet of which so many of the hosts, the first ones, are in one group; these run what the others do not.
fn fleet_with_group(n_in_group: usize) -> (Fleet, Groups) {
    let mut fleet = Fleet::new();
    fleet.hosts.extend((HOSTS..4 * HOSTS).map(|n| Host::new(&format!("host-{n}"))));
    let groups = Groups::of(fleet.hosts[..n_in_group].iter().map(|host| (host.id, WEB.into())));
    assert!(fleet.aggregator.set_groups(groups.clone()) && !fleet.aggregator.set_groups(groups.clone()));
    (fleet, groups)
}

impl Fleet {
    /// Tells as each host what it has learned, the first so many beside the others what came with an update.
    fn learn_in_group(&mut self, n_in_group: usize, days: std::ops::Range<u64>) {
        self.number += 1;
        for (n, host) in self.hosts.iter_mut().enumerate() {
            let learned = learned(days.clone(), if n < n_in_group { days.start } else { 999 });
            let whole = ContributionDelta::whole(Version { epoch: 1, number: self.number }, learned);
            host.send(&mut self.aggregator, Payload::Profile(whole));
        }
    }

    fn report(&self, host: usize) -> tracewell_aggregator::HostReport {
        self.aggregator.hosts().into_iter().find(|report| report.host == self.hosts[host].id).unwrap()
    }
}

/// What six of the fleet's 24 hosts do is half as surprising on hosts of their group, and news elsewhere.
#[test]
fn hosts_of_a_group_are_given_its_view_and_others_the_fleets() {
    let (mut fleet, groups) = fleet_with_group(HOSTS);
    fleet.learn_in_group(HOSTS, 100..104);
    let [of_group, of_fleet] = [0, HOSTS].map(|host| fleet.told(host, 104).unwrap());
    let (alone, [in_group, elsewhere]) = (surprise([]), [&of_group, &of_fleet].map(|view| surprise([view])));
    assert!(elsewhere >= alone / 2 && in_group >= elsewhere / 2, "{alone} {in_group} {elsewhere}");
    assert_eq!((of_group.n_group(), of_fleet.n_group()), (HOSTS as u32, 0));
    assert_eq!(fleet.aggregator.versions()[0].groups, [(WEB.into(), HOSTS as u32)].into());

    // Each has its own in force, and is told by that which it is.
    for (host, view) in [(0, &of_group), (HOSTS, &of_fleet)] {
        let says = |fleet: &mut Fleet, view: &FleetView| {
            let view = tracewell_wire::view_hash(view).unwrap();
            let inventory = tracewell_wire::Inventory { view, ..Default::default() };
            fleet.hosts[host].send(&mut fleet.aggregator, Payload::Inventory(inventory))
        };
        assert_eq!(says(&mut fleet, view), []);
        assert!(fleet.report(host).has_given_view);
        let other = if host == 0 { &of_fleet } else { &of_group };
        assert_eq!(says(&mut fleet, other), [Payload::FleetView(view.clone())]);
        assert!(!fleet.report(host).has_given_view);
        assert_eq!(fleet.report(host).group.as_deref(), (host == 0).then_some(WEB));
    }

    // After a restart all of it is as it was.
    fleet.restart();
    fleet.aggregator.set_groups(groups);
    assert_eq!([0, HOSTS].map(|host| fleet.told(host, 104)), [Some(of_group), Some(of_fleet)]);
    assert_eq!(fleet.numbers(), [1]);
    drop(fleet.aggregator);
    assert_eq!(check(&Disk::open(fleet.folder.path()).unwrap()).unwrap().faults, Vec::<String>::new());
}

/// One number is one moment of all groups: a held version gives each host what its group had then, or the fleet's where it had nothing.
#[test]
fn a_held_version_gives_each_host_the_view_of_its_group() {
    let (mut fleet, groups) = fleet_with_group(HOSTS);
    fleet.learn_in_group(0, 100..104);
    let [clean, clean_of_fleet] = [0, HOSTS].map(|host| fleet.told(host, 104).unwrap());
    fleet.learn_in_group(HOSTS, 100..110);
    let [poisoned, of_fleet] = [0, HOSTS].map(|host| fleet.told(host, 110).unwrap());
    assert_eq!(surprise([&clean]), surprise([&clean_of_fleet]));
    assert!(surprise([&poisoned]) < surprise([&clean]), "the group takes the update for half as surprising");
    assert_eq!(fleet.aggregator.views(1).unwrap().of_group(WEB), clean);

    fleet.aggregator.hold(hold(1)).unwrap();
    fleet.restart();
    fleet.aggregator.set_groups(groups);
    assert_eq!([0, HOSTS].map(|host| fleet.told(host, 110)), [Some(clean.clone()), Some(clean_of_fleet.clone())]);
    let given = [Some(WEB), None, Some("role=db")].map(|group| fleet.aggregator.view_given(group));
    assert_eq!(given, [Some(clean.clone()), Some(clean_of_fleet.clone()), Some(clean_of_fleet.clone())]);
    assert_eq!(surprise([&poisoned, &clean]), surprise([&clean]), "the verdict of before");
    // A group that was made since has nothing in it.
    let db = fleet.hosts[..HOSTS].iter().map(|host| (host.id, "role=db".into()));
    fleet.aggregator.set_groups(Groups::of(db));
    assert_eq!(fleet.told(0, 110), Some(clean_of_fleet));
    fleet.aggregator.hold(hold(0)).unwrap();
    assert_eq!([0, HOSTS].map(|host| fleet.told(host, 110)), [(); 2].map(|()| Some(FleetView::default())));
    fleet.aggregator.release().unwrap();
    assert_eq!(fleet.told(HOSTS, 110), Some(of_fleet));
}

/// Another label is taken into account at once in what a host is given, and with the next version in what its group vouches for; whoever is
/// revoked counts no more at once.
#[test]
fn a_host_that_moves_is_given_the_other_view_and_votes_there() {
    let (mut fleet, _) = fleet_with_group(HOSTS);
    fleet.learn_in_group(4, 100..104);
    let of_group = fleet.told(0, 104).unwrap();
    let of_fleet = fleet.told(HOSTS, 104).unwrap();
    assert!(of_group.nodes().1.iter().any(|node| node.group == 4), "four of six");
    // Two of those that vouch for it leave.
    let stay = Groups::of(fleet.hosts[2..HOSTS].iter().map(|host| (host.id, WEB.into())));
    assert!(fleet.aggregator.set_groups(stay.clone()));
    assert_eq!((fleet.told(0, 104), fleet.told(2, 104)), (Some(of_fleet), Some(of_group)));
    let of_four = fleet.told(2, 105).expect("the next day");
    assert_eq!((of_four.n_group(), of_four.nodes().1.iter().any(|node| node.group > 0)), (4, false), "two of four");
    // One that does not vouch for anything of it is revoked; of three, two are still too few to say so.
    let rest = Groups::of(fleet.hosts[2..HOSTS - 1].iter().map(|host| (host.id, WEB.into())));
    fleet.aggregator.forget_contribution(fleet.hosts[HOSTS - 1].id).unwrap();
    assert!(fleet.aggregator.set_groups(rest));
    assert_eq!(fleet.told(2, 105).map(|view| (view.n_group(), view.n_hosts())), Some((3, 4 * HOSTS as u32 - 1)));
}
