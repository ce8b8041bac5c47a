//! The live source, run while a process carries out the operations.

use crate::operations::Started;
use anyhow::{Context, Result, bail};
use std::process::Command;
use std::time::{Duration, Instant};
use tracewell_agent::live::Live;
use tracewell_agent::sensor::counts::Counts;
use tracewell_agent::sensor::tier::Tier;
use tracewell_agent::sensor::{Options, SensorError};
use tracewell_model::{HostId, Record};

/// What was said while a process ran.
pub struct Watched {
    pub records: Vec<Record>,
    pub counts: Counts,
    /// What did not attach, and why.
    pub missing: Vec<(&'static str, String)>,
    /// Runs of programs that the kernel skipped.
    pub skipped: Vec<(&'static str, Option<u64>)>,
    pub tier: Tier,
    /// What the process said.
    pub output: String,
}

/// How long the process may take on an emulated processor.
const PATIENCE: Duration = Duration::from_secs(100);
/// How long to wait for a moment at which nothing is under way.
const QUIET_WITHIN: Duration = Duration::from_secs(8);

/// Whether records are taken while the process runs, or only when it has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    Always,
    AtTheEnd,
}

/// Starts the sensor, lets a process run, which waits for the end of its stdin to begin, and takes what is said.
pub fn watch(process: &mut Command, options: &Options, taking: Taking) -> Result<Watched> {
    // Started first: what the sensor's own process starts while it runs is left out, as the sensor itself is.
    let mut process = Started::new(process)?;
    let mut live = Live::start(HostId::from_name("kernel-tests"), options)?;
    let mut records = Vec::new();
    process.begin();
    let start = Instant::now();
    let status = loop {
        if taking == Taking::Always {
            take(&mut live, &mut records)?;
        }
        if let Some(status) = process.has_ended()? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            bail!("the process took longer than {} s", PATIENCE.as_secs());
        }
    };
    let output = process.output()?;
    if !status.success() {
        bail!("the process ended with {status}");
    }
    let end = Instant::now();
    let counts = loop {
        take(&mut live, &mut records)?;
        let counts = live.counts()?;
        let is_fetched = end.elapsed() > Duration::from_millis(800);
        let is_quiet = counts.iter().all(|(_, of_op)| of_op.adds_up());
        if is_fetched && is_quiet || end.elapsed() > QUIET_WITHIN {
            break counts;
        }
    };
    live.finish(|record| keep(record, &mut records)).context("ending the watch")?;
    let (missing, tier) = (live.sensor().missing().to_vec(), live.sensor().tier().clone());
    let skipped = live.sensor().skipped_runs().collect();
    Ok(Watched { records, counts, missing, skipped, tier, output })
}

fn take(live: &mut Live, records: &mut Vec<Record>) -> Result<()> {
    Ok(live.turn(|record| keep(record, records))?)
}

fn keep(record: Record, records: &mut Vec<Record>) -> Result<(), SensorError> {
    records.push(record);
    Ok(())
}
