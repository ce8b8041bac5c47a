//! How long hosts take to come back to an aggregator that was killed: nobody told them.

use crate::program::Place;
use crate::sessions::Enrolled;
use crate::{Arguments, Table, rest, seconds};
use anyhow::Result;
use std::time::Instant;
use tokio::runtime::Runtime;

pub fn run(arguments: &Arguments, runtime: &Runtime, table: &mut Table) -> Result<()> {
    let n = arguments.hosts;
    let place = Place::new(n)?;
    let program = place.start()?;
    let enrolled = Enrolled::at(&place, arguments, runtime)?;
    let fleet = enrolled.connect(runtime)?;
    fleet.wait_connected()?;
    fleet.wait_acknowledged()?;
    let _ = fleet.errors();
    let away = Instant::now();
    program.kill()?;
    let program = place.start()?;
    // Until the first host has seen that it is gone, all of them seem to be there.
    while connected(&place)? < u64::from(n) {
        rest(runtime, std::time::Duration::from_secs(1));
    }
    table.row(
        &format!("killed and started anew, keep-alive {} s: all {n} are back after", arguments.keep_alive),
        &format!("{}, of it {} for its start", seconds(away.elapsed()), seconds(program.started_in)),
        "≤ 300 s",
    );
    let errors: Vec<_> = fleet.errors().iter().map(|(why, n)| format!("{n} × {why}")).collect();
    table.row("why their connections ended or were not made meanwhile", &errors.join("; "), "");
    Ok(())
}

/// As the aggregator itself counts them.
fn connected(place: &Place) -> Result<u64> {
    let text = place.metrics()?;
    let line = text.lines().find_map(|line| line.strip_prefix("tracewell_aggregator_hosts{state=\"connected\"} "));
    Ok(line.and_then(|n| n.parse().ok()).unwrap_or(0))
}
