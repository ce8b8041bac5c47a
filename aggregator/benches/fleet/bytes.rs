//! What a host and its aggregator send in a day, by class: measured for one frame of each, and as often as a stated mix has them.

use crate::graphs::distinct;
use crate::host::HOUR;
use crate::program::Place;
use crate::sessions::{BEGIN, Enrolled, Fleet, Host};
use crate::sockets::Counted;
use crate::{Arguments, Table, rest};
use anyhow::Result;
use std::time::Duration;
use tokio::runtime::Runtime;
use tracewell_graph_core::fleet::{ContributionDelta, Version};
use tracewell_graph_core::profile::{Contribution, ContributionLeaf};
use tracewell_model::{AlertUpdate, EventNs, LossCause, LossRecord};
use tracewell_wire::Payload;

/// Receipts may come this much behind what they are for.
const TRAILING: Duration = Duration::from_secs(2);
const DAY: f64 = 86_400.0;
/// Leaves of the first profile that a host contributes, and of what it adds to it on a day.
const FIRST_LEAVES: u32 = 500;
const DAILY_LEAVES: u32 = 10;

/// The mix: how often a host sends a frame of each kind in a day. A heartbeat every six hours and one contribution are what the agent
/// does; alerts and losses are those of an unquiet host.
const ALERTS: f64 = 20.0;
const HEARTBEATS: f64 = 4.0;
const CONTRIBUTIONS: f64 = 1.0;
const LOSSES: f64 = 4.0;
const VIEWS: f64 = 1.0;

/// For one frame, or one host and day.
#[derive(Clone, Copy, Default)]
struct Cost {
    application: f64,
    udp: f64,
    datagrams: f64,
}

pub fn run(arguments: &Arguments, runtime: &Runtime, table: &mut Table) -> Result<()> {
    let place = Place::new(arguments.hosts)?;
    let _program = place.start()?;
    let enrolled = Enrolled::at(&place, arguments, runtime)?;
    let fleet = enrolled.connect(runtime)?;
    fleet.wait_connected()?;
    fleet.wait_acknowledged()?;
    rest(runtime, TRAILING);
    let mut trial = Trial { fleet, runtime, table, day: Cost::default() };
    trial.told("connecting once, with greeting and heartbeat", Counted::default(), 0, 1.0, None);
    trial.keep_alive(arguments);
    trial.kind("alert graph of 8 nodes", ALERTS, |host, n| {
        host.send(Payload::Alert(AlertUpdate { extends: 0, graph: distinct(host.id, n) }))
    })?;
    trial.kind("heartbeat", HEARTBEATS, |host, _| host.beat(BEGIN + HOUR))?;
    trial.kind("loss", LOSSES, |host, n| {
        let time = EventNs(BEGIN + HOUR);
        host.send(Payload::Loss(LossRecord { host: host.id, time, cause: LossCause::Gap, n_events: n + 1 }))
    })?;
    let first = Version { epoch: 1, number: 1 };
    trial.once(&format!("first contribution, {FIRST_LEAVES} leaves (once in a host's life)"), |host, _| {
        host.send(Payload::Profile(ContributionDelta::whole(first, contribution(FIRST_LEAVES))))
    })?;
    // Each host is given the view with its next heartbeat.
    trial.kind(&format!("heartbeat, and the fleet's view of {FIRST_LEAVES} leaves for it"), VIEWS, |host, _| {
        host.beat(BEGIN + 30 * HOUR)
    })?;
    let (before, after) = (contribution(FIRST_LEAVES), contribution(FIRST_LEAVES + DAILY_LEAVES));
    let daily = ContributionDelta::between((first, &before), (Version { epoch: 1, number: 2 }, &after));
    trial.kind(&format!("contribution of a day, {DAILY_LEAVES} leaves"), CONTRIBUTIONS, |host, _| {
        host.send(Payload::Profile(daily.clone()))
    })?;
    let Cost { application, udp, datagrams } = trial.day;
    let bits = |bytes: f64| bytes * 8.0 / DAY;
    trial.table.row(
        "a host and day of this mix, extrapolated",
        &format!(
            "application {application:.0} bytes ({:.2} bit/s); UDP payload {udp:.0} bytes ({:.2} bit/s) in {datagrams:.0} datagrams",
            bits(application),
            bits(udp)
        ),
        "≤ 15 bit/s application",
    );
    Ok(())
}

