//! `tracewell-agent run`: the live source through the pipeline, and what it finds to stdout.

use crate::alerts::Alerts;
use crate::args::RunArgs;
use crate::config::Config;
use crate::control::Control;
use crate::detectors::Detectors;
use crate::ends::Ends;
use crate::failure::{Failure, Printed};
use crate::host::Host;
use crate::http::Http;
use crate::identity;
use crate::outlet::Outlet;
use crate::privileges;
use crate::record::Recording;
use crate::requests;
use crate::start::{self, Start};
use crate::stop::{Reload, Stop};
use crate::supervisor::Supervisor;
use crate::uplink::Uplink;
use crate::watch::{Stream, Watch};
use crate::yara::Yara;
use std::path::Path;
use tempfile::TempDir;
use tracewell_agent::live::Live;
use tracewell_agent::spool::Spool;
use tracewell_model::HostRecord;
use tracewell_store::{Store, StoreOptions};
use tracewell_wire::memory_pair;

pub fn run(args: &RunArgs, file: Option<&Path>) -> Result<(), Failure> {
    let read = || Config::load(file, |fields| args.lay_over(fields));
    let config = read()?;
    let identity = config.uplink.as_ref().map(|uplink| identity::load(&uplink.identity)).transpose()?;
    let mut host = Host::claim(&config.host_name)?;
    if let Some((enrolled_as, _)) = &identity {
        host.id = *enrolled_as;
    }
    let reload = Reload::new()?;
    let mut stop = Stop::new(None)?;
    // What needs rights comes before they are dropped, and what starts threads after: rights belong to threads.
    let control = config.control.as_deref().map(Control::listen).transpose()?;
    let http = config.metrics.map(Http::listen).transpose()?;
    let recording =
        args.record.as_deref().map(|path| Recording::create(path, config.recording_bytes_max)).transpose()?;
    let outlet = Outlet::open(&config.output)?;
    let mut live = Live::start(host.id, &config.sensor)?;
    privileges::drop_what_is_not_needed(&[
        args.record.as_deref(),
        config.history.as_deref(),
        config.output.file.as_deref(),
        config.uplink.as_ref().map(|uplink| uplink.identity.as_path()),
    ]);
    let (store, _temporary) = open_store(&config)?;

    let record = HostRecord { host: host.id, name: host.name.as_str().into() };
    let (local, other_end) = memory_pair();
    let spool = config.uplink.as_ref().map(|uplink| Spool::open(&store, uplink.spool_bytes)).transpose();
    let spool = spool.map_err(Failure::internal)?;
    let start = start::pipeline(&config, &record, (&store, spool.as_ref()), live.now())?;
    let Start { mut pipeline, checkpoints, is_resumed, noted } = start;
    let _uplink = match (&config.uplink, identity, &spool) {
        (Some(uplink), Some((_, identity)), Some(spool)) => Some(Uplink::start(uplink, identity, spool.clone())?),
        _ => None,
    };
    let ends = Ends { local, spool };
    let detectors = Detectors::start(&config.detectors, config.sigma.as_deref(), &mut pipeline)?;
    let yara = Yara::start(config.yara.as_ref(), host.id, live.sensor().take_content_identifier())?;
    let mut stream = Stream { pipeline, ends, recording, recording_ended: None, noted, detectors, yara };
    start::stream(&mut stream, record, &mut live, is_resumed)?;
    let alerts = Alerts::new(config.form, outlet, other_end);
    let (asker, answerer) = requests::channel();
    if let Some(control) = &control {
        control.serve(asker.clone())?;
    }
    if let Some(http) = http {
        http.serve(asker)?;
    }
    tracing::info!(host = host.name, configuration = config.hash(), "watching");
    for (program, error) in live.sensor().missing() {
        tracing::warn!(program, %error, "not attached");
    }
    let mut watch = Watch::new(config, live, stream, alerts, checkpoints);
    let mut supervisor = Supervisor::ready();
    stop.after(args.sensor.duration);
    while !stop.is_now() {
        if watch.turn()? == Printed::NobodyReads {
            break;
        }
        answerer.answer(|request| watch.answer(request));
        if reload.is_wanted() {
            watch.reload(read())?;
        }
        supervisor.is_alive();
    }
    supervisor.stops();
    watch.finish()
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
