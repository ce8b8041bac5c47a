//! How many alert graphs a second are taken in, each acknowledged after a synced write, and how long one takes.

use crate::graphs::{distinct, followed, mostly_repeated};
use crate::program::{Place, Program, own_usage};
use crate::sessions::{Enrolled, Fleet};
use crate::{Arguments, Table, millis, seconds};
use anyhow::Result;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::time::{MissedTickBehavior, interval};
use tracewell_model::{AlertGraph, AlertUpdate, HostId};
use tracewell_wire::{FrameKey, Payload};

/// Frames of all hosts that wait at once where as many are sent as are taken.
const UNDER_WAY: usize = 1024;
/// Where they come evenly, what is due is handed over so often.
const TICK: Duration = Duration::from_millis(5);

/// Frames with the places of their hosts.
type Frames = Vec<(usize, FrameKey, Vec<u8>)>;

pub fn run(arguments: &Arguments, runtime: &Runtime, table: &mut Table) -> Result<()> {
    let place = Place::new(arguments.hosts)?;
    let program = place.start()?;
    let enrolled = Enrolled::at(&place, arguments, runtime)?;
    let fleet = enrolled.connect(runtime)?;
    fleet.wait_connected()?;
    fleet.wait_acknowledged()?;
    let mut trial = Trial { fleet, program, runtime, table, n_made: 0 };
    let n = u64::from(arguments.alerts);
    trial.most("all distinct", n, distinct, 2_000)?;
    trial.most("19 of 20 repeats", 5 * n, mostly_repeated, 10_000)?;
    let seconds = arguments.seconds;
    trial.even("all distinct", 200, seconds, distinct)?;
    trial.even("all distinct", 2_000, seconds, distinct)?;
    trial.even("19 of 20 repeats", 10_000, seconds, mostly_repeated)?;
    if arguments.followed {
        trial.even("all distinct, each leading to another machine", 10, seconds, followed)?;
    }
    Ok(())
}

struct Trial<'a> {
    fleet: Fleet,
    program: Program,
    runtime: &'a Runtime,
    table: &'a mut Table,
    /// Alert graphs so far: none comes twice.
    n_made: u64,
}

impl Trial<'_> {
    /// As many a second as are taken.
    fn most(&mut self, what: &str, n: u64, graph: fn(HostId, u64) -> AlertGraph, goal: u32) -> Result<()> {
        let frames = self.frames(n, graph)?;
        let n_bytes: usize = frames.iter().map(|(_, _, frame)| frame.len()).sum();
        let fleet = &self.fleet;
        fleet.set_room(UNDER_WAY);
        let (before, own) = (self.program.usage()?, own_usage()?);
        let since = Instant::now();
        self.runtime.block_on(async {
            for (host, key, frame) in frames {
                fleet.hand_over(&fleet.hosts[host], key, frame).await;
            }
        });
        fleet.wait_acknowledged()?;
        let took = since.elapsed();
        let (theirs, ours) =
            (self.program.usage()?.processor - before.processor, own_usage()?.processor - own.processor);
        let rate = n as f64 / took.as_secs_f64();
        self.table.row(
            &format!("alert graphs stored, {what}, {UNDER_WAY} under way, {} bytes each", n_bytes as u64 / n),
            &format!(
                "{rate:.0}/s ({n} in {}; processor time {} of the aggregator, {} of the hosts)",
                seconds(took),
                seconds(theirs),
                seconds(ours)
            ),
            &format!("≥ {goal}/s"),
        );
        let _ = fleet.latencies();
        Ok(())
    }

    /// So many a second, for so many seconds: how long each takes until it is acknowledged.
    fn even(&mut self, what: &str, rate: u64, n_seconds: u64, graph: fn(HostId, u64) -> AlertGraph) -> Result<()> {
        let frames = self.frames(rate * n_seconds, graph)?;
        let fleet = &self.fleet;
        let n = frames.len();
        let since = Instant::now();
        self.runtime.block_on(async {
            let mut tick = interval(TICK);
            tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let mut frames = frames.into_iter();
            let mut n_sent = 0;
            while frames.len() > 0 {
                tick.tick().await;
                let n_due = (since.elapsed().as_secs_f64() * rate as f64) as usize;
                for (host, key, frame) in frames.by_ref().take(n_due.saturating_sub(n_sent)) {
                    fleet.hosts[host].put(key, frame);
                    n_sent += 1;
                }
            }
        });
        fleet.wait_acknowledged()?;
        let took = since.elapsed();
        let latencies = fleet.latencies();
        let at = |permille: usize| latencies.get(latencies.len() * permille / 1000).copied().unwrap_or_default();
        self.table.row(
            &format!("from the session until it is stored and acknowledged, {what}, {rate} a second"),
            &format!(
                "99th percentile {}, median {} (all of {n} after {})",
                millis(at(990)),
                millis(at(500)),
                seconds(took)
            ),
            "",
        );
        Ok(())
    }

    /// Encoded before the clock runs.
    fn frames(&mut self, n: u64, graph: fn(HostId, u64) -> AlertGraph) -> Result<Frames> {
        let hosts = &self.fleet.hosts;
        let mut frames = Vec::new();
        for n in self.n_made..self.n_made + n {
            let place = (n % hosts.len() as u64) as usize;
            let update = AlertUpdate { extends: 0, graph: graph(hosts[place].id, n) };
            let (key, frame) = hosts[place].frame(Payload::Alert(update))?;
            frames.push((place, key, frame));
        }
        self.n_made += n;
        Ok(frames)
    }
}
