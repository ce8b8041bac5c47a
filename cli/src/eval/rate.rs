use super::round6;

/// Alarms per host and day, with all that is needed to judge the figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlarmRate {
    pub n_alarms: usize,
    pub host_days: f64,
    /// `None` below [`HOST_DAYS_MIN`]: not measurable. Nothing is extrapolated from a short recording.
    pub per_host_day: Option<f64>,
    /// One-sided 95 % upper bound of the same, from a Poisson process with this many alarms.
    pub upper_95: Option<f64>,
}

/// Below this the rate says nothing about a target of 0.01 (DESIGN.md, "Evaluation").
pub const HOST_DAYS_MIN: f64 = 30.0;

impl AlarmRate {
    pub fn new(n_alarms: usize, host_days: f64) -> Self {
        Self {
            n_alarms,
            host_days: round6(host_days),
            per_host_day: Self::per_host_day(n_alarms as u64, host_days),
            upper_95: measurable(poisson_upper_95(n_alarms), host_days),
        }
    }

    /// The rate of anything that was counted; `None` below [`HOST_DAYS_MIN`].
    pub fn per_host_day(n: u64, host_days: f64) -> Option<f64> {
        measurable(n as f64, host_days)
    }
}

fn measurable(n: f64, host_days: f64) -> Option<f64> {
    (host_days >= HOST_DAYS_MIN).then(|| round6(n / host_days))
}

/// The mean at which `n` or fewer would be seen with a chance of 5 %: the exact (Garwood 1936) one-sided bound.
fn poisson_upper_95(n: usize) -> f64 {
    let (mut low, mut high) = (0.0, 2.0 * n as f64 + 10.0);
    // 64 halvings leave less than the last digit of a double.
    for _ in 0..64 {
        let middle = (low + high) / 2.0;
        if poisson_at_most(n, middle) > 0.05 { low = middle } else { high = middle }
    }
    high
}

/// The chance of `n` or fewer events where `mean` are expected. O(n); terms in logarithms, so that none underflows.
fn poisson_at_most(n: usize, mean: f64) -> f64 {
    let ln_mean = libm::log(mean);
    let mut ln_term = -mean;
    let mut sum = libm::exp(ln_term);
    for k in 1..=n {
        ln_term += ln_mean - libm::log(k as f64);
        sum += libm::exp(ln_term);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_half_the_chi_square_quantile() {
        // qchisq(0.95, 2 * (n + 1)) / 2 from printed tables.
        for (n, expected) in [(0, 2.995732), (1, 4.743865), (2, 6.295794), (5, 10.513035), (10, 16.962219)] {
            assert!((poisson_upper_95(n) - expected).abs() < 1e-5, "{n}: {}", poisson_upper_95(n));
        }
        let large = poisson_upper_95(10_000);
        assert!((10_160.0..10_180.0).contains(&large), "{large}");
    }

    #[test]
    fn short_recordings_are_not_measurable() {
        let short = AlarmRate::new(3, 29.9);
        assert_eq!((short.n_alarms, short.host_days), (3, 29.9));
        assert_eq!((short.per_host_day, short.upper_95), (None, None));
        let long = AlarmRate::new(0, 300.0);
        assert_eq!((long.per_host_day, long.upper_95), (Some(0.0), Some(0.009986)));
        assert_eq!(AlarmRate::new(3, 30.0).per_host_day, Some(0.1));
    }
}
