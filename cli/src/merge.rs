use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter::Peekable;
use tracewell_datasets::ReadError;
use tracewell_model::{EventNs, Record};

/// Several recordings as one stream in order of time.
///
/// A recording's own order is kept: what it gives out of order stays so. Records without a time come at once, so that a
/// host is known before what refers to it. At equal times the recording that was named first goes first. Holds one
/// record of each recording; O(log recordings) a record.
pub struct Merge<I: Iterator<Item = Result<Record, ReadError>>> {
    recordings: Vec<Peekable<I>>,
    next: BinaryHeap<Reverse<(EventNs, usize)>>,
}

impl<I: Iterator<Item = Result<Record, ReadError>>> Merge<I> {
    pub fn new(recordings: impl IntoIterator<Item = I>) -> Self {
        let mut merge =
            Self { recordings: recordings.into_iter().map(Iterator::peekable).collect(), next: BinaryHeap::new() };
        (0..merge.recordings.len()).for_each(|idx| merge.enqueue(idx));
        merge
    }

    fn enqueue(&mut self, idx: usize) {
        if let Some(head) = self.recordings[idx].peek() {
            // An error is told as soon as it is met.
            let time = head.as_ref().map_or(EventNs::ZERO, time_of);
            self.next.push(Reverse((time, idx)));
        }
    }
}

impl<I: Iterator<Item = Result<Record, ReadError>>> Iterator for Merge<I> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, idx)) = self.next.pop()?;
        let record = self.recordings[idx].next();
        self.enqueue(idx);
        record
    }
}

fn time_of(record: &Record) -> EventNs {
    match record {
        Record::Host(_) | Record::Checkpoint(_) | Record::History(_) => EventNs::ZERO,
        Record::Process(process) => process.time,
        Record::Event(event) => event.time,
        Record::Tick { time, .. } => *time,
        Record::Loss(loss) => loss.time,
        Record::Finding(found) => found.time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_model::{HostId, HostRecord};

    fn recording(host: u64, times: &[u64]) -> std::vec::IntoIter<Result<Record, ReadError>> {
        let name = host.to_string().into();
        let first = Ok(Record::Host(HostRecord { host: HostId(host), name }));
        let ticks = times.iter().map(|&time| Ok(Record::Tick { host: HostId(host), time: EventNs(time) }));
        std::iter::once(first).chain(ticks).collect::<Vec<_>>().into_iter()
    }

    fn merged(recordings: Vec<std::vec::IntoIter<Result<Record, ReadError>>>) -> Vec<(u64, u64)> {
        Merge::new(recordings)
            .map(|record| match record {
                Ok(Record::Tick { host, time }) => (host.0, time.0),
                Ok(Record::Host(host)) => (host.host.0, 0),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn records_come_in_order_of_time_and_hosts_before_them() {
        let all = merged(vec![recording(1, &[10, 30]), recording(2, &[20, 30, 40]), recording(3, &[])]);
        assert_eq!(all, [(1, 0), (2, 0), (3, 0), (1, 10), (2, 20), (1, 30), (2, 30), (2, 40)]);
    }

    #[test]
    fn a_recording_keeps_its_own_order() {
        let all = merged(vec![recording(1, &[10, 5, 30]), recording(2, &[7, 20])]);
        assert_eq!(all, [(1, 0), (2, 0), (2, 7), (1, 10), (1, 5), (2, 20), (1, 30)]);
    }

    #[test]
    fn an_error_comes_at_once() {
        let broken = vec![Err(ReadError::Empty { name: "x".into() })].into_iter();
        let mut merge = Merge::new([recording(1, &[10]), broken]);
        let (first, second) = (merge.next(), merge.next());
        assert!(matches!(first, Some(Ok(Record::Host(_)))) && matches!(second, Some(Err(ReadError::Empty { .. }))));
    }
}
