use std::time::Duration;

/// How much may pass over time: so much a second, and what was not used of the last `burst` at once. Times are since any moment,
/// always the same one.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    per_second: u64,
    burst: Duration,
    /// When all that has passed would have, at the even rate.
    paid_until: Duration,
}

impl Bucket {
    /// `per_second` of at least 1.
    pub fn new(per_second: u64, burst: Duration) -> Self {
        Self { per_second: per_second.max(1), burst, paid_until: Duration::ZERO }
    }

    /// Counts `n`, and gives how long they have to wait. Whatever is asked for passes in the end: more than a burst waits longer.
    pub fn take(&mut self, n: u64, now: Duration) -> Duration {
        let cost = u128::from(n) * 1_000_000_000 / u128::from(self.per_second);
        let cost = Duration::from_nanos(u64::try_from(cost).unwrap_or(u64::MAX));
        self.paid_until = self.paid_until.max(now).saturating_add(cost);
        self.paid_until.saturating_sub(now).saturating_sub(self.burst)
    }
}
