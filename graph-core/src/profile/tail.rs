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
        // Above the lowest score that every full day kept, the record is complete.
        let floor = self.days.iter().filter(|day| day.n_omitted > 0).filter_map(|day| day.scores.last()).max();
        let level = floor.copied().unwrap_or(Millibits::ZERO);
        let mut excesses: Vec<u32> = self
            .days
            .iter()
            .flat_map(|day| &day.scores)
            .filter(|&&score| score > level)
            .map(|s| s.0 - level.0)
            .collect();
        let n = excesses.len() as u64;
        if excesses.len() < self.exceedances_min {
            return None;
        }
        excesses.sort_unstable();
        let middle = excesses.len() / 2;
        let median = if n % 2 == 1 { excesses[middle] } else { excesses[middle - 1].midpoint(excesses[middle]) };
        // Expected exceedances of the wanted threshold in the time observed, in millionths of one.
        let seconds = (self.observed_ns() / EventNs::SECOND).max(1);
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

    /// Time that the kept days cover.
    fn observed_ns(&self) -> u64 {
        let window = u64::from(self.days_max - 1) * EventNs::DAY + self.now.0 % EventNs::DAY;
        self.first.map_or(0, |first| self.now.since(first)).min(window)
    }
}
