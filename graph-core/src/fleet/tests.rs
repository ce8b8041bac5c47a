mod groups;

use super::*;
use crate::profile::{ContributionLeaf, Direction, HostProfile, ObjectLabel};
use proptest::prelude::*;
use std::sync::Arc;
use tracewell_model::{EventNs, Operation, Protocol, Str};
use tracewell_parameters::Parameters;

fn parameters() -> ProfileParameters {
    Parameters::default().profile
}

/// A path written with spaces, its days and its first day.
type Leaf<'a> = (&'a str, u32, u32);
/// A number of hosts and what each of them contributes.
type Group<'a> = (u64, &'a [Leaf<'a>]);

/// A contribution of such leaves.
fn contribution(since_day: u32, leaves: &[Leaf<'_>]) -> Contribution {
    let paths: BTreeMap<Vec<Str>, (u32, u32)> =
        leaves.iter().map(|&(path, days, first)| (path.split(' ').map(Str::from).collect(), (days, first))).collect();
    let mut dictionary: Vec<Str> = paths.keys().flatten().cloned().collect();
    dictionary.sort();
    dictionary.dedup();
    let place = |label: &Str| dictionary.binary_search(label).unwrap() as u32;
    let leaf = |(path, (days, first_day)): (&Vec<Str>, &(u32, u32))| ContributionLeaf {
        path: path.iter().map(place).collect(),
        count: 1,
        days: *days,
        first_day: *first_day,
    };
    let leaves = paths.iter().map(leaf).collect();
    Contribution { since_day, dictionary, leaves }
}

fn entry(epoch: u32, number: u64, contribution: Contribution) -> HostEntry {
    HostEntry { version: Version { epoch, number }, contribution }
}

/// A fleet of hosts with the same leaves each, numbered from 1.
fn fleet(groups: &[Group<'_>]) -> FleetMap {
    let mut map = FleetMap::default();
    for &(n_hosts, leaves) in groups {
        for _ in 0..n_hosts {
            let host = HostId(map.len() as u64 + 1);
            assert_eq!(map.offer(host, entry(1, 1, contribution(100, leaves)), &parameters()), Ok(Offered::Taken));
        }
    }
    map
}

const COMMON: &str = "host /bin/app file-read /etc/ conf";
const ODD: &str = "host /bin/app exec ? /tmp/ odd";
const ODD_PATH: [&str; 6] = ["host", "/bin/app", "exec", "?", "/tmp/", "odd"];

/// What 12 bits of a host's own surprise at [`ODD`] become.
fn lowered(map: &FleetMap) -> u32 {
    let view = FleetView::of(map, &parameters());
    let entry = ODD_PATH.iter().fold(None, |parent, label| Some(view.child(parent, label)));
    view.lowered(entry.unwrap(), 12_000)
}

#[test]
fn no_minority_makes_anything_ordinary() {
    for (with, without, expected) in [
        // Hosts that vouch for it, hosts that do not, and what is left of 12 bits.
        (0, 10, 12_000),
        (1, 0, 12_000),
        (2, 0, 12_000),
        (1, 10, 12_000),
        (5, 5, 12_000),
        (6, 4, 874),
        (10, 0, 137),
        (400, 600, 12_000),
    ] {
        let map = fleet(&[(with, &[(COMMON, 3, 100), (ODD, 3, 101)]), (without, &[(COMMON, 3, 100)])]);
        assert_eq!(lowered(&map), expected, "{with} of {}", with + without);
    }
}

#[test]
fn what_fewer_hosts_vouch_for_is_rarer() {
    let of =
        |n_hosts: u64, votes| FleetView::of(&fleet(&[(n_hosts, &[(COMMON, 3, 100)])]), &parameters()).rarity(votes);
    let milli = |n_hosts, votes| of(n_hosts, votes).map(|rarity| rarity.0);
    // log2 of 20 by 1, 3, 19; of 2002 by 1.
    assert_eq!([0, 1, 9].map(|votes| milli(9, votes)), [Some(4321), Some(2736), Some(74)]);
    assert_eq!(milli(1000, 0), Some(10_967));
    assert_eq!(milli(0, 0), None, "a fleet that vouches for nothing");
    let view = FleetView::of(&fleet(&[(5, &[(ODD, 3, 100)]), (4, &[(COMMON, 3, 100)])]), &parameters());
    let mut profile = HostProfile::new(&parameters());
    assert_eq!(profile.fleet_rarity_of("", "/bin/app"), None, "no view yet");
    profile.set_fleet(Arc::new(view.clone()));
    let rarities = [("", "/bin/app"), ("", "/bin/other"), ("web", "/bin/app")];
    let rarities = rarities.map(|(scope, exe)| profile.fleet_rarity_of(scope, exe));
    assert_eq!(rarities, [view.rarity(9), view.rarity(0), view.rarity(0)]);
}

#[test]
fn a_minority_that_fakes_the_peers_gains_a_factor_of_two_at_most() {
    let map = fleet(&[(5, &[(ODD, 3, 101)]), (95, &[("host /bin/other file-read x", 3, 100)])]);
    assert_eq!(FleetView::of(&map, &parameters()).votes_for(&ODD_PATH), (5, 5));
    assert_eq!(lowered(&map), 6_000);
}

#[test]
fn no_vote_counts_for_what_an_attack_did() {
    let map = fleet(&[(10, &[(COMMON, 3, 100), (ODD, 3, 101)])]);
    let votes = |disputed: &[(&str, &str)]| {
        let mut all = Disputed::default();
        disputed.iter().for_each(|&(executable, object)| all.add(executable.into(), object.into()));
        let view = Views::of(&map, &Groups::default(), &all, &parameters()).fleet();
        let common: Vec<_> = COMMON.split(' ').collect();
        (view.votes_for(&ODD_PATH).0, view.votes_for(&common).0, view.n_hosts())
    };
    assert_eq!(votes(&[]), (10, 10, 10));
    assert_eq!(votes(&[("/bin/app", "/tmp/odd")]), (0, 10, 10));
    assert_eq!(votes(&[("/bin/other", "/tmp/odd"), ("/bin/app", "/tmp/other")]), (10, 10, 10), "it is something else");
    assert_eq!(votes(&[("/bin/app", "/tmp/odd"), ("/bin/app", "/etc/conf")]), (0, 0, 0));
}

#[test]
fn a_vote_needs_three_days_and_counts_once_per_host() {
    let view = |map: &FleetMap| FleetView::of(map, &parameters()).votes_for(&ODD_PATH).0;
    assert_eq!(view(&fleet(&[(9, &[(ODD, 2, 100)])])), 0);
    assert_eq!(view(&fleet(&[(9, &[(ODD, 3, 100)])])), 9);
    // One host, however often it enrols, repeats itself or says it in other workloads, is one vote: too few to show.
    let mut map = fleet(&[(2, &[(ODD, 3, 100)])]);
    for epoch in 2..20 {
        let noisy = contribution(100, &[(ODD, 3, 100), ("other /bin/app exec ? /tmp/ odd", 3, 100)]);
        map.offer(HostId(1), entry(epoch, 1, noisy), &parameters()).unwrap();
    }
    assert_eq!((map.len(), view(&map)), (2, 0));
    // A new enrolment starts its days again.
    let mut map = fleet(&[(3, &[(ODD, 3, 100)])]);
    map.offer(HostId(1), entry(2, 1, contribution(110, &[(ODD, 1, 110)])), &parameters()).unwrap();
    assert_eq!(view(&map), 0);
}

#[test]
fn the_same_novelty_everywhere_at_once_is_sudden() {
    let old = [(COMMON, 3, 100)];
    let check = |groups: &[Group<'_>], expected: &[(u32, usize)]| {
        let found: Vec<_> = fleet(groups).sudden(&parameters()).iter().map(|s| (s.day, s.hosts.len())).collect();
        assert_eq!(found, expected, "{groups:?}");
    };
    check(&[(10, &[(COMMON, 3, 100), (ODD, 1, 140)])], &[(140, 10)]);
    check(&[(3, &[(COMMON, 3, 100), (ODD, 1, 140)]), (3, &[(ODD, 1, 141)])], &[(140, 6)]);
    // Too few hosts; too small a share; spread over weeks; known to one host before; everything is new on new hosts.
    check(&[(4, &[(ODD, 1, 140)]), (4, &old)], &[]);
    check(&[(5, &[(ODD, 1, 140)]), (95, &old)], &[]);
    check(&[(4, &[(ODD, 3, 140)]), (4, &[(ODD, 3, 150)]), (4, &[(ODD, 3, 160)])], &[]);
    check(&[(1, &[(ODD, 3, 120)]), (9, &[(ODD, 1, 140)])], &[]);
    check(&[(10, &[(ODD, 1, 101)])], &[]);
}

#[test]
fn standing_grows_with_age_and_spread() {
    let map = fleet(&[
        (8, &[("host /bin/sh exec ? /bin/ ls", 3, 100), (COMMON, 1, 115)]),
        (2, &[("host /bin/sh exec ? /bin/ odd", 3, 101)]),
    ]);
    let standings = map.standings(&parameters());
    let expected = |votes, age_days, confidence_permille| Standing { votes, age_days, confidence_permille };
    assert_eq!(standings["/bin/ls"], expected(8, 15, 400));
    assert_eq!(standings["/bin/odd"], expected(2, 14, 0));
}

#[test]
fn a_gap_asks_for_the_whole() {
    let host = HostId(7);
    let version = |number| Version { epoch: 1, number };
    let (a, b) = (contribution(1, &[(COMMON, 1, 1)]), contribution(1, &[(COMMON, 2, 1), (ODD, 1, 2)]));
    let c = contribution(1, &[(ODD, 2, 2)]);
    let mut map = FleetMap::default();
    let late = ContributionDelta::between((version(2), &b), (version(3), &c));
    let gap = OfferError::Gap { host, extends: version(2), known: None };
    assert_eq!(map.apply(host, &late, &parameters()), Err(gap));
    assert_eq!(map.apply(host, &ContributionDelta::whole(version(1), a.clone()), &parameters()), Ok(Offered::Taken));
    let gap = OfferError::Gap { host, extends: version(2), known: Some(version(1)) };
    assert_eq!(map.apply(host, &late, &parameters()), Err(gap));
    let next = ContributionDelta::between((version(1), &a), (version(2), &b));
    assert_eq!(map.apply(host, &next, &parameters()), Ok(Offered::Taken));
    assert_eq!(map.apply(host, &next, &parameters()), Ok(Offered::Known));
    assert_eq!(map.apply(host, &late, &parameters()), Ok(Offered::Taken));
    assert_eq!(map.get(host).unwrap().contribution, c);
}

#[test]
fn what_is_too_large_or_not_canonical_is_refused() {
    let good = contribution(1, &[(COMMON, 1, 1), (ODD, 1, 1)]);
    let mut map = FleetMap::default();
    let mut refuse = |change: &dyn Fn(&mut Contribution), expected: &str| {
        let mut bad = good.clone();
        change(&mut bad);
        let error = map.offer(HostId(1), entry(1, 1, bad), &parameters()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refuse(&|bad| bad.dictionary.reverse(), "label 1");
    refuse(&|bad| bad.dictionary.push(Str::from("~".repeat(2000))), "label 9");
    refuse(&|bad| bad.leaves.reverse(), "leaf 1");
    refuse(&|bad| bad.leaves[1].path[0] = 99, "leaf 1");
    refuse(&|bad| bad.leaves[0].path.clear(), "leaf 0");
    refuse(&|bad| bad.dictionary.push(Str::from("~".repeat(300_000))), "bytes");
}

#[test]
fn a_view_keeps_to_its_budget_and_to_canonical_order() {
    let map = fleet(&[(4, &[(COMMON, 3, 1), (ODD, 3, 1)]), (2, &[(COMMON, 3, 1)])]);
    let whole = FleetView::of(&map, &parameters());
    let mut tight = parameters();
    tight.view_bytes_max = 100;
    let cut = FleetView::of(&map, &tight);
    assert_eq!((whole.votes_for(&ODD_PATH).0, cut.votes_for(&ODD_PATH).0), (4, 0));
    assert_eq!(cut.votes_for(&["host", "/bin/app", "file-read", "/etc/", "conf"]), (6, 6));
    let (n_hosts, nodes) = whole.nodes();
    assert_eq!(FleetView::from_nodes(n_hosts, nodes.to_vec()), Ok(whole.clone()));
    let mut reversed = nodes.to_vec();
    reversed.reverse();
    assert!(FleetView::from_nodes(n_hosts, reversed).is_err());
}

/// What hosts have really learned reaches another host and lowers its surprise, and only there.
#[test]
fn a_fleets_habit_is_less_surprising() {
    let parameters = parameters();
    let reply = ObjectLabel::Socket {
        protocol: Protocol::Tcp,
        direction: Direction::Outbound,
        local: None,
        remote: "10.1.2.3:5432".parse().ok(),
    };
    let live = |profile: &mut HostProfile, days: u64, calls_out: bool| {
        for second in 0..days * 300 {
            let time = EventNs((20_000 + second / 300) * EventNs::DAY + second % 300 * EventNs::SECOND);
            let subject = profile.subject("web", "/usr/bin/app", None);
            let leaf = profile.leaf(subject, Operation::Read, ObjectLabel::File("/srv/data")).unwrap();
            profile.observe(leaf, time).unwrap();
            if calls_out && second % 10 == 0 {
                let leaf = profile.leaf(subject, Operation::Connect, reply).unwrap();
                profile.observe(leaf, time).unwrap();
            }
        }
    };
    let mut map = FleetMap::default();
    for host in 1..=4 {
        let mut profile = HostProfile::new(&parameters);
        live(&mut profile, 4, true);
        map.offer(HostId(host), entry(1, 1, profile.contribution()), &parameters).unwrap();
    }
    let mut newcomer = HostProfile::new(&parameters);
    live(&mut newcomer, 4, false);
    let surprise = |profile: &mut HostProfile, object| {
        let subject = profile.subject("web", "/usr/bin/app", None);
        let leaf = profile.leaf(subject, Operation::Connect, object).unwrap();
        profile.observe(leaf, EventNs(20_004 * EventNs::DAY)).unwrap()
    };
    let alone = surprise(&mut newcomer.clone(), reply);
    newcomer.set_fleet(Arc::new(FleetView::of(&map, &parameters)));
    let known = surprise(&mut newcomer.clone(), reply);
    let unknown = surprise(&mut newcomer, ObjectLabel::Unix("/run/odd"));
    assert!(alone.surprise.0 > 8_000 && unknown.surprise.0 > 8_000, "{alone:?} {unknown:?}");
    assert_eq!((known.surprise.0, known.votes, known.peers), (321, 4, 4));
    assert_eq!((unknown.votes, alone.votes), (0, 0));
    assert_eq!((known.own, unknown.own), (alone.surprise, unknown.surprise), "what the host alone would say");
}

fn any_map() -> impl Strategy<Value = FleetMap> {
    let leaves = prop::collection::btree_map("(a|b|c)( (a|b)/){0,3} (x|y)", (1..4u32, 100..105u32), 0..5);
    let entries = prop::collection::vec((0..4u64, 0..3u32, 0..3u64, leaves), 0..8);
    entries.prop_map(|entries| {
        let mut map = FleetMap::default();
        for (host, epoch, number, leaves) in entries {
            let leaves: Vec<_> = leaves.iter().map(|(path, &(days, first))| (path.as_str(), days, first)).collect();
            map.offer(HostId(host), entry(epoch, number, contribution(100, &leaves)), &parameters()).unwrap();
        }
        map
    })
}

fn joined<'a>(maps: impl IntoIterator<Item = &'a FleetMap>) -> FleetMap {
    maps.into_iter().fold(FleetMap::default(), |mut all, map| {
        all.join(map);
        all
    })
}

proptest! {
    #[test]
    fn the_join_minds_neither_order_nor_grouping_nor_repetition(a in any_map(), b in any_map(), c in any_map()) {
        let all = joined([&a, &b, &c]);
        prop_assert_eq!(&joined([&c, &a, &b]), &all);
        prop_assert_eq!(&joined([&a, &joined([&b, &c])]), &all);
        prop_assert_eq!(&joined([&joined([&a, &b]), &c]), &all);
        prop_assert_eq!(&joined([&all, &b, &all, &a]), &all);
        let mut eager = parameters();
        eager.vote_hosts_min = 1;
        let view = FleetView::of(&all, &eager);
        prop_assert_eq!(FleetView::of(&joined([&b, &c, &a]), &eager), view.clone());
        let (n_hosts, nodes) = view.nodes();
        prop_assert_eq!(FleetView::from_nodes(n_hosts, nodes.to_vec()), Ok(view.clone()));
    }

    #[test]
    fn a_delta_leads_from_any_contribution_to_any_other(a in any_map(), b in any_map()) {
        let of = |map: &FleetMap| map.iter().next().map(|(_, entry)| entry.contribution.clone()).unwrap_or_default();
        let (old, new) = (of(&a), of(&b));
        let version = |number| Version { epoch: 1, number };
        let delta = ContributionDelta::between((version(1), &old), (version(2), &new));
        let mut map = FleetMap::default();
        map.offer(HostId(1), entry(1, 1, old.clone()), &parameters()).unwrap();
        map.apply(HostId(1), &delta, &parameters()).unwrap();
        prop_assert_eq!(&map.get(HostId(1)).unwrap().contribution, &new);
        prop_assert_eq!(delta.is_empty(), old == new || old.leaves.is_empty() && new.leaves.is_empty());
    }
}

#[test]
fn what_two_views_vouch_for_differently_is_told_by_path() {
    let view = |groups: &[Group<'_>]| FleetView::of(&fleet(groups), &parameters());
    let before = view(&[(10, &[(COMMON, 3, 100)])]);
    let after = view(&[(10, &[(ODD, 3, 101)]), (5, &[("host /bin/other file-read x", 3, 100)])]);
    let found: Vec<_> =
        after.difference(&before).into_iter().map(|one| (one.path.join(" "), one.before, one.now, one.votes)).collect();
    let gone = (COMMON.to_owned(), Vouched::ByFleet, Vouched::No, 0);
    let odd = (ODD.to_owned(), Vouched::No, Vouched::ByFleet, 10);
    let other = ("host /bin/other file-read x".to_owned(), Vouched::No, Vouched::ByPeers, 5);
    assert_eq!(found, [odd, gone, other]);
    assert_eq!(after.difference(&after), []);
}
