//! `tracewell detector bench`: what a detector costs.

use crate::args::BenchArgs;
use crate::failure::{Failure, print};
use crate::input::Input;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;
use tracewell_agent::Pipeline;
use tracewell_agent::normalise::host_of;
use tracewell_detector_host::limits::{COMPONENT_BYTES_MAX_IN_REPLAY, FUEL_MAX};
use tracewell_detector_host::{Library, sample};
use tracewell_graph_core::history::MemoryHistory;
use tracewell_model::{HostRecord, Record};
use tracewell_parameters::Parameters;
use tracewell_wire::memory_pair;

const N_CALLS: usize = 2_000;

pub fn run(args: &BenchArgs) -> Result<(), Failure> {
    let library = super::load(&args.file, COMPONENT_BYTES_MAX_IN_REPLAY)?;
    let mut said = large(&library)?;
    if args.record.is_some() {
        said += &recorded(&library, args)?;
    }
    print(&said)
}

/// Calls with as much as most detectors are ever shown. What is found there does not matter.
fn large(library: &Library) -> Result<String, Failure> {
    let seen = sample::neighbourhood().map_err(Failure::internal)?;
    let runner = library.runner();
    let calls: Vec<_> = (0..N_CALLS).map(|_| runner.measure(0, &seen)).collect();
    let part = |part: fn(&tracewell_detector_host::Spent) -> Duration, of: usize| {
        let mut times: Vec<_> = calls.iter().map(|(_, spent)| part(spent)).collect();
        times.sort_unstable();
        micros(times[(times.len() - 1) * of / 100])
    };
    let (found, spent) = &calls[0];
    let mut said = format!("{} nodes and {} edges, {N_CALLS} calls\n", seen.nodes.len(), seen.edges.len());
    let _ = writeln!(
        said,
        "one call     {} (median), {} (99 of 100)",
        part(|spent| spent.whole, 50),
        part(|spent| spent.whole, 99)
    );
    let _ = writeln!(said, "its instance {} (median)", part(|spent| spent.instantiation, 50));
    let _ = writeln!(said, "its steps    {} of {FUEL_MAX}", spent.fuel);
    if let Err(failure) = found {
        let _ = writeln!(said, "it failed    {failure}");
    }
    Ok(said)
}

/// How often it is called in a recording, and what those calls cost.
fn recorded(library: &Library, args: &BenchArgs) -> Result<String, Failure> {
    let mut pipelines = BTreeMap::new();
    let mut n_events = 0u64;
    for record in Input::open(args.record.as_slice(), &args.read)? {
        let record = record?;
        n_events += u64::from(matches!(record, Record::Event(_)));
        let host = host_of(&record);
        let pipeline = pipelines.entry(host).or_insert_with(|| {
            let host = HostRecord { host, name: "bench".into() };
            let mut pipeline = Pipeline::new(&host, &Parameters::default(), Box::new(MemoryHistory::default()));
            pipeline.add_detectors(Box::new(library.runner()));
            pipeline
        });
        let (mut end, _other) = memory_pair();
        pipeline.record(&record, &mut end).map_err(Failure::internal)?;
    }
    let status = library.status().swap_remove(0);
    let calls = status.calls;
    let mut said = format!("\n{n_events} events\n");
    let _ = writeln!(said, "calls        {calls}, {:.2} of 1,000 events", calls as f64 * 1e3 / n_events.max(1) as f64);
    if calls > 0 {
        let each = status.time / u32::try_from(calls).unwrap_or(u32::MAX);
        let _ = writeln!(said, "one call     {} (mean), {} steps (mean)", micros(each), status.fuel / calls);
    }
    let _ = writeln!(said, "findings     {}, {} failures", status.findings, status.failures);
    Ok(said)
}

fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_nanos() as f64 / 1e3)
}
