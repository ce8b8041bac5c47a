//! Whether the agent takes more of the machine than it may, and what it does about it: it takes in less.
//!
//! What it uses is looked at every ten seconds. Over a limit it goes a step up: what each cgroup may send is halved, and
//! what is beyond is counted as throttled, so that alerts say "seen incompletely". Well under all limits it goes a step down.

use crate::config::Limits;
use std::fmt;
use std::time::{Duration, Instant};

/// Time over which use is averaged.
pub const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Records that a cgroup may send in a quarter of a second at the first step; each further step halves it.
const BUDGET_FIRST: u64 = 2048;
/// At the last step a cgroup may send 64 records a second.
pub const STEPS: u32 = 8;
/// A step down is taken below this part of each limit, so that steps do not flap.
const LOW_PERCENT: u64 = 75;
/// Resident memory, as a part of its limit, at which a step up and below which a step down is taken. Far apart from the limit: the
/// parts of the ledger keep their bounds by themselves, and this is for what an allocator keeps beside them.
const RESIDENT_PERCENT: u64 = 200;
const RESIDENT_LOW_PERCENT: u64 = 150;
/// What may be written at once, as a part of a day's bytes.
const BURST: u64 = 4;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What the agent has used since it started, and holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Of all its threads, and of its programs in the kernel where that is counted.
    pub cpu: Duration,
    /// Written to disk, as the kernel accounts for it.
    pub disk_bytes: u64,
    pub resident_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Cpu,
    Disk,
    Memory,
}

pub struct Pressure {
    limits: Limits,
    step: u32,
    cause: Option<Cause>,
    at: Instant,
    last: Use,
    /// Of one core, over the last ten seconds.
    cpu_permille: u64,
    /// Bytes that may still be written now; negative when too much was.
    disk_left: i128,
}

impl Pressure {
    pub fn new(limits: Limits, now: Instant, used: Use) -> Self {
        let disk_left = i128::from(limits.disk_bytes_per_day / BURST);
        Self { limits, step: 0, cause: None, at: now, last: used, cpu_permille: 0, disk_left }
    }

    pub fn set_limits(&mut self, limits: Limits) {
        if limits.disk_bytes_per_day != self.limits.disk_bytes_per_day {
            self.disk_left = i128::from(limits.disk_bytes_per_day / BURST);
        }
        self.limits = limits;
    }

    pub fn is_due(&self, now: Instant) -> bool {
        now.duration_since(self.at) >= LOOK_EVERY
    }

    /// Looks at what was used since the last time. Whether the step has changed.
    pub fn look(&mut self, now: Instant, used: Use) -> bool {
        let elapsed = now.duration_since(self.at).max(Duration::from_millis(1));
        let cpu = used.cpu.saturating_sub(self.last.cpu);
        self.cpu_permille = u64::try_from(cpu.as_micros() * 1000 / elapsed.as_micros()).unwrap_or(u64::MAX);
        let per_day = i128::from(self.limits.disk_bytes_per_day);
        let earned = per_day * elapsed.as_millis().cast_signed() / DAY.as_millis().cast_signed();
        let written = used.disk_bytes.saturating_sub(self.last.disk_bytes);
        let capacity = per_day / i128::from(BURST);
        self.disk_left = (self.disk_left + earned - i128::from(written)).clamp(-per_day, capacity);
        (self.at, self.last) = (now, used);

        let cpu_limit = u64::from(self.limits.cpu_percent) * 10;
        let resident_percent = used.resident_bytes * 100 / self.limits.memory_bytes.max(1);
        let over = if cpu_limit > 0 && self.cpu_permille > cpu_limit {
            Some(Cause::Cpu)
        } else if per_day > 0 && self.disk_left < 0 {
            Some(Cause::Disk)
        } else if resident_percent > RESIDENT_PERCENT {
            Some(Cause::Memory)
        } else {
            None
        };
        let is_low = (cpu_limit == 0 || self.cpu_permille * 100 < cpu_limit * LOW_PERCENT)
            && (per_day == 0 || self.disk_left * 100 > capacity * i128::from(100 - LOW_PERCENT))
            && resident_percent < RESIDENT_LOW_PERCENT;
        let before = self.step;
        match over {
            Some(cause) => (self.step, self.cause) = ((self.step + 1).min(STEPS), Some(cause)),
            None if is_low => self.step = self.step.saturating_sub(1),
            None => {}
        }
        if self.step == 0 {
            self.cause = None;
        }
        self.step != before
    }

