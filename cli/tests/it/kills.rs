//! Agents and their aggregator are killed with -9 at moments that follow from a seed, and begun again until all is acknowledged.

use crate::fleet::{Fleet, Setup, TALKATIVE, same};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::thread;
use std::time::Duration;
use tracewell_agent::spool::Spool;
use tracewell_aggregator::Store as _;
use tracewell_aggregator::disk::Disk;
use tracewell_model::{AlertId, HostId};
use tracewell_store::{Store, StoreOptions};
use tracewell_wire::quic::client::Outgoing;
use tracewell_wire::{Class, Payload, decode};

/// An attack that goes through three hosts.
const RECORDING: &str = "lateral-1";
const HOSTS: [&str; 3] = ["web-1", "app-1", "db-1"];
/// How many; `cargo xtask test --full` asks for more.
const KILLS: u32 = 200;
/// Of one fleet, before it is let finish and looked at.
const KILLS_A_FLEET: u32 = 20;
/// Between two kills. A replay takes longer than most of them, and not than all, so that some hosts come to their end.
const UNHARMED_MS: RangeInclusive<u64> = 0..=400;

/// By host and id the latest revision of an alert.
type Alerts = BTreeMap<(HostId, AlertId), u32>;

/// The alerts that a spool took and that are not acknowledged; nobody else may use it.
fn accepted(folder: &str) -> Alerts {
    let store = Store::open(Path::new(folder), StoreOptions::default()).expect("nobody else has it open");
    let spool = Spool::open(&store, 1 << 30).expect("it can be read");
    let mut alerts = Alerts::new();
    let mut after = None;
    while let Some((key, frame)) = spool.next(Class::Alert, after) {
        let Payload::Alert(update) = decode(&frame).expect("it was encoded there").payload else { panic!("no alert") };
        let revision = alerts.entry((update.graph.host, update.graph.id)).or_default();
        *revision = update.graph.revision.max(*revision);
        after = Some(key);
    }
    alerts
}

/// The fleet of one seed, killed so often at most; gives how often it was, by then all was acknowledged.
fn fleet_that_is_killed(seed: u64, kills_max: u32, expected: &mut Option<String>) -> Option<u32> {
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut fleet = Fleet::with(Setup { parameters: TALKATIVE, ..Setup::default() })?;
    let token = fleet.token(3);
    for host in HOSTS {
        assert!(fleet.enrol(host, &token).status.success(), "seed {seed}");
    }
    let mut accepted_in_all = Alerts::new();
    let mut running = HOSTS.map(|host| fleet.replay(host, RECORDING));
    let mut n_kills = 0;
    while n_kills < kills_max {
        thread::park_timeout(Duration::from_millis(random.random_range(UNHARMED_MS)));
        // Of the hosts only those that are not done: one that is has nothing to lose.
        let victims: Vec<_> = (0..running.len()).filter(|&n| running[n].is_running()).map(Some).chain([None]).collect();
        match *victims.choose(&mut random).expect("there is the aggregator") {
            _ if victims.len() == 1 => break,
            None => {
                fleet.kill_aggregator();
                fleet.run_aggregator();
            }
            Some(n) => {
                running[n].kill();
                accepted_in_all.extend(accepted(&fleet.place.path(HOSTS[n])));
                running[n] = fleet.replay(HOSTS[n], RECORDING);
            }
        }
        n_kills += 1;
    }
    for running in running {
        let (is_well, said) = running.end();
        assert!(is_well, "seed {seed}: {said:#?}");
    }
    for host in fleet.hosts() {
        assert_eq!((&host["missing_frames"], &host["refused_frames"]), (&0.into(), &0.into()), "seed {seed}: {host:#}");
        assert!(host["forked"] == false, "seed {seed}: {host:#}");
    }
    let expected = expected.get_or_insert_with(|| fleet.expected(&[RECORDING]));
    same(&fleet.incidents(), expected);
    fleet.kill_aggregator();
    let store =
        Disk::open(&Path::new(&fleet.place.path("state")).join("store")).expect("nobody else has it open").store();
    let stored = store.alerts().expect("they can be read").into_iter();
    let stored: Alerts = stored.map(|graph| ((graph.host, graph.id), graph.revision)).collect();
    for (alert, revision) in accepted_in_all {
        assert!(stored.get(&alert) >= Some(&revision), "seed {seed}: {alert:?} was accepted and is not there");
    }
    Some(n_kills)
}

#[test]
fn kills_in_the_middle_lose_nothing_and_double_nothing() {
    let asked = std::env::var("TRACEWELL_KILLS").ok().map(|n| n.parse().expect("a number of kills"));
    let mut left = asked.unwrap_or(KILLS);
    let mut expected = None;
    // A fleet that is done is killed no more, and one may be done before the first kill.
    for seed in 0..u64::from(left) {
        let Some(n_kills) = fleet_that_is_killed(seed, left.min(KILLS_A_FLEET), &mut expected) else { return };
        left -= n_kills;
        if left == 0 {
            println!("{} fleets", seed + 1);
            return;
        }
    }
    panic!("hosts are done before they are killed: {left} kills are left");
}
