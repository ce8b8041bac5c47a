//! `tracewell-agent record`: the live source to a file.

use crate::args::RecordArgs;
use crate::config::Config;
use crate::failure::Failure;
use crate::host::Host;
use crate::privileges;
use crate::stop::Stop;
use std::path::Path;
use tracewell_agent::live::Live;
use tracewell_datasets::tracewell::EventFile;
use tracewell_model::Record;

pub fn run(args: &RecordArgs, config: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(config, |fields| args.sensor.lay_over(fields))?;
    let host = Host::claim(&config.host_name)?;
    let mut file = EventFile::create(&args.to).map_err(Failure::input)?;
    let mut n_records = 0u64;
    let mut write = |record: Record| {
        n_records += 1;
        file.write(&record).map_err(Failure::internal)
    };
    write(Live::host(host.id, &host.name))?;
    let mut live = Live::start(host.id, &config.sensor)?;
    privileges::drop_what_is_not_needed(&[Some(&args.to)]);
    let stop = Stop::new(args.sensor.duration)?;
    tracing::info!(host = host.name, file = %args.to.display(), "recording");
    while !stop.is_now() {
        live.turn(&mut write)?;
    }
    live.finish(&mut write)?;
    file.finish().map_err(Failure::internal)?;
    let lost = live.counts()?.sum(|op| op.lost());
    tracing::info!(records = n_records, lost, "recorded");
    Ok(())
}