    /// What each cgroup may send in a quarter of a second, where `wanted` is what the configuration says; 0 for no limit.
    pub fn budget(&self, wanted: u64) -> u64 {
        let own = self.step.checked_sub(1).map(|halvings| BUDGET_FIRST >> halvings);
        match own {
            Some(own) if wanted == 0 => own,
            Some(own) => own.min(wanted),
            None => wanted,
        }
    }

    /// From 0 for none to [`STEPS`].
    pub fn step(&self) -> u32 {
        self.step
    }

    /// Why the last step up was taken.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    pub fn cpu_permille(&self) -> u64 {
        self.cpu_permille
    }

    /// Whether more was written than may be.
    pub fn has_written_too_much(&self) -> bool {
        self.limits.disk_bytes_per_day > 0 && self.disk_left < 0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "limits.cpu_percent",
            Self::Disk => "limits.disk_bytes_per_day",
            Self::Memory => "limits.memory_bytes",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { cpu_percent: 10, disk_bytes_per_day: 8_640_000, memory_bytes: 1000 };

    /// Uses some of each limit in turn for ten seconds; gives the step, its cause and the budget after each.
    fn check(limits: Limits, uses: &[(u64, u64, u64)]) -> Vec<(u32, Option<Cause>, u64)> {
        let start = Instant::now();
        let mut pressure = Pressure::new(limits, start, Use::default());
        let mut used = Use::default();
        let mut look = |n: usize, &(cpu_ms, disk_bytes, resident_bytes): &(u64, u64, u64)| {
            used.cpu += Duration::from_millis(cpu_ms);
            used.disk_bytes += disk_bytes;
            used.resident_bytes = resident_bytes;
            pressure.look(start + LOOK_EVERY * (n as u32 + 1), used);
            (pressure.step(), pressure.cause(), pressure.budget(0))
        };
        uses.iter().enumerate().map(|(n, used)| look(n, used)).collect()
    }

    #[test]
    fn over_a_limit_it_takes_in_less_and_well_under_it_more_again() {
        let cpu = Some(Cause::Cpu);
        let steps = check(LIMITS, &[(500, 0, 0), (1500, 0, 0), (1500, 0, 0), (900, 0, 0), (500, 0, 0), (500, 0, 0)]);
        assert_eq!(steps, [(0, None, 0), (1, cpu, 2048), (2, cpu, 1024), (2, cpu, 1024), (1, cpu, 2048), (0, None, 0)]);
        let none = Limits { cpu_percent: 0, disk_bytes_per_day: 0, ..LIMITS };
        assert_eq!(check(none, &[(9999, 1 << 40, 1000)]), [(0, None, 0)]);
        let last = check(LIMITS, &[(9999, 0, 0); 20]);
        assert_eq!(last.last(), Some(&(STEPS, cpu, 16)));
    }

    #[test]
    fn a_day_of_bytes_may_be_written_in_bursts_of_a_quarter() {
        let disk = Some(Cause::Disk);
        // A quarter of a day's bytes at once is 2,160,000; ten seconds earn 1,000.
        assert_eq!(check(LIMITS, &[(0, 2_160_000, 0), (0, 3_000, 0)]), [(0, None, 0), (1, disk, 2048)]);
    }

    #[test]
    fn memory_beyond_the_ledger_counts_as_well() {
        let memory = Some(Cause::Memory);
        assert_eq!(
            check(LIMITS, &[(0, 0, 2000), (0, 0, 2100), (0, 0, 1600), (0, 0, 1400)]),
            [(0, None, 0), (1, memory, 2048), (1, memory, 2048), (0, None, 0)]
        );
    }

    #[test]
    fn the_budget_of_the_configuration_is_never_raised() {
        let mut pressure = Pressure::new(LIMITS, Instant::now(), Use::default());
        assert_eq!((pressure.budget(7), pressure.budget(0)), (7, 0));
        pressure.step = 1;
        assert_eq!((pressure.budget(7), pressure.budget(5000), pressure.budget(0)), (7, 2048, 2048));
    }
}
