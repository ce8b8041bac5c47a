//! How long an aggregator takes to start that has many alert graphs stored.

use crate::graphs::distinct;
use crate::program::Place;
use crate::{Arguments, Table, seconds};
use anyhow::Result;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tracewell_aggregator::Aggregator;
use tracewell_aggregator::disk::Disk;
use tracewell_model::{AlertUpdate, HostId};
use tracewell_parameters::Parameters;
use tracewell_wire::{Message, Payload, encode};

/// Frames that are written together.
const BATCH: u64 = 4096;

pub fn run(arguments: &Arguments, _: &Runtime, table: &mut Table) -> Result<()> {
    let place = Place::new(arguments.hosts)?;
    let (n, n_hosts) = (u64::from(arguments.stored), u64::from(arguments.hosts));
    let filling = fill(&place, n, n_hosts)?;
    table.row(
        &format!(
            "writing {n} distinct alert graphs of {n_hosts} hosts by the aggregator's library, without connections"
        ),
        &format!("{} ({:.0}/s)", seconds(filling), n as f64 / filling.as_secs_f64()),
        "",
    );
    let measure = |after: &str, table: &mut Table| -> Result<_> {
        let program = place.start()?;
        let resident = program.usage()?.resident_bytes as f64 / 1e6;
        table.row(
            &format!("start with {n} alert graphs stored, after {after}, until it listens"),
            &format!("{:.2} s, resident {resident:.0} MB", program.started_in.as_secs_f64()),
            "",
        );
        Ok(program)
    };
    measure("they were written", table)?.stop()?;
    measure("a stop", table)?.kill()?;
    let program = measure("a kill", table)?;
    if arguments.list {
        let since = Instant::now();
        place.metrics()?;
        let resident = program.usage()?.resident_bytes as f64 / 1e6;
        table.row(
            &format!(
                "the list of {n} distinct alert graphs, made for the first who asks; no frame is taken in meanwhile"
            ),
            &format!("{}, resident afterwards {resident:.0} MB", seconds(since.elapsed())),
            "",
        );
    }
    program.stop()?;
    Ok(())
}

/// Writes alert graphs as the aggregator does that takes them in.
fn fill(place: &Place, n: u64, n_hosts: u64) -> Result<Duration> {
    let since = Instant::now();
    std::fs::create_dir_all(place.state())?;
    let disk = Disk::open(&place.state().join("store"))?;
    let mut aggregator = Aggregator::with_store(&Parameters::default(), Box::new(disk.store()))?;
    for n in 0..n {
        let host = HostId::from_name(&format!("host-{}", n % n_hosts));
        let payload = Payload::Alert(AlertUpdate { extends: 0, graph: distinct(host, n) });
        let frame = encode(&Message { host, epoch: 1, sequence: n / n_hosts + 1, payload })?;
        aggregator.receive(&frame)?;
        if n % BATCH == BATCH - 1 {
            aggregator.commit()?;
        }
    }
    aggregator.commit()?;
    Ok(since.elapsed())
}
