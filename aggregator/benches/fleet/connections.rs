//! What a connected host costs in memory, how long all take to connect, and to come back to an aggregator that was started anew.

use crate::program::{Place, own_usage};
use crate::sessions::Enrolled;
use crate::{Arguments, Table, rest, seconds};
use anyhow::Result;
use std::time::Instant;
use tokio::runtime::Runtime;

pub fn run(arguments: &Arguments, runtime: &Runtime, table: &mut Table) -> Result<()> {
    let n = arguments.hosts;
    let place = Place::new(n)?;
    let program = place.start()?;
    let empty = program.usage()?.resident_bytes;
    let enrolled = Enrolled::at(&place, arguments, runtime)?;
    let rate = f64::from(n) / enrolled.took.as_secs_f64();
    table.row(&format!("enrolling {n} machines"), &format!("{} ({rate:.0}/s)", seconds(enrolled.took)), "");
    // What enrolling left in its heap is not what connections cost.
    program.stop()?;
    let program = place.start()?;
    let before = program.usage()?;
    let own = own_usage()?;
    let fleet = enrolled.connect(runtime)?;
    let connected = fleet.wait_connected()?;
    fleet.wait_acknowledged()?;
    table.row(&format!("{n} hosts connect at once, all of them connected"), &seconds(connected), "");
    let handshakes = program.usage()?.processor - before.processor;
    let cpu = |time: std::time::Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3 / f64::from(n));
    table.row("processor time of the aggregator for each that connects", &cpu(handshakes), "");
    table.row("the same of the hosts", &cpu(own_usage()?.processor - own.processor), "");
    rest(runtime, arguments.interval());
    let idle = program.usage()?;
    let each = |more: u64, than: u64| format!("{:.1} KB", more.saturating_sub(than) as f64 / 1e3 / f64::from(n));
    let measured = |bytes: u64, each: String| format!("{:.1} MB: {each} for each host", bytes as f64 / 1e6);
    table.row("resident memory, nobody enrolled", &format!("{:.1} MB", empty as f64 / 1e6), "");
    table.row(
        &format!("resident memory, {n} enrolled, none connected"),
        &measured(before.resident_bytes, each(before.resident_bytes, empty)),
        "",
    );
    table.row(
        &format!("resident memory, {n} connected and idle"),
        &measured(idle.resident_bytes, each(idle.resident_bytes, before.resident_bytes)),
        "≤ 64 KB",
    );
    let away = Instant::now();
    let stopping = program.stop()?;
    let program = place.start()?;
    let started = away.elapsed();
    fleet.wait_connected()?;
    let back = away.elapsed();
    table.row("stopped with all connected, in", &seconds(stopping), "");
    table.row(
        "stopped and started anew: all are back after",
        &format!("{}, of it {} until it listened", seconds(back), seconds(started)),
        "≤ 300 s",
    );
    rest(runtime, arguments.interval());
    let idle = program.usage()?;
    table.row(
        "resident memory with all back",
        &measured(idle.resident_bytes, each(idle.resident_bytes, before.resident_bytes)),
        "≤ 64 KB",
    );
    Ok(())
}
