//! `tracewell-agent replay`: a recording in place of the live source, through the same pipeline, spool and uplink.
//!
//! It gives the same frames under the same numbers each time, so that one that was cut off is simply begun again: what the
//! aggregator has already, it knows.

use crate::args::{ReplayArgs, Speed};
use crate::config::Config;
use crate::detectors::Detectors;
use crate::failure::{Failure, print};
use crate::identity;
use crate::stop::Stop;
use crate::uplink::Uplink;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use tracewell_agent::Pipeline;
use tracewell_agent::normalise::host_of;
use tracewell_agent::spool::Spool;
use tracewell_datasets::{ReadOptions, Reader};
use tracewell_model::{EventNs, HostId, HostRecord, Record};
use tracewell_store::{RocksHistory, Store, StoreOptions};

/// Between two looks whether something is done.
const BREATH: Duration = Duration::from_millis(5);
/// Between two looks whether something is asked, once the recording has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The file that this process runs (proc(5)), also where it was replaced since.
const OWN_PROGRAM: &str = "/proc/self/exe";
/// Another one each time that it is read (random(4)).
const UNIQUE: &str = "/proc/sys/kernel/random/uuid";

pub fn run(args: &ReplayArgs, file: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(file, |fields| args.lay_over(fields))?;
    let Some(uplink) = &config.uplink else {
        return Err(Failure::Input("there is no server: give --server, or uplink.servers in the configuration".into()));
    };
    let (host, identity) = identity::load(&uplink.identity)?;
    let mut others = BTreeSet::new();
    // A recording may be of several hosts; each agent is one of them.
    let is_ours = |record: &Result<Record, _>| match record.as_ref().map(host_of) {
        Ok(found) if found != host => {
            others.insert(found);
            false
        }
        _ => true,
    };
    let mut reader = open(&args.recording)?.filter(is_ours).peekable();
    if reader.peek().is_none() {
        drop(reader);
        let others: Vec<_> = others.iter().map(HostId::to_string).collect();
        let message = format!("the recording is of {}, this host is enrolled as {host}", others.join(", "));
        return Err(Failure::Input(message));
    }
    let stop = Stop::new(None)?;
    let folder = config.history.as_deref().expect("an uplink has one");
    let store = Store::open(folder, StoreOptions::default()).map_err(Failure::input)?;
    let mut spool = Spool::open(&store, uplink.spool_bytes).map_err(Failure::internal)?;
    // What the graph forgets is of this replay alone.
    let history_folder = tempfile::Builder::new().prefix("tracewell-agent-").tempdir().map_err(Failure::internal)?;
    let history_store = Store::open(history_folder.path(), StoreOptions::default()).map_err(Failure::internal)?;
    let history = RocksHistory::open(&history_store, host).map_err(Failure::internal)?;
    let name = match reader.peek() {
        Some(Ok(Record::Host(recorded))) => recorded.name.clone(),
        _ => config.host_name.as_str().into(),
    };
    let record = HostRecord { host, name };
    let mut pipeline = Pipeline::new(&record, &config.parameters, Box::new(history));
    pipeline.follow_at_end();
    let detectors = add_detectors(&config, &mut pipeline)?;
    if config.yara.is_some() {
        tracing::warn!(
            "yara.rules are not run: a recording holds no files; what was found in files when it was made stands in it"
        );
    }
    let work = work(Path::new(OWN_PROGRAM), &args.recording, &config, host, &detectors)?;
    pipeline.begin_epoch(spool.epoch_of(&work).map_err(Failure::internal)?);
    let _uplink = Uplink::start(uplink, identity, spool.clone())?;

    let mut pace = Pace { speed: args.speed, begun: None };
    let mut n_events = 0u64;
    for record in reader {
        let record = record.map_err(Failure::input)?;
        n_events += u64::from(matches!(record, Record::Event(_)));
        pace.wait(&record, &stop);
        // A recording can wait for the network where a host cannot.
        while spool.status().n_bytes > uplink.spool_bytes / 2 && !stop.is_now() {
            thread::park_timeout(BREATH);
        }
        if stop.is_now() {
            return Err(Failure::Input("told to stop before the recording's end".into()));
        }
        pipeline.record(&record, &mut spool)?;
        is_kept(&spool, folder)?;
    }
    pipeline.finish(&mut spool)?;
    is_kept(&spool, folder)?;
    wait_for_acknowledgement(&spool, &stop);
    if args.linger > 0 {
        linger(Duration::from_secs(args.linger), &mut pipeline, &mut spool, &stop)?;
        wait_for_acknowledgement(&spool, &stop);
    }
    let status = spool.status();
    let (n_acknowledged, n_waiting) = (status.link.n_acknowledged, status.n_frames);
    print(&format!("{n_events} events, {n_acknowledged} frames acknowledged, {n_waiting} wait in the spool\n"))
        .map(|_| ())
}

