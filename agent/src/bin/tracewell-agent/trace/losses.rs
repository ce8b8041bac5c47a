use tracewell_model::{LossCause, LossRecord};

/// What was not seen, of whatever process it was: only the kernel's counts tell of it.
#[derive(Debug, Default)]
pub struct Losses {
    n_gaps: u64,
    n_events: u64,
}

impl Losses {
    pub fn take(&mut self, loss: &LossRecord) {
        self.n_gaps += 1;
        self.n_events += loss.n_events;
        tracing::warn!(lost = loss.n_events, why = why(loss.cause), "seen incompletely");
    }

    /// The sum.
    pub fn end(&self) {
        tracing::info!(lost = self.n_events, gaps = self.n_gaps, "traced");
    }
}

fn why(cause: LossCause) -> &'static str {
    match cause {
        LossCause::RingFull => "the ring was full",
        LossCause::Throttled => "a cgroup was over its budget",
        LossCause::Oversize => "too large for a record",
        LossCause::MapFull => "a map of the kernel side was full",
        LossCause::Gap => "nobody watched",
        LossCause::Unknown => "unreadable, or the kernel skipped a program",
    }
}
