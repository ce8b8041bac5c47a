use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
/// Hosts of an aggregator that was away are back within this and what the connections take.
const LONGEST: Duration = Duration::from_secs(60);

/// How long to wait before the servers are tried again: twice as long each time, and somewhere within the later half, so that
/// hosts that lost their aggregator together do not come back together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    n_failed: u32,
}

impl Backoff {
    /// A connection was made and welcomed.
    pub fn succeeded(&mut self) {
        self.n_failed = 0;
    }

    /// The next wait. `random` is any number, each as likely as the others.
    pub fn failed(&mut self, random: u64) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.n_failed.min(16)).min(LONGEST);
        self.n_failed = self.n_failed.saturating_add(1);
        let half = whole / 2;
        half + half.mul_f64((random >> 11) as f64 / (1u64 << 53) as f64)
    }
}
