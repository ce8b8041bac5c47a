//! `tracewell-agent record`: the live source to a file.

use crate::args::RecordArgs;
use crate::config::Config;
use crate::failure::Failure;
use crate::host::Host;
use crate::privileges;
use crate::stop::Stop;
use std::io;
use std::path::Path;
use tracewell_agent::live::Live;
use tracewell_datasets::tracewell::EventFile;
use tracewell_model::{EventNs, HostId, LossCause, LossRecord, Record};

pub fn run(args: &RecordArgs, config: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(config, |fields| args.lay_over(fields))?;
    let host = Host::claim(&config.host_name)?;
    let mut recording = Recording::create(&args.to, config.recording_bytes_max)?;
    recording.write(&Live::host(host.id, &host.name))?;
    let mut live = Live::start(host.id, &config.sensor)?;
    privileges::drop_what_is_not_needed(&[Some(&args.to)]);
    let stop = Stop::new(args.sensor.duration)?;
    tracing::info!(host = host.name, file = %args.to.display(), "recording");
    while !stop.is_now() && !recording.is_full() {
        live.turn(|record| recording.write(&record))?;
    }
    let is_full = recording.is_full();
    live.finish(|record| recording.write(&record))?;
    let records = recording.n_records;
    if is_full {
        recording.finish_early(host.id, "it is as large as it may be")?;
    } else {
        recording.finish()?;
    }
    let lost = live.counts()?.sum(|op| op.lost());
    tracing::info!(records, lost, "recorded");
    Ok(())
}

/// The stream in a file, up to a size.
pub struct Recording {
    file: EventFile,
    /// Bytes after compression; 0 for no limit.
    bytes_max: u64,
    n_records: u64,
    /// Time of the last record.
    last: EventNs,
}

impl Recording {
    /// # Errors
    /// When the file cannot be made; with all others, when it cannot be written.
    pub fn create(path: &Path, bytes_max: u64) -> Result<Self, Failure> {
        let file = EventFile::create(path).map_err(Failure::input)?;
        Ok(Self { file, bytes_max, n_records: 0, last: EventNs::ZERO })
    }

    pub fn write(&mut self, record: &Record) -> Result<(), Failure> {
        self.put(record).map_err(Failure::internal)
    }

    pub fn put(&mut self, record: &Record) -> io::Result<()> {
        self.n_records += 1;
        self.last = record.time().unwrap_or(self.last);
        self.file.write(record)
    }

    pub fn is_full(&self) -> bool {
        self.bytes_max > 0 && self.file.len_bytes() >= self.bytes_max
    }

    pub fn finish(self) -> Result<(), Failure> {
        self.file.finish().map_err(Failure::internal)
    }

    /// Ends it before the watch ends, which its last record says.
    pub fn finish_early(mut self, host: HostId, why: &str) -> Result<(), Failure> {
        let gap = LossRecord { host, time: self.last, cause: LossCause::Gap, n_events: 0 };
        self.write(&Record::Loss(gap))?;
        tracing::warn!(why, "the recording ends here");
        self.finish()
    }
}