struct Trial<'a> {
    fleet: Fleet,
    runtime: &'a Runtime,
    table: &'a mut Table,
    day: Cost,
}

impl Trial<'_> {
    /// A whole number of intervals, so that each host says as often that it is there.
    fn keep_alive(&mut self, arguments: &Arguments) {
        let interval = arguments.keep_alive();
        let n = (arguments.seconds / arguments.keep_alive).max(1);
        let (before, bytes) = (self.fleet.traffic(), self.fleet.application_bytes());
        rest(self.runtime, interval * u32::try_from(n).unwrap_or(1));
        let what = format!("keep-alive every {} s, from {} s idle", arguments.keep_alive, n * arguments.keep_alive);
        self.told(&what, before, bytes, n as f64, Some(DAY / interval.as_secs_f64()));
    }

    /// A frame of every host, so many times in a day.
    fn kind(&mut self, what: &str, per_day: f64, send: impl Fn(&Host, u64) -> Result<()>) -> Result<()> {
        self.measured(what, Some(per_day), send)
    }

    /// The same of what is no part of a day.
    fn once(&mut self, what: &str, send: impl Fn(&Host, u64) -> Result<()>) -> Result<()> {
        self.measured(what, None, send)
    }

    fn measured(&mut self, what: &str, per_day: Option<f64>, send: impl Fn(&Host, u64) -> Result<()>) -> Result<()> {
        let (before, bytes) = (self.fleet.traffic(), self.fleet.application_bytes());
        for (host, n) in self.fleet.hosts.iter().zip(0..) {
            send(host, n)?;
        }
        self.fleet.wait_acknowledged()?;
        rest(self.runtime, TRAILING);
        self.told(what, before, bytes, 1.0, per_day);
        Ok(())
    }

    /// Of what came since then, `n` times from each host.
    fn told(&mut self, what: &str, before: Counted, bytes_before: u64, n: f64, per_day: Option<f64>) {
        let n = self.fleet.hosts.len() as f64 * n;
        let Counted { bytes, datagrams } = self.fleet.traffic().since(before);
        let application = (self.fleet.application_bytes() - bytes_before) as f64 / n;
        let one = Cost { application, udp: bytes as f64 / n, datagrams: datagrams as f64 / n };
        let mut measured = format!(
            "application {:.0} bytes, UDP payload {:.0} bytes in {:.1} datagrams both ways",
            one.application, one.udp, one.datagrams
        );
        if let Some(per_day) = per_day {
            let of = |of: f64| of * per_day;
            measured += &format!("; × {per_day:.0} a day: {:.0} and {:.0} bytes", of(one.application), of(one.udp));
            self.day.application += of(one.application);
            self.day.udp += of(one.udp);
            self.day.datagrams += of(one.datagrams);
        }
        self.table.row(what, &measured, "");
    }
}

/// The first `n` leaves of what every host does, seen on as many days as make a vote.
fn contribution(n: u32) -> Contribution {
    let n_programs = n.div_ceil(10);
    let programs = (0..n_programs).map(|n| format!("/usr/lib/programs/p{n:05}"));
    let objects = (0..10).map(|n| format!("/usr/share/data-{n}/"));
    let labels = [String::new()].into_iter().chain(programs).chain(objects).chain(["read".into()]);
    let leaf = |n: u32| ContributionLeaf {
        path: vec![0, 1 + n / 10, 11 + n_programs, 1 + n_programs + n % 10],
        count: 64,
        days: 3,
        // Or so much on one day would be told as sudden.
        first_day: 19_000 + n % 900,
    };
    let dictionary = labels.map(|label| label.as_str().into()).collect();
    Contribution { since_day: 19_000, dictionary, leaves: (0..n).map(leaf).collect() }
}
