//! `tracewell-agent snapshot`: what ran before, with what it had open, as events.

use crate::args::SnapshotArgs;
use crate::config::Config;
use crate::failure::Failure;
use std::io::{self, BufWriter, ErrorKind};
use std::path::Path;
use tracewell_agent::live::Live;
use tracewell_agent::sensor::Options;
use tracewell_datasets::tracewell::TracewellWriter;
use tracewell_model::{HostId, Record};

/// The kernel side is asked which file is which, so all of it runs for a moment, also beside another agent.
pub fn run(args: &SnapshotArgs, file: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(file, |fields| {
        if let Some(host) = &args.host {
            fields.host.name.clone_from(host);
        }
    })?;
    let host = HostId::from_name(&config.host_name);
    let mut live = Live::start(host, &Options::default())?;
    let mut records = vec![Live::host(host, &config.host_name)];
    live.stock(|record| records.push(record));
    match write(&records) {
        // A reader that has gone away wanted no more.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Internal(format!("stdout: {error}"))),
        _ => Ok(()),
    }
}

fn write(records: &[Record]) -> io::Result<()> {
    let mut writer = TracewellWriter::new(BufWriter::new(io::stdout().lock()))?;
    records.iter().try_for_each(|record| writer.write(record))?;
    writer.finish().map(drop)
}
