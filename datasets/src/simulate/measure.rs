use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use tracewell_model::Record;

/// How much of a stream says nothing new. Every benchmark on the simulator states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repeats {
    pub n_events: u64,
    /// Events whose subject, operation and object an earlier event had too.
    pub n_repeats: u64,
}

impl Repeats {
    /// Share of repeats, in thousandths.
    pub fn permille(&self) -> u64 {
        self.n_repeats * 1000 / self.n_events.max(1)
    }
}

/// Counts repeats. Needs 8 bytes or so for each triple of a stream; measure a part of a long one.
pub fn repeats(records: impl IntoIterator<Item = Record>) -> Repeats {
    let mut seen = HashSet::new();
    let mut repeats = Repeats::default();
    for record in records {
        let Record::Event(event) = record else { continue };
        let mut hasher = DefaultHasher::new();
        (event.host, event.subject, event.op, event.object.key(event.host)).hash(&mut hasher);
        repeats.n_events += 1;
        repeats.n_repeats += u64::from(!seen.insert(hasher.finish()));
    }
    repeats
}
