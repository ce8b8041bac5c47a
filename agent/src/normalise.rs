//! What must hold before an event enters the graph: a time that can be believed, and renames made explicit.

use tracewell_graph_core::checkpoint::{LoadError, LoadRows, SaveRows, read_record, write_record};
use tracewell_model::{
    Detail, Event, EventFlags, EventNs, FileRef, FindingRecord, HostId, LossRecord, Object, Operation, ProcessRecord,
    Record,
};

/// Records in a row that must agree on a jump of time before it is believed.
const JUMP_RECORDS: usize = 3;

/// Vets times. What comes later than the history reaches back is clamped to the watermark. A time far ahead of the watermark is held until the records after it tell whether time itself jumped
/// (the source was idle) or one record is wrong, which is then clamped to the watermark and flagged.
#[derive(Debug)]
pub struct Normaliser {
    slack_ns: u64,
    late_ns: u64,
    first: EventNs,
    watermark: EventNs,
    held: Vec<Record>,
    clamped: u64,
}

/// What became of a record.
#[derive(Debug, PartialEq)]
pub enum Vetted {
    /// It goes on as it is.
    Pass,
    /// It waits for what comes next.
    Held,
    /// These go on, in this order; the record is the last of them.
    Release(Vec<Record>),
}

impl Normaliser {
    pub fn new(slack_ns: u64, late_ns: u64) -> Self {
        Self { slack_ns, late_ns, first: EventNs::ZERO, watermark: EventNs::ZERO, held: Vec::new(), clamped: 0 }
    }

    /// The first time that was believed; zero before.
    pub fn first(&self) -> EventNs {
        self.first
    }

    /// The latest time that was believed.
    pub fn watermark(&self) -> EventNs {
        self.watermark
    }

    /// Records whose time was clamped.
    pub fn clamped(&self) -> u64 {
        self.clamped
    }

    pub fn save(&self, rows: &mut SaveRows<'_>) {
        rows.row(|row| {
            row.u64(self.first.0);
            row.u64(self.watermark.0);
            row.u64(self.clamped);
            row.u64(self.held.len() as u64);
        });
        self.held.iter().for_each(|record| rows.row(|row| write_record(row, record)));
    }

    /// Becomes what [`Self::save`] gave, under its own limits.
    ///
    /// # Errors
    /// When a row is not of a normaliser.
    pub fn load(&self, host: HostId, rows: &mut LoadRows<'_>) -> Result<Self, LoadError> {
        let (mut loaded, n_held) = rows.row("a normaliser", |row| {
            let (first, watermark, clamped) = (EventNs(row.u64()?), EventNs(row.u64()?), row.counter()?);
            let Self { slack_ns, late_ns, .. } = *self;
            Ok((
                Self { slack_ns, late_ns, first, watermark, held: Vec::new(), clamped },
                row.at_most(JUMP_RECORDS as u64)?,
            ))
        })?;
        for _ in 0..n_held {
            loaded.held.push(rows.row("a record that waits", |row| read_record(row, host))?);
        }
        Ok(loaded)
    }

    pub fn vet(&mut self, record: &Record) -> Vetted {
        let Some(time) = time_of(record) else { return Vetted::Pass };
        let limit = self.watermark.after(self.slack_ns);
        if time > limit {
            self.held.push(record.clone());
            if self.held.len() < JUMP_RECORDS {
                return Vetted::Held;
            }
            return Vetted::Release(self.believe());
        }
        if self.first == EventNs::ZERO {
            self.first = time;
        }
        let mut released = self.disbelieve();
        self.watermark = self.watermark.max(time);
        let is_too_late = self.watermark.since(time) >= self.late_ns;
        if released.is_empty() && !is_too_late {
            return Vetted::Pass;
        }
        released.push(if is_too_late { self.clamp(record.clone()) } else { record.clone() });
        Vetted::Release(released)
    }

    /// What is still held when the stream ends: believed if it lies within a day, for an idle host may end so.
    pub fn finish(&mut self) -> Vec<Record> {
        let limit = if self.first == EventNs::ZERO { EventNs::MAX } else { self.watermark.after(EventNs::DAY) };
        if self.held.iter().filter_map(time_of).all(|time| time <= limit) { self.believe() } else { self.disbelieve() }
    }

    fn believe(&mut self) -> Vec<Record> {
        // The least of the held times is what all of them support.
        let jumped = self.held.iter().filter_map(time_of).min().unwrap_or(self.watermark);
        self.watermark = self.watermark.max(jumped);
        if self.first == EventNs::ZERO {
            self.first = jumped;
        }
        let limit = self.watermark.after(self.slack_ns);
        let held = std::mem::take(&mut self.held);
        held.into_iter()
            .map(|record| match time_of(&record) {
                Some(time) if time > limit => self.clamp(record),
                Some(time) => {
                    self.watermark = self.watermark.max(time);
                    record
                }
                None => record,
            })
            .collect()
    }

