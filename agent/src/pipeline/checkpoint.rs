//! A pipeline's state as a checkpoint, and what becomes of it when an agent goes on with it.

use super::{Pipeline, hello};
use crate::checkpoint::{self, CheckpointError};
use crate::contribute::Contributor;
use crate::loss::LossLog;
use crate::profiling::Profiling;
use crate::uplink::Uplink;
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use tracewell_graph_core::checkpoint::SaveRows;
use tracewell_graph_core::follow::Connections;
use tracewell_graph_core::graph::Graph;
use tracewell_graph_core::link::Linker;
use tracewell_model::{
    CheckpointRecord, Event, EventFlags, EventNs, HistoryRecord, LossCause, LossRecord, Object, Operation, ProcessRef,
    Record,
};

/// Bytes of a whole one in a recording. One of a full window and profile has some 10 MB.
const RECORDED_BYTES_MAX: usize = 256 << 20;

/// The parts of a checkpoint that a recording has given so far.
#[derive(Default)]
pub(super) struct Parts {
    next: u32,
    bytes: Vec<u8>,
}

impl Pipeline {
    /// Writes all that the pipeline knows, but for what is in its history. The history has handed over to its medium what was
    /// written to it by then; whoever keeps the checkpoint makes the medium durable first.
    ///
    /// # Errors
    /// When `out` cannot be written, or the history fails.
    pub fn save(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.graph.hand_over().map_err(io::Error::other)?;
        checkpoint::write(out, |rows| self.save_rows(rows))
    }

    /// Becomes what another pipeline of this host was when it wrote a checkpoint. When that fails it stays what it was.
    ///
    /// # Errors
    /// When it is no checkpoint of this host that this program can read.
    pub fn restore(&mut self, from: &mut dyn Read) -> Result<(), CheckpointError> {
        let (host, parameters) = (self.graph.host(), &self.parameters);
        let loaded = checkpoint::read(from, |rows| {
            let head = rows.row("a pipeline", |row| Ok((row.bool()?, EventNs(row.u64()?))))?;
            let normaliser = self.normaliser.load(host, rows)?;
            let graph = Graph::load(host, &parameters.graph, rows)?;
            let profiling = Profiling::load(parameters, rows)?;
            let contributor = Contributor::load(rows)?;
            let linker = Linker::load(&parameters.link, rows)?;
            let losses = LossLog::load(rows)?;
            let connections = Connections::load(rows)?;
            let rest = (losses, connections, Uplink::load(host, rows)?);
            Ok((head, normaliser, graph, profiling, contributor, linker, rest))
        })?;
        let (head, normaliser, graph, profiling, contributor, linker, (losses, connections, uplink)) = loaded;
        let (greets, next_heartbeat) = head;
        self.hello = greets.then(|| hello(&self.name, &self.parameters));
        self.next_heartbeat = next_heartbeat;
        self.begun = normaliser.watermark();
        self.graph.take_over(graph);
        (self.normaliser, self.profiling, self.contributor) = (normaliser, profiling, contributor);
        (self.linker, self.losses, self.connections, self.uplink) = (linker, losses, connections, uplink);
        Ok(())
    }

    /// The pipeline's state as the records that begin a recording.
    ///
    /// # Errors
    /// When `take` fails, or the history does.
    pub fn checkpoint_records(&mut self, take: impl FnMut(&Record) -> io::Result<()>) -> io::Result<()> {
        let mut parts = PartWriter { host: self.graph.host(), part: 0, bytes: Vec::new(), take };
        self.save(&mut parts)?;
        parts.give(true)
    }

