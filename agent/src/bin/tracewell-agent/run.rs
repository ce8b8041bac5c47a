//! `tracewell-agent run`: the live source through the pipeline, and what it finds to stdout.

use crate::alerts::Alerts;
use crate::args::RunArgs;
use crate::config::Config;
use crate::failure::{Failure, Printed};
use crate::host::Host;
use crate::stop::Stop;
use std::path::Path;
use tempfile::TempDir;
use tracewell_agent::Pipeline;
use tracewell_agent::live::Live;
use tracewell_datasets::tracewell::EventFile;
use tracewell_model::{HostRecord, Record};
use tracewell_store::{RocksHistory, Store, StoreOptions};
use tracewell_wire::{MemoryEnd, memory_pair};

pub fn run(args: &RunArgs, file: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(file, |fields| args.lay_over(fields))?;
    let host = Host::claim(&config.host_name)?;
    let (store, _temporary) = open_store(&config)?;
    let history = RocksHistory::open(&store, host.id).map_err(Failure::internal)?;
    let record = HostRecord { host: host.id, name: host.name.as_str().into() };
    let (agent_end, other_end) = memory_pair();
    let mut watch = Watch {
        pipeline: Pipeline::new(&record, &config.parameters, Box::new(history)),
        agent_end,
        recording: args.record.as_deref().map(EventFile::create).transpose().map_err(Failure::input)?,
    };
    let mut alerts = Alerts::new(config.form, other_end);
    watch.take(&Record::Host(record))?;

    let mut live = Live::start(host.id, &config.sensor)?;
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

fn open_store(config: &Config) -> Result<(Store, Option<TempDir>), Failure> {
    let temporary = match &config.history {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("tracewell-agent-").tempdir().map_err(Failure::internal)?),
    };
    let folder = config.history.as_deref().or(temporary.as_ref().map(TempDir::path));
    let folder = folder.expect("one of both is there");
    Ok((Store::open(folder, StoreOptions::default()).map_err(Failure::input)?, temporary))
}
