//! What a run begins with: what the last one knew, and what has become of it since.

use crate::checkpoint::{self, Checkpoints};
use crate::config::Config;
use crate::failure::Failure;
use crate::watch::Stream;
use std::collections::BTreeSet;
use tracewell_agent::Pipeline;
use tracewell_agent::live::Live;
use tracewell_agent::live::snapshot::PROCESSES_MAX;
use tracewell_agent::spool::Spool;
use tracewell_graph_core::history::{History, Noted, Witness};
use tracewell_model::{EventNs, HostRecord, Record};
use tracewell_store::{RocksHistory, Store};

/// A pipeline and where it is kept.
pub struct Start {
    pub pipeline: Pipeline,
    /// `None` if the history is temporary.
    pub checkpoints: Option<Checkpoints>,
    /// Whether it goes on from a checkpoint.
    pub is_resumed: bool,
    /// What it reads of its history, once that is to be noted.
    pub noted: Noted,
}

/// The pipeline as the last run left it, or an empty one over an empty history: where nothing is known of its rows, they
/// would be taken for this run's past.
///
/// # Errors
/// When the store fails, or a checkpoint that is refused cannot be put aside.
pub fn pipeline(
    config: &Config,
    host: &HostRecord,
    (store, spool): (&Store, Option<&Spool>),
    now: EventNs,
) -> Result<Start, Failure> {
    let history = || RocksHistory::open(store, host.host).map_err(Failure::internal);
    let over = |history| {
        let (history, noted) = Witness::over(history);
        (Pipeline::new(host, &config.parameters, Box::new(history)), noted)
    };
    let (mut pipeline, mut noted) = over(history()?);
    let Some(folder) = &config.history else {
        tracing::warn!("the history is temporary: what is learned ends with this run (pipeline.history)");
        return Ok(Start { pipeline, checkpoints: None, is_resumed: false, noted });
    };
    let path = checkpoint::path(folder, host.host);
    let is_resumed = checkpoint::resume(&path, &mut pipeline, now, config)?;
    if is_resumed {
        pipeline.recover();
    } else {
        // Nobody else may hold the history meanwhile.
        drop(pipeline);
        let mut history = history()?;
        history.expire(now.after(EventNs::DAY)).map_err(Failure::internal)?;
        (pipeline, noted) = over(history);
    }
    // The last run may have got further than its checkpoint says.
    if let Some(used) = spool.map(Spool::epoch).filter(|used| *used >= pipeline.epoch()) {
        pipeline.begin_epoch(used.saturating_add(1));
    }
    let mut checkpoints = Checkpoints::start(path, config.checkpoint_every, store.clone())?;
    // Or a run that ends before its first would be followed by one that uses its numbers again.
    checkpoints.write_and_wait(&mut pipeline);
    Ok(Start { pipeline, checkpoints: Some(checkpoints), is_resumed, noted })
}

/// Begins the stream: with the host's name, what was known of it, and what ended while nobody watched; then with what runs.
///
/// # Errors
/// When pipeline or recording fails.
pub fn stream(stream: &mut Stream, host: HostRecord, live: &mut Live, is_resumed: bool) -> Result<(), Failure> {
    stream.take(&Record::Host(host))?;
    let now = live.now();
    let mut stock = Vec::new();
    live.stock(|record| stock.push(record));
    if is_resumed {
        stream.record_checkpoint();
        let alive: BTreeSet<_> = stock
            .iter()
            .filter_map(|record| match record {
                Record::Process(process) => Some(process.process),
                _ => None,
            })
            .collect();
        // Of what is beyond the bound nobody knows whether it runs.
        let alive = Some(&alive).filter(|alive| alive.len() < PROCESSES_MAX);
        let gap = stream.pipeline.gap(now, alive);
        let n_ended = gap.iter().filter(|record| matches!(record, Record::Event(_))).count();
        let last = stream.pipeline.now();
        // The checkpoint of a run that ended before it saw anything knows no time.
        let gap_seconds = (last > EventNs::ZERO).then(|| now.since(last) / EventNs::SECOND);
        tracing::info!(gap_seconds, ended = n_ended, "goes on from a checkpoint");
        gap.iter().try_for_each(|record| stream.take(record))?;
    }
    stock.iter().try_for_each(|record| stream.take(record))
}