fn wait_for_acknowledgement(spool: &Spool, stop: &Stop) {
    while spool.status().n_frames > 0 && !stop.is_now() {
        spool.let_go();
        thread::park_timeout(BREATH);
    }
}

/// Answers where alerts of other hosts lead on this one. These frames come when they come: they have numbers of their own each time, so
/// that those of the recording stay what they are.
fn linger(time: Duration, pipeline: &mut Pipeline, spool: &mut Spool, stop: &Stop) -> Result<(), Failure> {
    let begun = Instant::now();
    let this_time = blake3::hash(&std::fs::read(UNIQUE).map_err(Failure::internal)?);
    pipeline.recover();
    pipeline.begin_epoch(spool.epoch_of(this_time.as_bytes()).map_err(Failure::internal)?);
    while begun.elapsed() < time && !stop.is_now() {
        pipeline.respond(spool)?;
        spool.let_go();
        thread::park_timeout(LOOK_EVERY);
    }
    Ok(())
}

/// A host goes on without what its disk does not take, and tells the loss. A replay can be begun again.
fn is_kept(spool: &Spool, folder: &Path) -> Result<(), Failure> {
    match spool.status().n_dropped {
        0 => Ok(()),
        n => Err(Failure::Internal(format!(
            "{} took {n} frames too few: make room there and begin again",
            folder.display()
        ))),
    }
}

fn open(path: &Path) -> Result<Reader, Failure> {
    tracewell_datasets::open(path, None, &ReadOptions::default()).map_err(Failure::input)
}

/// Has the pipeline run the detectors, which stay as they are, and gives the hashes of their files. One that is refused would be missed.
fn add_detectors(config: &Config, pipeline: &mut Pipeline) -> Result<Vec<String>, Failure> {
    let detectors = Detectors::start(&config.detectors, None, pipeline)?.status();
    if let Some(refused) = detectors.refused.first() {
        return Err(Failure::Input(format!("{}: {}", refused.file, refused.reason)));
    }
    Ok(detectors.loaded.into_iter().map(|detector| detector.hash).collect())
}

/// By what two replays are the same one: this very program, host, recording, parameters and detectors.
fn work(
    program: &Path,
    recording: &Path,
    config: &Config,
    host: HostId,
    detectors: &[String],
) -> Result<[u8; 32], Failure> {
    let mut hasher = blake3::Hasher::new();
    // Another build may find something else, though its version is the same.
    hasher.update(&content_hash(program)?);
    hasher.update(&host.0.to_le_bytes());
    hasher.update(&config.parameters.digest());
    hasher.update(config.host_name.as_bytes());
    hasher.update(&content_hash(recording)?);
    detectors.iter().for_each(|hash| _ = hasher.update(hash.as_bytes()));
    Ok(hasher.finalize().into())
}

fn content_hash(path: &Path) -> Result<[u8; 32], Failure> {
    let failed = |error| Failure::Input(format!("cannot read {}: {error}", path.display()));
    let mut hasher = blake3::Hasher::new();
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece).map_err(failed)? {
            0 => break,
            n => _ = hasher.update(&piece[..n]),
        }
    }
    Ok(hasher.finalize().into())
}

/// Lets records pass when it is time for them.
struct Pace {
    speed: Speed,
    begun: Option<(Instant, EventNs)>,
}

impl Pace {
    fn wait(&mut self, record: &Record, stop: &Stop) {
        let (Speed::Times(factor), Some(time)) = (self.speed, record.time()) else { return };
        let (began, first) = *self.begun.get_or_insert((Instant::now(), time));
        let due = began + Duration::from_nanos(time.since(first)).div_f64(factor);
        while Instant::now() < due && !stop.is_now() {
            thread::park_timeout(BREATH.min(due.saturating_duration_since(Instant::now())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_is_the_same_by_program_host_recording_parameters_and_detectors() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = place.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let (one, other) = (file("one", "1"), file("other", "2"));
        let config = Config::load(Some(&file("config", "")), |_| {}).unwrap();
        let known = work(&one, &one, &config, HostId(1), &[]).unwrap();
        assert_eq!(known, work(&one, &one, &config, HostId(1), &[]).unwrap());
        let detectors = &["00".to_owned()][..];
        let others =
            [(&other, &one, 1, &[][..]), (&one, &other, 1, &[]), (&one, &one, 2, &[]), (&one, &one, 1, detectors)];
        for (program, recording, host, detectors) in others {
            assert_ne!(known, work(program, recording, &config, HostId(host), detectors).unwrap());
        }
        assert!(work(Path::new(OWN_PROGRAM), &one, &config, HostId(1), &[]).is_ok());
    }
}
