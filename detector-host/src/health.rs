//! Whether a detector is still called: one that keeps failing is parked until somebody resumes it.

use crate::limits::{FAILURES_MAX, FAILURES_WITHIN_NS};
use std::collections::VecDeque;
use tracewell_model::EventNs;

#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// Event times of the latest failures.
    failures: VecDeque<EventNs>,
    is_parked: bool,
}

impl Health {
    pub(crate) fn is_parked(&self) -> bool {
        self.is_parked
    }

    /// Takes up a failure. Returns whether it was the one too many.
    pub(crate) fn failed(&mut self, time: EventNs) -> bool {
        self.failures.push_back(time);
        self.failures.retain(|failure| time.since(*failure) <= FAILURES_WITHIN_NS);
        let parked = !self.is_parked && self.failures.len() >= FAILURES_MAX;
        self.is_parked |= parked;
        parked
    }

    pub(crate) fn resume(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_failures_in_a_short_time_park() {
        let mut health = Health::default();
        let parked: Vec<_> = (1..=5).map(|n| health.failed(EventNs(n * EventNs::SECOND))).collect();
        assert_eq!(parked, [false, false, false, false, true]);
        assert!(health.is_parked() && !health.failed(EventNs(6 * EventNs::SECOND)), "it is parked once");
        health.resume();
        assert!(!health.is_parked() && !health.failed(EventNs(7 * EventNs::SECOND)));
    }

    #[test]
    fn failures_far_apart_do_not() {
        let mut health = Health::default();
        assert!((1..100).all(|n| !health.failed(EventNs(n * 200 * EventNs::SECOND))));
    }
}
