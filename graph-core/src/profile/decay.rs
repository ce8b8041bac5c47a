//! Forward decay: instead of shrinking old counts every day, new ones weigh more until the next landmark.
//!
//! (Cormode, Shkapenyuk, Srivastava, Xu: Forward decay, ICDE 2009.) An epoch lasts one half-life, so that moving the
//! landmark halves every count exactly, and counts of two hosts in the same epoch add up.

use crate::profile::log2::log2_milli;

/// The weight of one observation on a landmark's own day. Leaves ten binary places for decay.
pub const UNIT: u64 = 1 << 10;

/// The landmark's epoch and what an observation weighs today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decay {
    half_life_days: u32,
    epoch: u32,
    weight: u64,
}

impl Decay {
    pub fn new(half_life_days: u32, day: u32) -> Self {
        let half_life_days = half_life_days.clamp(1, 10_000);
        let offset = u64::from(day % half_life_days);
        Self { half_life_days, epoch: day / half_life_days, weight: exp2(offset, u64::from(half_life_days)) }
    }

    /// What one observation weighs today, in counts of the current epoch: [`UNIT`] to twice that.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Moves on to `day` and returns by how many binary places older counts must be shifted right.
    pub fn advance(&mut self, day: u32) -> u32 {
        let later = Self::new(self.half_life_days, day);
        let shift = later.epoch.saturating_sub(self.epoch);
        if later.epoch >= self.epoch {
            *self = later;
        }
        shift
    }
}

/// `count` after `shift` landmarks, rounded to the nearest.
pub fn shifted(count: u64, shift: u32) -> u64 {
    match shift {
        0 => count,
        1..64 => (count >> shift) + ((count >> (shift - 1)) & 1),
        _ => 0,
    }
}

/// `UNIT * 2^(part / whole)` for `part < whole`: the smallest integer whose logarithm is large enough.
fn exp2(part: u64, whole: u64) -> u64 {
    let log = 10_000 + 1000 * part / whole;
    let (mut low, mut high) = (UNIT, 2 * UNIT);
    while low < high {
        let middle = (low + high) / 2;
        if u64::from(log2_milli(middle)) < log { low = middle + 1 } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_double_over_a_half_life() {
        let weights = [0, 1, 7, 13, 14].map(|day| Decay::new(14, day).weight());
        assert_eq!(weights, [1024, 1076, 1449, 1949, 1024], "UNIT * 2^(day / 14)");
    }

    #[test]
    fn counting_then_decaying_is_the_landmark_form() {
        // A hundred observations on each of 60 days, decayed day by day in floating point, against the integers.
        for half_life in [1, 3, 14, 30] {
            let (mut decay, mut count, mut exact) = (Decay::new(half_life, 0), 0u64, 0f64);
            for day in 0..60 {
                count = shifted(count, decay.advance(day));
                exact *= if day == 0 { 1.0 } else { libm::exp2(-1.0 / f64::from(half_life)) };
                count += 100 * decay.weight();
                exact += 100.0;
            }
            let got = count as f64 / decay.weight() as f64;
            assert!((got / exact - 1.0).abs() < 0.002, "half-life {half_life}: {got} instead of {exact}");
        }
    }

    #[test]
    fn time_does_not_run_backwards() {
        let mut decay = Decay::new(14, 100);
        assert_eq!(decay.advance(50), 0);
        assert_eq!(decay, Decay::new(14, 100));
        assert_eq!(decay.advance(100 + 14 * 70), 70);
        assert_eq!(shifted(u64::MAX, 70), 0);
        assert_eq!(shifted(3, 1), 2);
    }
}
