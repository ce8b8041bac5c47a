//! The alarm threshold from the host's own history: peaks over a threshold, without more faith in them than they earn.
//!
//! A score is a sum of `-log2 p`, and under the profile's own model `P(score > s)` halves with every bit; so excesses
//! over a high level are fitted by an exponential tail (Pickands 1975; the case of shape 0). Its scale comes from the
//! *median* excess, not the mean: half of the exceedances may be an attacker's and do not move it far. With
//! `rate` exceedances of level `u` per day, the level that `budget` scores a day exceed is
//! `u + median * log2(rate / budget)`, all in integers.

use crate::profile::log2::surprise_milli;
use std::collections::VecDeque;
use tracewell_model::{EventNs, Millibits};
use tracewell_parameters::ProfileParameters;

/// The highest scores of each of the last days; bounded, and the same whatever the order of scores within a day.
#[derive(Clone, Debug)]
pub struct Tail {
    days_max: u32,
    scores_max: usize,
    exceedances_min: usize,
    extrapolation_max: u32,
    first: Option<EventNs>,
    now: EventNs,
    /// Ascending by day.
    days: VecDeque<TailDay>,
}

/// One day's scores; plain data, part of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TailDay {
    pub day: u32,
    /// Descending, at most as many as are kept per day.
    pub scores: Vec<Millibits>,
    /// Scores that were too low to be kept.
    pub n_omitted: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TailParts {
    pub first: Option<EventNs>,
    pub now: EventNs,
    pub days: Vec<TailDay>,
}

/// A threshold and how much it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    pub value: Millibits,
    /// Scores the tail was fitted to.
    pub exceedances: u32,
    /// How many times rarer than anything the record is long enough to show, in thousandths; 1000 when not at all.
    pub extrapolated_permille: u32,
    /// The budget asked for more than the stated factor allows; this is the threshold of the factor.
    pub is_limited: bool,
}

impl Tail {
    pub fn new(parameters: &ProfileParameters) -> Self {
        Self {
            days_max: parameters.tail_days.max(1),
            scores_max: parameters.tail_scores_per_day.max(1),
            exceedances_min: parameters.tail_exceedances_min.max(1),
            extrapolation_max: parameters.tail_extrapolation_max.max(1),
            first: None,
            now: EventNs::ZERO,
            days: VecDeque::new(),
        }
    }

    /// Adds the final score of one process.
    pub fn add(&mut self, score: Millibits, time: EventNs) {
        self.advance(time);
        let day = time.day();
        if day + self.days_max <= self.now.day() {
            return;
        }
        let at = match self.days.binary_search_by_key(&day, |day| day.day) {
            Ok(at) => at,
            Err(at) => {
                self.days.insert(at, TailDay { day, ..TailDay::default() });
                at
            }
        };
        let TailDay { scores, n_omitted, .. } = &mut self.days[at];
        let place = scores.partition_point(|&kept| kept >= score);
        if place < self.scores_max {
            scores.insert(place, score);
        }
        if place >= self.scores_max || scores.len() > self.scores_max {
            scores.truncate(self.scores_max);
            *n_omitted += 1;
        }
    }

    /// Event time has reached `time`: days that are too old are forgotten.
    pub fn advance(&mut self, time: EventNs) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.now = self.now.max(time);
        let today = self.now.day();
        while self.days.front().is_some_and(|day| day.day.saturating_add(self.days_max) <= today) {
            self.days.pop_front();
        }
    }

    /// The score that `budget_per_kiloday` processes in 1000 days exceed; `None` while too little was seen to say.
    pub fn threshold(&self, budget_per_kiloday: u32) -> Option<Threshold> {
        let level = self.level();
        // Above its floor a day's record is complete; the few days whose floor is higher say nothing at this level.
        let complete = |day: &&TailDay| floor(day) <= level;
        let n_left_out = self.days.len() - self.days.iter().filter(complete).count();
        let scores = self.days.iter().filter(complete).flat_map(|day| &day.scores);
        let mut excesses: Vec<u32> = scores.filter(|&&score| score > level).map(|score| score.0 - level.0).collect();
        let n = excesses.len() as u64;
        if excesses.len() < self.exceedances_min {
            return None;
        }
        excesses.sort_unstable();
        let middle = excesses.len() / 2;
        let median = if n % 2 == 1 { excesses[middle] } else { excesses[middle - 1].midpoint(excesses[middle]) };
        // Expected exceedances of the wanted threshold in the time observed, in millionths of one.
        let observed_ns = self.observed_ns().saturating_sub(n_left_out as u64 * EventNs::DAY);
        let seconds = (observed_ns / EventNs::SECOND).max(1);
        let wanted =
            u128::from(budget_per_kiloday) * u128::from(seconds) * 1000 / (EventNs::DAY / EventNs::SECOND) as u128;
        let allowed = u128::from(1_000_000 / self.extrapolation_max);
        let expected = wanted.max(allowed).clamp(1, u128::from(u64::MAX)) as u64;
        let steps = u64::from(surprise_milli(expected, n.saturating_mul(1_000_000)));
        let above = u64::from(median) * steps / 1000;
        Some(Threshold {
            value: Millibits(u32::try_from(u64::from(level.0) + above).unwrap_or(u32::MAX)),
            exceedances: n as u32,
            extrapolated_permille: u32::try_from(1_000_000_000 / expected).unwrap_or(u32::MAX).max(1000),
            is_limited: wanted < allowed,
        })
    }

    pub fn to_parts(&self) -> TailParts {
        TailParts { first: self.first, now: self.now, days: self.days.iter().cloned().collect() }
    }

    /// Takes the parts over as far as the bounds and the order allow.
    pub fn from_parts(parameters: &ProfileParameters, parts: &TailParts) -> Self {
        let mut tail = Self { first: parts.first, now: parts.now, ..Self::new(parameters) };
        for part in &parts.days {
            let mut day = part.clone();
            day.scores.sort_unstable_by(|a, b| b.cmp(a));
            day.n_omitted += day.scores.len().saturating_sub(tail.scores_max) as u64;
            day.scores.truncate(tail.scores_max);
            if let Err(at) = tail.days.binary_search_by_key(&day.day, |day| day.day) {
                tail.days.insert(at, day);
            }
        }
        if let Some(first) = parts.first {
            tail.advance(first);
        }
        tail
    }

    /// Three quarters of the days kept all their scores above this, so that one flooded day does not lift it.
    fn level(&self) -> Millibits {
        let mut floors: Vec<Millibits> = self.days.iter().map(floor).collect();
        floors.sort_unstable();
        floors.get((3 * floors.len()).saturating_sub(1) / 4).copied().unwrap_or(Millibits::ZERO)
    }

    /// Time that the kept days cover.
    fn observed_ns(&self) -> u64 {
        let window = u64::from(self.days_max - 1) * EventNs::DAY + self.now.0 % EventNs::DAY;
        self.first.map_or(0, |first| self.now.since(first)).min(window)
    }
}

