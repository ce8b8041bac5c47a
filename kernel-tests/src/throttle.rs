//! A budget that is far too small: who is throttled is told, from when to when, and what is lost so is counted exactly.

use crate::operations::Started;
use crate::overflow::FLOOD;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tracewell_agent::live::Live;
use tracewell_agent::sensor::throttle::{Throttled, unified_hierarchy};
use tracewell_agent::sensor::{Options, SensorError};
use tracewell_event_abi::head::Op;
use tracewell_model::{HostId, LossCause, Operation, Record};

/// Records within 250 ms.
const BUDGET: u64 = 100;
/// How long the flood may take on an emulated processor, with the time until the end of the throttling.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cgroup that is there for the test.
struct Cgroup(PathBuf);

impl Cgroup {
    fn with(process: u32) -> Result<Self> {
        let unified = unified_hierarchy().context("no unified hierarchy of cgroups is mounted")?;
        let cgroup = Self(unified.join(format!("kernel-tests-{process}")));
        fs::create_dir(&cgroup.0).with_context(|| format!("creating cgroup {}", cgroup.0.display()))?;
        fs::write(cgroup.0.join("cgroup.procs"), process.to_string()).context("moving a process into a cgroup")?;
        Ok(cgroup)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Its process has ended, unless the test failed.
        let _ = fs::remove_dir(&self.0);
    }
}

pub fn test() -> Result<()> {
    let mut process = Started::new(Command::new("/proc/self/exe").arg(FLOOD))?;
    let cgroup = Cgroup::with(process.id())?;
    let name = cgroup.0.file_name().context("a cgroup without a name")?.to_string_lossy().into_owned();
    let mut live = Live::start(HostId::from_name("kernel-tests"), &Options { budget: BUDGET, ..Options::default() })?;
    let (mut records, mut throttled, start) = (Vec::new(), None::<Throttled>, Instant::now());
    process.begin();
    loop {
        live.turn(|record| keep(record, &mut records))?;
        let path = format!("/{name}");
        let running = live.sensor().throttling().running().find(|of| of.path.as_ref() == Some(&path)).cloned();
        let is_running = running.is_some();
        throttled = running.or(throttled);
        if throttled.is_some() && !is_running && process.has_ended()?.is_some() {
            break;
        }
        ensure!(start.elapsed() < PATIENCE, "after {} s: {throttled:?}, and not over", PATIENCE.as_secs());
    }
    live.finish(|record| keep(record, &mut records))?;
    let (throttled, counts) = (throttled.context("nobody was throttled")?, live.counts()?);
    let memfd = counts.of(Op::Memfd);
    let is_told = |record: &&Record| matches!(record, Record::Event(event) if event.op == Operation::Memfd);
    let told = records.iter().filter(is_told).count() as u64;
    let lost = records.iter().map(|record| match record {
        Record::Loss(loss) if loss.cause == LossCause::Throttled => loss.n_events,
        _ => 0,
    });
    let (lost, lost_in_all) = (lost.sum::<u64>(), counts.sum(|op| op.kernel.throttled));
    println!("{} files: {told} told, {} over the budget", memfd.kernel.seen, memfd.kernel.throttled);
    ensure!(memfd.adds_up(), "the counts do not add up: {memfd:?}");
    ensure!(memfd.kernel.seen - told == memfd.kernel.throttled, "{told} told, but {memfd:?}");
    ensure!(lost == lost_in_all, "the stream tells of {lost} throttled, the kernel of {lost_in_all}");
    ensure!(throttled.n_operations >= memfd.kernel.throttled, "{memfd:?}, but of its cgroup {throttled:?}");
    let throttling = live.sensor().throttling();
    ensure!(throttling.n_started == throttling.n_ended, "not all throttling has ended: {throttling:?}");
    Ok(())
}

fn keep(record: Record, records: &mut Vec<Record>) -> Result<(), SensorError> {
    records.push(record);
    Ok(())
}
