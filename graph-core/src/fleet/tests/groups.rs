//! Groups by labels: what a group's majority gives, and what it does not.

use super::*;
use crate::history::{RowReader, RowWriter};

const WEB: &str = "role=web";

fn views(map: &FleetMap, groups: &Groups, parameters: &ProfileParameters) -> Views {
    Views::of(map, groups, &Disputed::default(), parameters)
}

/// The first so many hosts of a fleet in one group.
fn first(n: u64) -> Groups {
    Groups::of((1..=n).map(|host| (HostId(host), WEB.into())))
}

fn lowered_in(view: &FleetView, path: &[Str], own_milli: u32) -> u32 {
    let entry = path.iter().fold(None, |parent, label| Some(view.child(parent, label)));
    view.lowered(entry.unwrap(), own_milli)
}

fn odd() -> Vec<Str> {
    ODD_PATH.map(Str::from).into()
}

/// The peers of [`ODD`] are many who do not do it, so that they say nothing.
#[test]
fn what_most_of_a_group_vouch_for_is_half_as_surprising() {
    for (with, without, others, expected) in [
        // Hosts of the group that vouch for it, those that do not, hosts elsewhere, and what is left of 12 bits.
        (3, 0, 20, 6_000),
        (6, 4, 90, 6_000),
        (20, 0, 80, 6_000),
        // Half of them is no majority, two are too few however few there are, and most of the fleet needs no group.
        (5, 5, 90, 12_000),
        (2, 0, 20, 12_000),
        (2, 1, 20, 12_000),
        (12, 0, 11, 1_000),
    ] {
        let leaves: [Group<'_>; 3] =
            [(with, &[(COMMON, 3, 100), (ODD, 3, 101)]), (without, &[(COMMON, 3, 100)]), (others, &[(COMMON, 3, 100)])];
        let map = fleet(&leaves);
        let views = views(&map, &first(with + without), &parameters());
        let of_group = lowered_in(&views.of_group(WEB), &odd(), 12_000);
        assert_eq!(of_group, expected, "{with} of {} in {}", with + without, map.len());
        let elsewhere = if 2 * with > map.len() as u64 { expected } else { 12_000 };
        assert_eq!(lowered_in(&views.fleet(), &odd(), 12_000), elsewhere);
        assert_eq!(views.of_group("role=db"), views.fleet(), "a group that there is not");
        assert_eq!(views.of_group(WEB).n_group(), (with + without) as u32);
    }
}

/// A fifth of the fleet is hostile, and all of it the whole of one group: not even there, where it is the peers as well, is anything ordinary.
#[test]
fn a_hostile_group_whitelists_nothing() {
    let evidence = "host /bin/app evidence ? dropped";
    let own = "host /bin/implant exec ? /tmp/ odd";
    let hostile: &[Leaf<'_>] = &[(COMMON, 3, 100), (ODD, 3, 101), (evidence, 3, 101), (own, 3, 101)];
    let map = fleet(&[(20, hostile), (80, &[(COMMON, 3, 100)])]);
    let alone = views(&map, &Groups::default(), &parameters());
    let views = views(&map, &first(20), &parameters());
    for path in [ODD, evidence, own] {
        let path: Vec<Str> = path.split(' ').map(Str::from).collect();
        let entry = |view: &FleetView| path.iter().fold(None, |parent, label| Some(view.child(parent, label))).unwrap();
        for own_milli in [0, 1, 700, 2_000, 12_000, 24_000] {
            for view in [views.fleet(), views.of_group(WEB)] {
                assert!(view.lowered(entry(&view), own_milli) >= own_milli / 2, "{path:?}");
                assert!(!view.vouches(entry(&view)), "{path:?} is usual nowhere");
            }
            assert_eq!(lowered_in(&views.fleet(), &path, own_milli), lowered_in(&alone.fleet(), &path, own_milli));
        }
        assert_eq!(views.of_group(WEB).rarity(20), views.fleet().rarity(20));
    }
}

#[test]
fn what_a_group_has_of_its_own_is_told_in_the_difference() {
    let map = fleet(&[(4, &[(COMMON, 3, 100), (ODD, 3, 101)]), (20, &[(COMMON, 3, 100)])]);
    let views = views(&map, &first(5), &parameters());
    let found = views.of_group(WEB).difference(&views.fleet());
    let expected = Difference { path: odd(), before: Vouched::No, now: Vouched::ByGroup, votes: 4, group: 4 };
    assert_eq!(found, [expected]);
}

/// What does not fit goes in this order: what few vouch for, what most of a group do, what most of the fleet do.
#[test]
fn what_most_of_a_group_vouch_for_is_not_the_first_to_go() {
    let rare = "host /bin/app exec ? /tmp/ rare";
    let map = fleet(&[
        (3, &[(COMMON, 3, 1), (ODD, 3, 1)]),
        (2, &[(COMMON, 3, 1)]),
        (9, &[(COMMON, 3, 1), (rare, 3, 1)]),
        (6, &[(COMMON, 3, 1)]),
    ]);
    let kept = |view_bytes_max: usize| {
        let tight = ProfileParameters { view_bytes_max, ..parameters() };
        let views = views(&map, &first(5), &tight);
        [views.fleet(), views.of_group(WEB)].map(|view| {
            [COMMON, ODD, rare]
                .map(|path| view.votes_for(&path.split(' ').collect::<Vec<_>>()).0)
                .map(|votes| votes > 0)
        })
    };
    assert_eq!(kept(1000), [[true, true, true], [true, true, true]]);
    // Room for one of the others, which share all but their last label.
    assert_eq!(kept(160), [[true, false, true], [true, true, false]]);
    assert_eq!(kept(120), [[true, false, false], [true, false, false]]);
    assert_eq!(kept(50), [[false; 3], [false; 3]]);
}

#[test]
fn beyond_the_largest_groups_hosts_are_in_none() {
    let named = |n: u64| Str::from(format!("role={n:03}"));
    // Two hosts in each, and a third in the last, which is therefore none of those that go.
    let n_groups = GROUPS_MAX as u64 + 3;
    let hosts =
        (0..2 * n_groups + 1).map(|n| (HostId(n), named((n % n_groups).max((n / (2 * n_groups)) * (n_groups - 1)))));
    let groups = Groups::of(hosts);
    assert_eq!((groups.sizes().len(), groups.sizes().get(&named(n_groups - 1))), (GROUPS_MAX, Some(&3)));
    let beyond: Vec<_> = groups.beyond().iter().map(|(name, size)| (name.clone(), *size)).collect();
    assert_eq!(beyond, [(named(63), 2), (named(64), 2), (named(65), 2)]);
    assert_eq!(
        [0, 62, 63, 66].map(|host| groups.get(HostId(host)).cloned()),
        [Some(named(0)), Some(named(62)), None, Some(named(66))]
    );
}

/// A map of up to 30 hosts, in which group each is, and a budget that may be tight.
fn any_fleet() -> impl Strategy<Value = (FleetMap, Groups, ProfileParameters)> {
    let leaves = prop::collection::btree_map("(a|b) (p|q) (a/ ){0,2}(x|y|z)", (1..5u32, 100..105u32), 0..8);
    let hosts = prop::collection::vec((leaves, 0..4usize), 0..30);
    (hosts, 1..4u32, prop::sample::select(vec![900_000, 400, 200, 90])).prop_map(|(hosts, vote_hosts_min, bytes)| {
        let parameters = ProfileParameters { vote_hosts_min, view_bytes_max: bytes, ..parameters() };
        let (mut map, mut of) = (FleetMap::default(), Vec::new());
        for (host, (leaves, group)) in (1..).map(HostId).zip(hosts) {
            let leaves: Vec<_> = leaves.iter().map(|(path, &(days, first))| (path.as_str(), days, first)).collect();
            map.offer(host, entry(1, 1, contribution(100, &leaves)), &parameters).unwrap();
            of.extend([None, Some("g=1"), Some("g=2"), Some("g=3")][group].map(|group| (host, Str::from(group))));
        }
        (map, Groups::of(of), parameters)
    })
}

/// Every path that any host contributed, with the hosts that vouch for it or for what lies below.
fn votes(map: &FleetMap, parameters: &ProfileParameters) -> BTreeMap<Vec<Str>, Vec<HostId>> {
    let mut votes: BTreeMap<Vec<Str>, Vec<HostId>> = BTreeMap::new();
    for (host, entry) in map.iter() {
        let Contribution { dictionary, leaves, .. } = &entry.contribution;
        for leaf in leaves.iter().filter(|leaf| leaf.days >= parameters.vote_days) {
            let path: Vec<Str> = leaf.path.iter().map(|&step| dictionary[step as usize].clone()).collect();
            for n in 1..=path.len() {
                let of = votes.entry(path[..n].to_vec()).or_default();
                of.extend((of.last() != Some(&host)).then_some(host));
            }
        }
    }
    votes
}

proptest! {
    /// Told of each path by counting anew: a minority of the group changes nothing, the majority gives a factor of two at most, and who is in
    /// no group sees nothing of groups.
    #[test]
    fn a_group_s_majority_gives_a_factor_of_two_and_a_minority_nothing((map, groups, parameters) in any_fleet()) {
        let wide = ProfileParameters { view_bytes_max: 900_000, ..parameters.clone() };
        let all = views(&map, &groups, &wide);
        prop_assert_eq!(all.fleet(), FleetView::of(&map, &wide));
        for (name, n_group) in all.groups() {
            let (view, fleet) = (all.of_group(name), all.fleet());
            for (path, hosts) in votes(&map, &wide) {
                let own_milli = 5_000;
                let [without, with] = [&fleet, &view].map(|view| lowered_in(view, &path, own_milli));
                let of_group = hosts.iter().filter(|host| groups.get(**host) == Some(name)).count() as u32;
                let vouches = of_group >= wide.vote_hosts_min && 2 * of_group > n_group;
                let is_of_fleet = 2 * hosts.len() as u32 > fleet.n_hosts();
                prop_assert!(with <= without && with >= without.min(own_milli / 2), "{with} {without}");
                if !vouches || is_of_fleet {
                    prop_assert_eq!(with, without);
                } else {
                    prop_assert_eq!(with, own_milli / 2);
                }
            }
        }
    }

    #[test]
    fn a_group_without_members_changes_nothing((map, groups, parameters) in any_fleet()) {
        let more = (1..).map(HostId).take(40).filter_map(|host| Some((host, groups.get(host)?.clone())));
        let more = more.chain((100..110).map(|host| (HostId(host), "g=9".into())));
        prop_assert_eq!(views(&map, &Groups::of(more), &parameters), views(&map, &groups, &parameters));
        let nobody = Groups::of((100..110).map(|host| (HostId(host), "g=9".into())));
        prop_assert_eq!(views(&map, &nobody, &parameters), views(&map, &Groups::default(), &parameters));
    }

    #[test]
    fn views_mind_no_order_of_hosts_and_fit_their_budget_and_their_row((map, groups, parameters) in any_fleet()) {
        let all = views(&map, &groups, &parameters);
        let mut turned = FleetMap::default();
        let other = |host: HostId| HostId(1000 - host.0 * 7 % 31);
        for (host, entry) in map.iter() {
            turned.offer(other(host), entry.clone(), &parameters).unwrap();
        }
        let of = map.iter().filter_map(|(host, _)| Some((other(host), groups.get(host)?.clone())));
        prop_assert_eq!(&views(&turned, &Groups::of(of), &parameters), &all);

        let names: Vec<Str> = all.groups().map(|(name, _)| name.clone()).collect();
        for view in [all.fleet()].into_iter().chain(names.iter().map(|name| all.of_group(name))) {
            let (n_hosts, nodes) = view.nodes();
            let bytes: usize = nodes.iter().map(|node| 12 + node.label.len() + 4 * usize::from(node.group > 0)).sum();
            prop_assert!(bytes <= parameters.view_bytes_max);
            let again = FleetView::from_nodes(n_hosts, nodes.to_vec()).map(|again| again.with_group(view.n_group()));
            prop_assert_eq!(again, Ok(view.clone()));
            prop_assert!(nodes.iter().all(|node| node.group <= node.votes && node.group <= view.n_group()));
        }

        let mut row = Vec::new();
        all.write(&mut RowWriter::new(&mut row));
        let mut reader = RowReader::new("views", &row);
        prop_assert_eq!(Views::read(&mut reader).unwrap(), all.clone());
        prop_assert!(reader.end().is_ok());
        let cut = row.len() / 2;
        prop_assert!(Views::read(&mut RowReader::new("views", &row[..cut])).is_err());
        prop_assert_eq!(Views::from(&all.fleet()).fleet(), all.fleet());
    }
}