/// The lowest score a day kept, if it had to leave any out.
fn floor(day: &TailDay) -> Millibits {
    day.scores.last().copied().filter(|_| day.n_omitted > 0).unwrap_or(Millibits::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_parameters::Parameters;

    fn parameters() -> ProfileParameters {
        Parameters::default().profile
    }

    /// Scores whose number above a level halves with every `scale` millibits: the i-th of n in descending order.
    fn exponential(n: u64, scale: u32) -> impl Iterator<Item = Millibits> {
        (1..=n).map(move |i| Millibits((u64::from(surprise_milli(2 * i - 1, 2 * n)) * u64::from(scale) / 1000) as u32))
    }

    fn at(day: u64, second: u64) -> EventNs {
        EventNs((20_000 + day) * EventNs::DAY + second * EventNs::SECOND)
    }

    /// A tail of `days` full days with 1000 scores each.
    fn filled(days: u64, scale: u32) -> Tail {
        let mut tail = Tail::new(&parameters());
        for day in 0..days {
            exponential(1000, scale).enumerate().for_each(|(i, score)| tail.add(score, at(day, i as u64 * 86)));
        }
        tail.advance(at(days, 0));
        tail
    }

    #[test]
    fn the_fitted_level_is_the_true_one() {
        // 1000 scores a day that halve per 2 bits: one a day lies above 2 * log2(1000) = 19.9 bits, and so on.
        let tail = filled(10, 2000);
        for (budget_per_kiloday, expected, extrapolated) in
            [(1000, 19_931, 1000), (100, 26_575, 1000), (20, 31_219, 5000)]
        {
            let threshold = tail.threshold(budget_per_kiloday).unwrap();
            let error = threshold.value.0.abs_diff(expected);
            assert!(error < 500, "{budget_per_kiloday}: {threshold:?}, expected {expected}");
            assert_eq!((threshold.extrapolated_permille, threshold.is_limited), (extrapolated, false));
        }
    }

    #[test]
    fn it_never_speaks_of_what_is_rarer_than_the_factor() {
        let tail = filled(10, 2000);
        let limit = tail.threshold(10).unwrap();
        assert_eq!((limit.extrapolated_permille, limit.is_limited), (10_000, false));
        for budget in [9, 1, 0] {
            let threshold = tail.threshold(budget).unwrap();
            assert_eq!((threshold.value, threshold.extrapolated_permille), (limit.value, 10_000));
            assert!(threshold.is_limited);
        }
    }

    #[test]
    fn too_few_scores_give_no_threshold() {
        let mut tail = Tail::new(&parameters());
        (0..19).for_each(|i| tail.add(Millibits(1000 + i), at(0, u64::from(i))));
        assert_eq!(tail.threshold(1000), None);
        tail.add(Millibits(9), at(0, 20));
        assert_eq!(tail.threshold(1000).unwrap().exceedances, 20);
    }

    #[test]
    fn an_attack_does_not_lift_the_threshold_out_of_reach() {
        let calm = filled(10, 2000).threshold(100).unwrap().value.0;
        let mut attacked = filled(10, 2000);
        (0..400).for_each(|i| attacked.add(Millibits(200_000), at(9, i)));
        let lifted = attacked.threshold(100).unwrap().value.0;
        assert!(lifted < calm + calm / 10, "{lifted} after the attack, {calm} before");
    }

    #[test]
    fn the_order_within_days_does_not_matter_and_old_days_are_forgotten() {
        let scores: Vec<(Millibits, EventNs)> = (0..3)
            .flat_map(|day| exponential(200, 1500).enumerate().map(move |(i, s)| (s, at(day, i as u64))))
            .collect();
        let mut forwards = Tail::new(&parameters());
        let mut backwards = Tail::new(&parameters());
        scores.iter().for_each(|&(score, time)| forwards.add(score, time));
        scores.iter().rev().for_each(|&(score, time)| backwards.add(score, time));
        assert_eq!(forwards.to_parts(), backwards.to_parts());
        assert_eq!(Tail::from_parts(&parameters(), &forwards.to_parts()).to_parts(), forwards.to_parts());
        forwards.advance(at(29, 0));
        assert_eq!(forwards.to_parts().days.len(), 1);
        forwards.add(Millibits(5), at(0, 0));
        assert_eq!(forwards.to_parts().days.len(), 1, "too old to be kept");
        forwards.advance(at(100, 0));
        assert_eq!(forwards.threshold(1000), None);
    }
}