    fn disbelieve(&mut self) -> Vec<Record> {
        let held = std::mem::take(&mut self.held);
        held.into_iter().map(|record| self.clamp(record)).collect()
    }

    fn clamp(&mut self, record: Record) -> Record {
        self.clamped += 1;
        let time = self.watermark;
        match record {
            Record::Event(event) => Record::Event(Event { time, flags: event.flags | EventFlags::CLAMPED, ..event }),
            Record::Process(process) => Record::Process(ProcessRecord { time, ..process }),
            Record::Tick { host, .. } => Record::Tick { host, time },
            Record::Loss(loss) => Record::Loss(LossRecord { time, ..loss }),
            Record::Finding(found) => Record::Finding(FindingRecord { time, ..found }),
            Record::Host(_) | Record::Checkpoint(_) | Record::History(_) => record,
        }
    }
}

fn time_of(record: &Record) -> Option<EventNs> {
    match record {
        Record::Host(_) | Record::Checkpoint(_) | Record::History(_) => None,
        Record::Process(process) => Some(process.time),
        Record::Event(event) => Some(event.time),
        Record::Tick { time, .. } => Some(*time),
        Record::Loss(loss) => Some(loss.time),
        Record::Finding(found) => Some(found.time),
    }
}

/// The host a record is about.
pub fn host_of(record: &Record) -> HostId {
    match record {
        Record::Host(host) => host.host,
        Record::Process(process) => process.host,
        Record::Event(event) => event.host,
        Record::Tick { host, .. } => *host,
        Record::Loss(loss) => loss.host,
        Record::Finding(found) => found.host,
        Record::Checkpoint(checkpoint) => checkpoint.host,
        Record::History(history) => history.host,
    }
}

/// The rename of a file that is known by its path alone, as what it does to two nodes: the old path is read and
/// renamed, the new one created. `None` for everything else.
pub fn split_rename(event: &Event) -> Option<[Event; 3]> {
    let (Object::File(file), Detail::NewPath { path, .. }) = (&event.object, &event.detail) else { return None };
    if file.uuid.is_some() || file.inode.is_some() || file.path.is_none() {
        return None;
    }
    let inferred = |op, file: FileRef| Event {
        op,
        object: Object::File(file),
        detail: Detail::None,
        flags: event.flags | EventFlags::REPAIRED,
        ..event.clone()
    };
    let renamed = Event { detail: Detail::None, ..event.clone() };
    let target = FileRef { kind: file.kind, ..FileRef::at_path(path.clone()) };
    Some([inferred(Operation::Read, file.clone()), renamed, inferred(Operation::Create, target)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(time: u64) -> Record {
        Record::Tick { host: HostId(1), time: EventNs(time) }
    }

    fn vet_all(times: &[u64]) -> (Vec<u64>, u64) {
        let mut normaliser = Normaliser::new(100, 1000);
        let mut out = Vec::new();
        for &time in times {
            match normaliser.vet(&tick(time)) {
                Vetted::Pass => out.push(tick(time)),
                Vetted::Held => {}
                Vetted::Release(released) => out.extend(released),
            }
        }
        out.extend(normaliser.finish());
        (out.iter().map(|record| time_of(record).unwrap().0).collect(), normaliser.clamped())
    }

    #[test]
    fn one_record_from_the_future_is_clamped() {
        assert_eq!(vet_all(&[10, 20, 1_000_000, 30]), (vec![10, 20, 20, 30], 1));
    }

    #[test]
    fn a_jump_that_lasts_is_believed() {
        assert_eq!(vet_all(&[10, 5000, 5001, 5002, 5003]), (vec![10, 5000, 5001, 5002, 5003], 0));
    }

    #[test]
    fn a_jump_is_believed_only_as_far_as_all_agree() {
        assert_eq!(vet_all(&[10, 5000, 900_000, 5002]), (vec![10, 5000, 5000, 5002], 1));
    }

    #[test]
    fn what_is_held_at_the_end_is_believed_within_a_day() {
        assert_eq!(vet_all(&[10, 5000]), (vec![10, 5000], 0));
        assert_eq!(vet_all(&[10, 2 * EventNs::DAY]), (vec![10, 10], 1));
    }

    #[test]
    fn the_first_record_may_be_the_wrong_one() {
        assert_eq!(vet_all(&[1_000_000, 10_000, 10_001, 10_002]), (vec![10_000, 10_000, 10_001, 10_002], 1));
        assert_eq!(vet_all(&[5000]), (vec![5000], 0));
    }

    #[test]
    fn late_records_pass_within_reach_of_the_history() {
        assert_eq!(vet_all(&[50, 10, 60]), (vec![50, 10, 60], 0));
        assert_eq!(vet_all(&[2000, 2001, 2002, 1003, 1002]), (vec![2000, 2001, 2002, 1003, 2002], 1));
    }
}
