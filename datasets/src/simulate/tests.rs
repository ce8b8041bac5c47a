//! Laws of every simulation, over seeds and sizes.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use tracewell_model::{Event, HostId, NodeAttrs, Object, Operation, ProcessRef};

/// A recording with all stories in it, at a rate at which they come out whole.
fn config(seed: u64, hosts: u32, n: u64) -> SimulationConfig {
    SimulationConfig { events_per_1000_s: 400_000, ..SimulationConfig::new(seed, hosts) }
        .with_records(n)
        .with_every_story()
}

fn digest(config: &SimulationConfig) -> u64 {
    let mut hasher = DefaultHasher::new();
    Simulation::new(config).unwrap().for_each(|record| format!("{record:?}").hash(&mut hasher));
    hasher.finish()
}

fn time(record: &Record) -> Option<(HostId, EventNs)> {
    match record {
        Record::Host(_) | Record::Checkpoint(_) | Record::History(_) => None,
        Record::Process(process) => Some((process.host, process.time)),
        Record::Event(event) => Some((event.host, event.time)),
        Record::Tick { host, time } => Some((*host, *time)),
        Record::Loss(loss) => Some((loss.host, loss.time)),
        Record::Finding(found) => Some((found.host, found.time)),
    }
}

/// Checks order, introductions, lives of processes and ticks; returns how many pids were used again.
fn check_order(config: &SimulationConfig, records: &[Record]) -> usize {
    let mut now = config.start;
    let mut ticks = HashMap::new();
    let mut alive: HashSet<(HostId, ProcessRef)> = HashSet::new();
    let mut forked: HashSet<(HostId, ProcessRef)> = HashSet::new();
    let mut pids = HashSet::new();
    let mut n_reused = 0;
    for record in records {
        let Some((host, time)) = time(record) else {
            let Record::Host(host) = record else { unreachable!() };
            assert!(ticks.insert(host.host, config.start).is_none(), "{host:?} came twice");
            continue;
        };
        assert!(time >= now, "time goes back at {record:?}");
        now = time;
        let last_tick = ticks.get_mut(&host).unwrap_or_else(|| panic!("host is unknown at {record:?}"));
        assert!(time.since(*last_tick) <= 60 * EventNs::SECOND, "a tick is missing before {record:?}");
        match record {
            Record::Tick { .. } => *last_tick = time,
            Record::Process(process) => {
                alive.insert((host, process.process));
            }
            Record::Event(event) => {
                let subject = (host, event.subject);
                assert!(alive.contains(&subject), "subject does not live at {event:?}");
                match (&event.op, &event.object) {
                    (Operation::Fork, Object::Process(child)) => {
                        assert!(forked.insert((host, *child)), "born twice: {event:?}");
                        assert!(alive.insert((host, *child)), "born while alive: {event:?}");
                        n_reused += usize::from(!pids.insert((host, child.pid)));
                    }
                    (Operation::Exec, _) => assert!(forked.contains(&subject), "exec without fork: {event:?}"),
                    (Operation::Exit, _) => assert!(alive.remove(&subject)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    n_reused
}

/// Checks that both ends of a connection within the fleet see the same tuple, the opening one first.
fn check_connections(records: &[Record]) {
    let in_fleet = |address: SocketAddr| matches!(address.ip(), IpAddr::V4(ip) if ip.octets()[..2] == [10, 20]);
    let (mut open, mut n_accepted) = (HashSet::new(), 0);
    for event in records.iter().filter_map(as_event) {
        let Object::Socket(socket) = &event.object else { continue };
        let (Some(local), Some(remote)) = (socket.local, socket.remote) else { continue };
        if event.op == Operation::Connect && in_fleet(remote) {
            open.insert((local, remote));
        } else if event.op == Operation::Accept && in_fleet(remote) {
            assert!(open.remove(&(remote, local)), "nobody called: {event:?}");
            n_accepted += 1;
        }
    }
    assert!(open.len() <= n_accepted / 20 + 4, "{} of {} calls were not taken", open.len(), open.len() + n_accepted);
}

fn as_event(record: &Record) -> Option<&Event> {
    match record {
        Record::Event(event) => Some(event),
        _ => None,
    }
}

fn attrs(object: &Object) -> Option<NodeAttrs> {
    match object.clone() {
        Object::None => None,
        Object::Process(process) => Some(NodeAttrs::Process {
            process,
            exe: None,
            cmdline: None,
            uid: None,
            container: None,
            environment: None,
        }),
        Object::File(file) => Some(NodeAttrs::File { uuid: file.uuid, path: file.path, kind: file.kind }),
        Object::Socket(socket) => Some(NodeAttrs::Socket {
            uuid: socket.uuid,
            protocol: socket.protocol,
            local: socket.local,
            remote: socket.remote,
            path: socket.path,
        }),
    }
}

/// Checks that the truth labels what attacks made, all of it, and nothing that others touch.
fn check_truth(simulation: &Simulation, records: &[Record]) {
    let truth = simulation.truth();
    let made: BTreeSet<_> = simulation.attacks().iter().flat_map(|attack| attack.made.iter().cloned()).collect();
    let misused: BTreeSet<_> = simulation.attacks().iter().flat_map(|attack| attack.misused.iter().cloned()).collect();
    assert!(made.is_disjoint(&misused));
    let names: BTreeMap<_, _> = simulation.names.clone();
    // Patterns by host, so that each object is compared with few.
    let mut patterns: HashMap<&str, Vec<_>> = HashMap::new();
    for node in truth.attacks.iter().flat_map(|attack| &attack.nodes) {
        patterns.entry(node.host.as_deref().expect("always given")).or_default().push(node);
    }
    let mut matched = HashSet::new();
    for event in records.iter().filter_map(as_event) {
        let Some(node) = SimulatedNode::of(&event.object) else { continue };
        let (name, node) = (&*names[&event.host], (event.host, node));
        let attrs = attrs(&event.object).expect("it is a node");
        let hits: Vec<_> = patterns.get(name).into_iter().flatten().filter(|p| p.matches(name, &attrs)).collect();
        assert_eq!(!hits.is_empty(), made.contains(&node), "{event:?}");
        if !hits.is_empty() {
            let subject = (event.host, SimulatedNode::Process(event.subject));
            assert!(made.contains(&subject) || misused.contains(&subject), "daily life met an attack: {event:?}");
            matched.extend(hits.into_iter().map(|pattern| format!("{pattern:?}")));
        }
    }
    let n_patterns: usize = patterns.values().map(Vec::len).sum();
    assert_eq!(matched.len(), n_patterns, "some labelled nodes never occur");
    for attack in simulation.attacks() {
        let touches = |event: &Event| {
            let nodes = [Some(SimulatedNode::Process(event.subject)), SimulatedNode::of(&event.object)];
            nodes.into_iter().flatten().any(|node| attack.made.contains(&(event.host, node)))
        };
        for (from, to) in &attack.windows {
            let inside = |event: &&Event| (from..=to).contains(&&event.time);
            let found = records.iter().filter_map(as_event).filter(inside).any(touches);
            assert!(found, "nothing of {} from {from:?} to {to:?}", attack.story.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_simulation_keeps_the_laws(seed: u64, hosts in 1u32..30, n in 1u64..60_000) {
        let config = config(seed, hosts, n);
        let mut simulation = Simulation::new(&config).unwrap();
        let records: Vec<_> = simulation.by_ref().collect();
        prop_assert!(records.len() as u64 <= n);
        check_order(&config, &records);
        check_connections(&records);
        check_truth(&simulation, &records);
    }

    #[test]
    fn the_seed_decides_everything(seed: u64, hosts in 1u32..12) {
        let config = config(seed, hosts, 8000);
        prop_assert_eq!(digest(&config), digest(&config));
        prop_assert_ne!(digest(&config), digest(&SimulationConfig { seed: seed ^ 1, ..config }));
    }
}

/// Each story is told to its end: its last step happens, on all hosts of its cast.
#[test]
fn every_story_visits_its_whole_cast() {
    let mut simulation = Simulation::new(&config(11, 12, 400_000)).unwrap();
    assert_eq!(simulation.by_ref().count(), 400_000);
    let stories: Vec<_> = simulation.attacks().iter().map(|attack| attack.story).collect();
    assert_eq!(stories, Story::ALL);
    for attack in simulation.attacks() {
        let hosts: BTreeSet<_> = attack.made.iter().map(|(host, _)| *host).collect();
        assert_eq!(hosts.len(), attack.story.cast().len(), "{attack:?}");
        assert!(attack.is_told_to_the_end, "{} was cut off", attack.story.name());
    }
    assert_eq!(simulation.truth().attacks.len(), Story::ALL.len());
}

#[test]
fn ends_after_the_number_of_records_or_the_time() {
    let exact = config(3, 6, 50_000);
    assert_eq!(Simulation::new(&exact).unwrap().count(), 50_000);
    let short = SimulationConfig { duration_ns: 90 * EventNs::SECOND, ..SimulationConfig::new(3, 6) };
    let last = Simulation::new(&short).unwrap().filter_map(|record| time(&record)).last().unwrap();
    assert!(last.1 < short.start.after(short.duration_ns));
    assert!(last.1 > short.start.after(short.duration_ns - 5 * EventNs::SECOND));
}

/// Over a day the rate comes out as asked for, on each host, though some call others.
#[test]
fn the_mean_rate_is_kept_and_the_night_is_quiet() {
    let config = SimulationConfig { events_per_1000_s: 2_000, ..SimulationConfig::new(5, 12) };
    let mut counts: HashMap<HostId, [u64; 24]> = HashMap::new();
    for record in Simulation::new(&config).unwrap() {
        if let Record::Event(event) = record {
            let hour = event.time.since(config.start) / (3600 * EventNs::SECOND);
            counts.entry(event.host).or_default()[hour as usize] += 1;
        }
    }
    assert_eq!(counts.len(), 12);
    for (host, hours) in &counts {
        let n: u64 = hours.iter().sum();
        assert!((160_000..=190_000).contains(&n), "{host} had {n} events, expected about 172,800");
    }
    let night = |hours: &[u64; 24]| hours[3] * 2 < hours[10];
    assert!(counts.values().filter(|hours| night(hours)).count() >= 10);
}

#[test]
fn rhythms_have_a_mean_of_one() {
    for role in Role::ALL {
        let monday = config(0, 1, 1).start;
        let load = |hour: u64| role.load_permille(monday.after(hour * 3600 * EventNs::SECOND));
        assert_eq!((0..24).map(load).sum::<u64>(), 24_000, "{role:?}");
        assert_eq!(load(5 * 24 + 10), load(10) * 2 / 5, "{role:?} on a Saturday");
    }
}

#[test]
fn pids_are_used_again_after_a_wrap() {
    let config =
        SimulationConfig { events_per_1000_s: 2_000_000, ..SimulationConfig::new(9, 4) }.with_records(2_500_000);
    let records: Vec<_> = Simulation::new(&config).unwrap().collect();
    assert!(check_order(&config, &records) > 1000);
}

#[test]
fn repeats_grow_with_calls_and_novelty_decays() {
    let stream = |calls_per_transfer| {
        let config = SimulationConfig { calls_per_transfer, ..config(1, 6, 200_000) };
        Simulation::new(&config).unwrap()
    };
    let shares = [1, 3, 20].map(|calls| repeats(stream(calls)).permille());
    assert!(shares[0] + 100 < shares[1] && shares[1] + 100 < shares[2], "{shares:?}");

    let mut n_new = [0; 2];
    let web = SimulationConfig { attacks: Vec::new(), ..config(1, 1, 400_000) };
    for (i, record) in Simulation::new(&web).unwrap().enumerate() {
        if let Some(Event { op: Operation::Create, object: Object::File(file), .. }) = as_event(&record)
            && file.path.as_ref().is_some_and(|path| path.starts_with("/var/www/"))
        {
            n_new[i / 200_000] += 1;
        }
    }
    assert!(n_new[1] > 0 && n_new[1] * 2 < n_new[0], "{n_new:?}");
}

#[test]
fn configurations_that_cannot_be_meant_are_refused() {
    let check = |change: fn(&mut SimulationConfig), expected: &str| {
        let mut config = SimulationConfig::new(1, 6);
        change(&mut config);
        assert_eq!(Simulation::new(&config).map(|_| ()).unwrap_err().to_string(), expected);
    };
    check(|c| c.hosts = 0, "simulation option hosts is 0, expected 1 to 10000");
    check(|c| c.calls_per_transfer = 0, "simulation option calls_per_transfer is 0, expected 1 to 1000");
    check(
        |c| c.attacks = vec![AttackPlan { story: Story::Phishing, start: EventNs(5), span_ns: EventNs::SECOND }],
        "attack 0 (phishing) starts at 5 ns, expected a time within the recording",
    );
    check(
        |c| {
            *c = std::mem::replace(c, SimulationConfig::new(1, 6)).with_every_story();
            c.hosts = 1;
        },
        "attack 0 (web-intrusion) needs at least 2 hosts, the fleet has 1",
    );
}

#[test]
fn stories_have_names() {
    for story in Story::ALL {
        assert_eq!(Story::from_name(story.name()), Some(story));
    }
    assert_eq!(Story::from_name("picnic"), None);
}