    /// Takes a part of a checkpoint from a recording; the last one restores.
    ///
    /// # Errors
    /// When parts are missing or too many, or as [`Self::restore`].
    pub(super) fn restore_part(&mut self, record: &CheckpointRecord) -> Result<(), CheckpointError> {
        let parts = &mut self.parts;
        if self.normaliser.watermark() != EventNs::ZERO || record.part != parts.next {
            let expected = match self.normaliser.watermark() {
                EventNs::ZERO => format!("part {}", parts.next),
                _ => "none, after what happened since".into(),
            };
            return Err(CheckpointError::Part { found: record.part.to_string(), expected });
        }
        if parts.bytes.len() + record.bytes.len() > RECORDED_BYTES_MAX {
            let expected = format!("at most {RECORDED_BYTES_MAX} bytes in all");
            return Err(CheckpointError::Part { found: record.part.to_string(), expected });
        }
        parts.bytes.extend_from_slice(&record.bytes);
        parts.next += 1;
        if !record.is_last {
            return Ok(());
        }
        let bytes = std::mem::take(parts).bytes;
        self.restore(&mut bytes.as_slice())
    }

    /// Takes up what the live run read of its history.
    pub(super) fn take_up_history(&mut self, record: &HistoryRecord) -> Result<(), CheckpointError> {
        Ok(self.graph.take_up_history(&record.bytes)?)
    }

    /// The number of the next edge: what the history has of lower numbers is from before.
    pub fn next_seq(&self) -> u64 {
        self.graph.next_seq()
    }

    /// Goes on with what was restored after the process has ended, however it did. What it did after the checkpoint is not
    /// known here, but may be in the history and to receivers: nothing of that is taken for something else.
    pub fn recover(&mut self) {
        self.graph.recover();
        self.linker.recover();
        self.uplink.recover();
        self.hello = Some(hello(&self.name, &self.parameters));
    }

    /// What is to be told of the time in which nobody watched, now that it is `now`: that it is lost, and that the processes
    /// have ended which are not in `alive`, where that is known. These records come before any other.
    pub fn gap(&self, now: EventNs, alive: Option<&BTreeSet<ProcessRef>>) -> Vec<Record> {
        let host = self.graph.host();
        let loss = |time| Record::Loss(LossRecord { host, time, cause: LossCause::Gap, n_events: 0 });
        let ended = |subject| {
            let event = Event::new(now, host, subject, Operation::Exit, Object::None);
            Record::Event(Event { flags: EventFlags::REPAIRED, ..event })
        };
        // A loss lies at one moment: alerts that end before the gap or begin after it see one of them, the rest both.
        let seen = Some(self.normaliser.watermark()).filter(|last| *last > EventNs::ZERO);
        let mut records: Vec<_> = seen.into_iter().chain([now]).map(loss).collect();
        if let Some(alive) = alive {
            let running = self.graph.running().into_iter().filter(|process| !alive.contains(process));
            records.extend(running.map(ended));
        }
        records
    }

    fn save_rows(&self, rows: &mut SaveRows<'_>) {
        rows.row(|row| {
            row.bool(self.hello.is_some());
            row.u64(self.next_heartbeat.0);
        });
        self.normaliser.save(rows);
        self.graph.save(rows);
        self.profiling.save(rows);
        self.contributor.save(rows);
        self.linker.save(rows);
        self.losses.save(rows);
        self.connections.save(rows);
        self.uplink.save(rows);
    }
}

/// Cuts what is written into records.
struct PartWriter<F> {
    host: tracewell_model::HostId,
    part: u32,
    bytes: Vec<u8>,
    take: F,
}

impl<F: FnMut(&Record) -> io::Result<()>> PartWriter<F> {
    fn give(&mut self, is_last: bool) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.bytes).into();
        let part = CheckpointRecord { host: self.host, part: self.part, is_last, bytes };
        self.part += 1;
        (self.take)(&Record::Checkpoint(part))
    }
}

impl<F: FnMut(&Record) -> io::Result<()>> Write for PartWriter<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() == CheckpointRecord::BYTES_MAX {
            self.give(false)?;
        }
        let n_bytes = bytes.len().min(CheckpointRecord::BYTES_MAX - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..n_bytes]);
        Ok(n_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
