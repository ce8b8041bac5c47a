//! The sensor, run while a process carries out the operations.

use crate::operations::ACT;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tracewell_agent::sensor::counts::Counts;
use tracewell_agent::sensor::{Item, Options, Sensor};
use tracewell_event_abi::body::{self, Body};
use tracewell_event_abi::head::{Head, Op};
use zerocopy::FromBytes;

/// What the sensor said.
pub struct Watched {
    /// Operations seen of the process and those that it started.
    pub seen: BTreeMap<Op, u64>,
    pub counts: Counts,
    /// What did not attach, and why.
    pub missing: Vec<(&'static str, String)>,
}

/// How long the operations may take on an emulated processor.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait for a moment at which nothing is under way.
const QUIET_WITHIN: Duration = Duration::from_secs(5);

/// Starts the sensor, lets a process carry out the operations, and takes what is said of it.
pub fn watch() -> Result<Watched> {
    // Started first: what the sensor's own process starts while it runs is left out, as the sensor itself is.
    let mut actor = Command::new("/proc/self/exe");
    let mut actor = actor.arg(ACT).stdin(Stdio::piped()).spawn().context("starting the process to be watched")?;
    let mut sensor = Sensor::start(&Options::default()).inspect_err(|_| {
        let _ = actor.kill();
    })?;
    drop(actor.stdin.take());

    let mut items = Vec::new();
    let start = Instant::now();
    let status = loop {
        take(&mut sensor, &mut items)?;
        if let Some(status) = actor.try_wait().context("waiting for the process watched")? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            // It may have ended meanwhile.
            let _ = actor.kill();
            bail!("the operations took longer than {} s", PATIENCE.as_secs());
        }
    };
    if !status.success() {
        bail!("the operations ended with {status}");
    }
    let end = Instant::now();
    let counts = loop {
        take(&mut sensor, &mut items)?;
        let counts = sensor.counts()?;
        let is_fetched = end.elapsed() > Duration::from_millis(600);
        let is_quiet = counts.iter().all(|(_, of_op)| of_op.adds_up());
        if is_fetched && is_quiet || end.elapsed() > QUIET_WITHIN {
            break counts;
        }
    };
    while let Some((_, item)) = sensor.next(u64::MAX) {
        items.push(item);
    }
    Ok(Watched { seen: of_process(actor.id(), &items), counts, missing: sensor.missing().to_vec() })
}

fn take(sensor: &mut Sensor, items: &mut Vec<Item>) -> Result<()> {
    sensor.poll(|_| ())?;
    while let Some((_, item)) = sensor.next(tracewell_agent::sensor::boot_now()) {
        items.push(item);
    }
    Ok(())
}

/// How often a process and its descendants did what.
fn of_process(root: u32, items: &[Item]) -> BTreeMap<Op, u64> {
    let (mut family, mut seen) = (BTreeSet::from([root]), BTreeMap::new());
    for item in items {
        let (tgid, op, n) = match item {
            Item::Sum(sum) => (sum.0.tgid, sum.0.op as u8, sum.1.count),
            Item::Record(bytes) => {
                let Ok((head, rest)) = Head::read_from_prefix(bytes) else { continue };
                if family.contains(&head.tgid)
                    && head.body == Body::Fork as u8
                    && let Ok((fork, _)) = body::Fork::read_from_prefix(rest)
                {
                    family.insert(fork.tgid);
                }
                (head.tgid, head.op, 1)
            }
        };
        if let Some(op) = Op::from_u8(op)
            && family.contains(&tgid)
        {
            *seen.entry(op).or_default() += n;
        }
    }
    seen
}
