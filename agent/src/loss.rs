use std::collections::VecDeque;
use tracewell_graph_core::checkpoint::{LoadError, LoadRows, SaveRows};
use tracewell_model::{EventNs, Loss, LossRecord};

/// Losses remembered; older ones are only in the total.
const REMEMBERED_MAX: usize = 4096;

/// What was not seen, and when.
#[derive(Debug, Default)]
pub struct LossLog {
    recent: VecDeque<(EventNs, u64)>,
    total: u64,
}

impl LossLog {
    pub fn add(&mut self, loss: &LossRecord) {
        if self.recent.len() == REMEMBERED_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((loss.time, loss.n_events));
        self.total = self.total.saturating_add(loss.n_events);
    }

    pub fn save(&self, rows: &mut SaveRows<'_>) {
        rows.row(|row| {
            row.u64(self.total);
            row.u64(self.recent.len() as u64);
            for (time, n_events) in &self.recent {
                row.u64(time.0);
                row.u64(*n_events);
            }
        });
    }

    /// Reads what [`Self::save`] gave.
    ///
    /// # Errors
    /// When the row is not of losses.
    pub fn load(rows: &mut LoadRows<'_>) -> Result<Self, LoadError> {
        rows.row("losses", |row| {
            let (total, n_recent) = (row.u64()?, row.at_most(REMEMBERED_MAX as u64)?);
            let recent = (0..n_recent).map(|_| Ok((EventNs(row.u64()?), row.u64()?))).collect::<Result<_, _>>()?;
            Ok(Self { recent, total })
        })
    }

    /// Lost events since the start, as far as the source counted them.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The losses between two moments, both included. O(losses remembered).
    pub fn between(&self, from: EventNs, to: EventNs) -> Loss {
        let near = self.recent.iter().filter(|(time, _)| (from..=to).contains(time));
        near.fold(Loss::default(), |sum, (_, n_events)| Loss {
            n_events: sum.n_events.saturating_add(*n_events),
            n_gaps: sum.n_gaps + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_model::{HostId, LossCause};

    #[test]
    fn sums_what_lies_between() {
        let mut log = LossLog::default();
        for time in [10, 20, 30] {
            let loss = LossRecord { host: HostId(1), time: EventNs(time), cause: LossCause::RingFull, n_events: time };
            log.add(&loss);
        }
        assert_eq!(log.between(EventNs(15), EventNs(30)), Loss { n_events: 50, n_gaps: 2 });
        assert_eq!(log.total(), 60);
    }
}
