//! Streams simulated events through one pipeline and prints the process's memory on the way, which must stay flat.
//!
//! `cargo run --release -p tracewell-agent --example flat_memory [EVENTS]`; 50,000,000 by default.

use std::io::Write;
use tracewell_agent::Pipeline;
use tracewell_datasets::simulate::{Simulation, SimulationConfig};
use tracewell_model::{EventNs, Record};
use tracewell_parameters::Parameters;
use tracewell_store::{RocksHistory, Store, StoreOptions};
use tracewell_wire::{Transport, TransportError};

struct Sink;

impl Transport for Sink {
    fn send(&mut self, _frame: Vec<u8>) -> Result<(), TransportError> {
        Ok(())
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        None
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let n_events: u64 = std::env::args().nth(1).map_or(Ok(50_000_000), |n| n.parse())?;
    let step = (n_events / 10).max(1);
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path(), StoreOptions::default())?;
    // 200 events a second make the default run three days long.
    let config = SimulationConfig {
        events_per_1000_s: 200_000,
        duration_ns: 10_000 * EventNs::DAY,
        ..SimulationConfig::new(1, 1)
    };
    let mut pipeline = None;
    let mut seen = 0;
    println!(
        "{:>12} {:>10} {:>10} {:>12} {:>12} {:>12}",
        "events", "VmRSS kB", "VmHWM kB", "window B", "profile B", "store B"
    );
    for record in Simulation::new(&config)? {
        if let Record::Host(host) = &record {
            let history = Box::new(RocksHistory::open(&store, host.host)?);
            pipeline = Some(Pipeline::new(host, &Parameters::default(), history));
        }
        let pipeline = pipeline.as_mut().ok_or("a host is named before its first record")?;
        pipeline.record(&record, &mut Sink)?;
        if !matches!(record, Record::Event(_)) {
            continue;
        }
        seen += 1;
        if seen % step == 0 {
            let stats = pipeline.stats();
            let [rss, peak] = memory_kb()?;
            println!(
                "{seen:>12} {rss:>10} {peak:>10} {:>12} {:>12} {:>12}",
                stats.graph_bytes,
                stats.profile_bytes,
                store.disk_bytes()?
            );
            std::io::stdout().flush()?;
        }
        if seen == n_events {
            println!("{:?}", pipeline.stats());
            break;
        }
    }
    Ok(())
}

/// Resident memory now and at its peak.
fn memory_kb() -> Result<[u64; 2], Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| -> Result<u64, Box<dyn std::error::Error>> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or(format!("no {name} in the status"))?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    };
    Ok([field("VmRSS:")?, field("VmHWM:")?])
}
