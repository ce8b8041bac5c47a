//! `tracewell-agent run`: the live source through the pipeline, and what it finds to stdout.

use crate::alerts::Alerts;
use crate::args::RunArgs;
use crate::failure::{Failure, Printed};
use crate::host::{Host, sensor_options};
use crate::stop::Stop;
use tempfile::TempDir;
use tracewell_agent::Pipeline;
use tracewell_agent::live::Live;
use tracewell_datasets::tracewell::EventFile;
use tracewell_model::{HostRecord, Record};
use tracewell_parameters::Parameters;
use tracewell_store::{RocksHistory, Store, StoreOptions};
use tracewell_wire::{MemoryEnd, memory_pair};

pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let parameters = parameters(args)?;
    let host = Host::claim(&args.sensor)?;
    let (store, _temporary) = open_store(args)?;
    let history = RocksHistory::open(&store, host.id).map_err(Failure::internal)?;
    let record = HostRecord { host: host.id, name: host.name.as_str().into() };
    let (agent_end, other_end) = memory_pair();
    let mut watch = Watch {
        pipeline: Pipeline::new(&record, &parameters, Box::new(history)),
        agent_end,
        recording: args.record.as_deref().map(EventFile::create).transpose().map_err(Failure::input)?,
    };
    let mut alerts = Alerts::new(args.output, other_end);
    watch.take(&Record::Host(record))?;

    let mut live = Live::start(host.id, &sensor_options(&args.sensor))?;
    let stop = Stop::new(args.sensor.duration)?;
    tracing::info!(host = host.name, "watching");
    for (program, error) in live.sensor().missing() {
        tracing::warn!(program, %error, "not attached");
    }
    while !stop.is_now() {
        live.turn(|record| watch.take(&record))?;
        if alerts.show()? == Printed::NobodyReads {
            break;
        }
    }
    live.finish(|record| watch.take(&record))?;
    watch.pipeline.finish(&mut watch.agent_end)?;
    alerts.show()?;
    let stats = watch.pipeline.stats();
    let counts = live.counts()?;
    tracing::info!(
        events = stats.graph.events,
        edges = stats.graph.edges,
        alerts = alerts.n_alerts(),
        lost = counts.sum(|op| op.lost()),
        "stopped"
    );
    match watch.recording {
        Some(recording) => recording.finish().map_err(Failure::internal),
        None => Ok(()),
    }
}

/// What a record goes through.
struct Watch {
    pipeline: Pipeline,
    agent_end: MemoryEnd,
    recording: Option<EventFile>,
}

impl Watch {
    fn take(&mut self, record: &Record) -> Result<(), Failure> {
        if let Some(recording) = &mut self.recording {
            recording.write(record).map_err(Failure::internal)?;
        }
        Ok(self.pipeline.record(record, &mut self.agent_end)?)
    }
}

fn parameters(args: &RunArgs) -> Result<Parameters, Failure> {
    let Some(path) = &args.parameters else { return Ok(Parameters::default()) };
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| Failure::Input(format!("cannot read {}: {error}", path.display())))?;
    Parameters::parse(&text).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

fn open_store(args: &RunArgs) -> Result<(Store, Option<TempDir>), Failure> {
    let temporary = match &args.history {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("tracewell-agent-").tempdir().map_err(Failure::internal)?),
    };
    let folder = args.history.as_deref().or(temporary.as_ref().map(TempDir::path));
    let folder = folder.expect("one of both is there");
    Ok((Store::open(folder, StoreOptions::default()).map_err(Failure::input)?, temporary))
}
