//! Whether a workload's profile is still learning, settled, or drifting away from what it learned.

use tracewell_model::EventNs;
use tracewell_parameters::ProfileParameters;

/// What may be expected of a workload's profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// New leaves are still common; surprise alone decides nothing.
    #[default]
    Learning,
    /// DISTDET's rule held: few new leaves for several periods.
    Settled,
    /// Was settled, and then had a period full of new leaves.
    Drifting,
}

/// A workload's state as it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    pub state: State,
    /// 100 when settled; below, half for how rare new leaves have become and half for calm periods so far.
    pub percent: u8,
    /// Share of new leaves among the observations of the last period that had enough, in millionths.
    pub new_ppm: u32,
}

/// The rule's memory for one workload; plain data, part of a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Convergence {
    pub state: State,
    /// Number of the period that is being observed, since the Unix epoch.
    pub period: u64,
    pub n_observations: u64,
    pub n_new: u64,
    /// Calm periods in a row.
    pub n_calm: u32,
    pub last_new_ppm: Option<u32>,
}

impl Convergence {
    /// Closes the period when `time` lies after it.
    pub fn advance(&mut self, time: EventNs, parameters: &ProfileParameters) {
        let period = time.0 / parameters.period_ns.max(1);
        if period <= self.period {
            return;
        }
        // A period with little to see, or none at all, neither calms nor alarms.
        if self.n_observations >= parameters.period_observations_min.max(1) {
            self.close(parameters);
        }
        (self.period, self.n_observations, self.n_new) = (period, 0, 0);
    }

    pub fn observe(&mut self, is_new: bool) {
        self.n_observations += 1;
        self.n_new += u64::from(is_new);
    }

    pub fn readiness(&self, parameters: &ProfileParameters) -> Readiness {
        let running = (self.n_observations > 0).then(|| self.new_ppm());
        let new_ppm = self.last_new_ppm.or(running).unwrap_or(1_000_000);
        let percent = match self.state {
            State::Settled => 100,
            State::Learning | State::Drifting => {
                let periods = parameters.settled_periods.max(1);
                let rarity = rarity_percent(new_ppm, parameters.settled_new_ppm);
                (rarity / 2 + 50 * self.n_calm.min(periods) / periods).min(99)
            }
        };
        Readiness { state: self.state, percent: percent as u8, new_ppm }
    }

    fn close(&mut self, parameters: &ProfileParameters) {
        let new_ppm = self.new_ppm();
        self.last_new_ppm = Some(new_ppm);
        self.n_calm = if new_ppm < parameters.settled_new_ppm { self.n_calm.saturating_add(1) } else { 0 };
        self.state = match self.state {
            _ if self.n_calm >= parameters.settled_periods.max(1) => State::Settled,
            State::Settled if new_ppm > parameters.drift_new_ppm => State::Drifting,
            state => state,
        };
    }

    fn new_ppm(&self) -> u32 {
        let ppm = u128::from(self.n_new) * 1_000_000 / u128::from(self.n_observations.max(1));
        u32::try_from(ppm).unwrap_or(u32::MAX)
    }
}

/// How far new leaves have come from "always" to the goal, on a logarithmic scale.
fn rarity_percent(new_ppm: u32, goal_ppm: u32) -> u32 {
    use crate::profile::log2::log2_milli;
    let way = |ppm: u32| log2_milli(1_000_000) - log2_milli(u64::from(ppm.clamp(1, 1_000_000)));
    (100 * way(new_ppm)).checked_div(way(goal_ppm)).unwrap_or(100).min(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds (observations, new leaves) per period and returns state and percentage after each.
    fn check(periods: &[(u64, u64)], expected: &[(State, u8)]) {
        let parameters = tracewell_parameters::Parameters::default().profile;
        let mut convergence = Convergence { period: 0, ..Convergence::default() };
        for (i, (&(n_observations, n_new), expected)) in periods.iter().zip(expected).enumerate() {
            (0..n_observations).for_each(|n| convergence.observe(n < n_new));
            convergence.advance(EventNs((i as u64 + 1) * parameters.period_ns), &parameters);
            let Readiness { state, percent, .. } = convergence.readiness(&parameters);
            assert_eq!((state, percent), *expected, "after period {i} of {periods:?}");
        }
    }

    #[test]
    fn states() {
        use State::*;
        check(&[(0, 0)], &[(Learning, 0)]);
        check(&[(2000, 2000), (2000, 20)], &[(Learning, 0), (Learning, 33)]);
        check(
            &[(9000, 8), (9000, 8)],
            &[(Learning, 99), (Settled, 100)].map(|(s, p)| (s, if p == 99 { 75 } else { p })),
        );
        // An idle period between two calm ones changes nothing, a busy noisy one starts over.
        check(&[(9000, 8), (10, 10), (9000, 8)], &[(Learning, 75), (Learning, 75), (Settled, 100)]);
        check(&[(9000, 8), (9000, 90), (9000, 8)], &[(Learning, 75), (Learning, 33), (Learning, 75)]);
        // Somewhat more news does not unsettle; a flood does, and two calm periods settle it again.
        check(
            &[(9000, 8), (9000, 8), (9000, 60), (9000, 900), (9000, 8), (9000, 8)],
            &[(Learning, 75), (Settled, 100), (Settled, 100), (Drifting, 16), (Drifting, 75), (Settled, 100)],
        );
    }

    #[test]
    fn time_running_backwards_changes_nothing() {
        let parameters = tracewell_parameters::Parameters::default().profile;
        let mut convergence = Convergence { period: 9, n_observations: 5, ..Convergence::default() };
        let before = convergence;
        convergence.advance(EventNs::ZERO, &parameters);
        assert_eq!(convergence, before);
    }
}
