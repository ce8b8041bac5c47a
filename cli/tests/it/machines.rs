//! Three hosts and their aggregator, each with an address of its own, and an attack that goes through all three.

use crate::detectors::{path, shipped};
use crate::fleet::{Fleet, Running, Setup, TALKATIVE, same};
use crate::namespaces::{Namespace, Network, hosts_port};
use crate::relay::{Counts, Relay};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

/// An intruder goes from the first host to the second and from there to the third (`docs/lab.md`, scenario `lateral`).
const RECORDING: &str = "lateral-1";
const HOSTS: [&str; 3] = ["web-1", "app-1", "db-1"];
const PATIENCE: Duration = Duration::from_secs(120);
/// Networks that fail, each in its own way.
const SEEDS: u64 = 5;

struct Machines {
    fleet: Fleet,
    network: Network,
    hosts: [(Namespace, Ipv4Addr); 3],
    /// Those of each host, if any.
    detectors: Option<PathBuf>,
}

impl Machines {
    fn start(parameters: &'static str, detectors: Option<PathBuf>) -> Option<Self> {
        let mut network = Network::make()?;
        let (namespace, address) = network.machine();
        let fleet = Fleet::with(Setup {
            within: Some(namespace),
            listen: hosts_port(address).to_string(),
            parameters,
            ..Setup::default()
        })?;
        let hosts = HOSTS.map(|_| network.machine());
        Some(Self { fleet, network, hosts, detectors })
    }

    /// All hosts enrol, and send their part of the recording by what they find at an address.
    fn send(&self, server: &str) {
        for running in self.start_sending(server, 0) {
            let (is_well, said) = running.end();
            assert!(is_well, "{said:#?}");
        }
    }

    /// They do, and stay for so many seconds.
    fn start_sending(&self, server: &str, linger_s: u64) -> Vec<Running> {
        let token = self.fleet.token(3);
        for (name, (namespace, _)) in HOSTS.iter().zip(&self.hosts) {
            let mut enrolling = self.fleet.enrolling(name, &token, &self.fleet.listen);
            let enrolled = namespace.inside(move || enrolling.output()).expect("it starts");
            assert!(enrolled.status.success(), "{name}: {}", String::from_utf8_lossy(&enrolled.stderr));
        }
        let running = HOSTS.iter().zip(&self.hosts).map(|(name, (namespace, _))| {
            let mut replaying = self.fleet.replaying(name, RECORDING, server);
            replaying.args(["--linger", &linger_s.to_string()]);
            if let Some(detectors) = &self.detectors {
                replaying.arg("--detectors").arg(detectors);
            }
            namespace.inside(move || Running::start(&mut replaying))
        });
        running.collect()
    }

    /// The address that each host was enrolled from.
    fn enrolled_from(&self) -> BTreeMap<String, SocketAddr> {
        let text = |host: &Value, field: &str| host[field].as_str().expect("it is a text").to_owned();
        let of = |host: &Value| (text(host, "name"), text(host, "enrolled_from").parse().expect("it is an address"));
        self.fleet.hosts().iter().map(of).collect()
    }

    fn assert_all_is_there_once(&self, expected: &str) {
        let found = self.fleet.incidents();
        let alerts = alerts(&found);
        assert!(alerts.values().all(|n| *n == 1), "an alert is there more than once: {alerts:?}");
        same(&found, expected);
        for host in self.fleet.hosts() {
            assert_eq!((&host["missing_frames"], &host["refused_frames"]), (&0.into(), &0.into()), "{host:#}");
            assert!(host["forked"] == false, "{host:#}");
        }
    }

    /// What a replay within one process finds, and on how many hosts.
    fn expected(&self) -> (String, usize) {
        let (code, mut options) = (self.fleet.place.path("code"), Vec::new());
        if let Some(detectors) = &self.detectors {
            options.extend(["--detectors", path(detectors), "--code", &code]);
        }
        let expected = self.fleet.expected_with(&[RECORDING], &options);
        let hosts: BTreeSet<_> = alerts(&expected).into_keys().map(|(host, _)| host).collect();
        (expected, hosts.len())
    }
}

/// By host and id, how often each alert is there.
fn alerts(document: &str) -> BTreeMap<(String, String), u32> {
    let document: Value = serde_json::from_str(document).expect("it is JSON");
    let mut alerts = BTreeMap::new();
    let incidents = document["incidents"].as_array().expect("it is a list").iter();
    for member in incidents.flat_map(|incident| incident["members"].as_array().expect("it is a list")) {
        let text = |field: &str| member[field].as_str().expect("it is a text").to_owned();
        *alerts.entry((text("host"), text("id"))).or_default() += 1;
    }
    alerts
}

/// The host in the middle raises no alert: it shows what it saw because the first one's leads there, and so the third joins (ADR 0022).
#[test]
fn an_attack_over_three_machines_is_one_incident() {
    let Some(detectors) = shipped() else { return };
    let Some(machines) = Machines::start("", Some(detectors)) else { return };
    let lingering = machines.start_sending(&machines.fleet.listen, PATIENCE.as_secs());
    let begun = Instant::now();
    loop {
        let found = machines.fleet.incidents();
        let document: Value = serde_json::from_str(&found).expect("it is JSON");
        let hosts: Vec<_> =
            document["incidents"].as_array().expect("it is a list").iter().map(|one| &one["hosts"]).collect();
        if hosts == [&json!(["app-1", "db-1", "web-1"])] {
            assert!(alerts(&found).values().all(|n| *n == 1), "an alert is there more than once: {found}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "incidents are on {hosts:?}");
        park_timeout(Duration::from_millis(200));
    }
    drop(lingering);
}

#[test]
fn an_attack_over_three_machines_arrives_from_three_addresses() {
    let Some(detectors) = shipped() else { return };
    let Some(machines) = Machines::start("[score]\nfollowed_min = 100_001\n", Some(detectors)) else { return };
    machines.send(&machines.fleet.listen);
    let from = machines.enrolled_from();
    for (name, (_, address)) in HOSTS.iter().zip(&machines.hosts) {
        assert_eq!(from[*name].ip(), *address, "{name}");
    }
    let (expected, n_hosts) = machines.expected();
    assert!(n_hosts > 1, "{n_hosts} are hit");
    machines.assert_all_is_there_once(&expected);
}

#[test]
fn it_arrives_over_a_network_that_fails() {
    let (mut expected, mut happened) = (None, [0; 7]);
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let Some(mut machines) = Machines::start(TALKATIVE, None) else { return };
        let aggregator = machines.fleet.listen.parse().expect("it says its address");
        let (namespace, address) = machines.network.machine();
        let relay = Relay::start(&namespace, hosts_port(address), aggregator, seed);
        machines.send(&hosts_port(address).to_string());
        let counts = relay.end();
        println!("{counts:?}");
        let Counts { passed, lost, doubled, held_up, cuts, lost_by_cuts, rebound } = counts;
        let counts = [passed, lost, doubled, held_up, cuts, lost_by_cuts, rebound];
        happened.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
        let (expected, n_hosts) = expected.get_or_insert_with(|| machines.expected());
        assert_eq!(*n_hosts, HOSTS.len(), "all are hit");
        machines.assert_all_is_there_once(expected);
    }
    assert!(happened.iter().all(|n| *n > 0), "something never happened: {happened:?}");
}
