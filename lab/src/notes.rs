//! What the launcher notes while it acts: who it started where, what belongs to which step of an attack, and when time was
//! moved on. Truth is made of these notes, and of nothing that a detector says.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tracewell_model::EventNs;

/// Folder of each host in which a process opens a file to say which step it belongs to from then on. The writer takes these
/// events out again.
pub const MARKS: &str = "/run/lab/";

/// Clock ticks a second: what /proc counts starts in, on every machine (USER_HZ, include/asm-generic/param.h).
pub const TICKS_HZ: u64 = 100;

#[derive(Debug, Default)]
pub struct Notes {
    pub roots: Vec<Root>,
    pub attacks: Vec<AttackNote>,
    /// Which step a mark stands for: attack and step.
    pub marks: Vec<(usize, usize)>,
    pub shifts: Vec<Shift>,
    /// By the clock, when the scenario was over; what its hosts did afterwards is no part of it.
    pub end: Option<EventNs>,
}

/// From a moment on, event time is later than the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    pub from: EventNs,
    /// The same moment in clock ticks since the machine was started.
    pub from_ticks: u64,
    /// All pauses until then together.
    pub later: Duration,
}

/// A process that the launcher started in a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    pub pid: u32,
    /// Start in clock ticks since the machine was started, as /proc shows it.
    pub ticks: u64,
    pub host: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttackNote {
    pub id: String,
    pub name: String,
    #[serde(rename = "step")]
    pub steps: Vec<StepNote>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepNote {
    pub name: String,
    pub techniques: Vec<String>,
    /// By the clock, before and after the launcher did it.
    #[serde(with = "ns")]
    pub from: EventNs,
    #[serde(with = "ns")]
    pub to: EventNs,
    /// What it leaves behind or changes.
    pub files: Vec<Place>,
    /// What a service of the host writes for it: whoever does so served the attacker.
    pub brought: Vec<Place>,
    /// What ordinary programs load of it: whoever does so acts for both.
    pub infected: Vec<Place>,
    /// Addresses outside of a host that only the attacker uses.
    pub remotes: Vec<Far>,
}

/// A path on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub host: String,
    pub path: String,
}

/// An address that a host has connections with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Far {
    pub host: String,
    pub address: Ipv4Addr,
}

impl Root {
    /// The process is a child that was not waited for, so /proc has it even after its end.
    pub fn of(pid: u32, host: &str) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("looking at what was started")?;
        // The name in parentheses may hold anything (proc_pid_stat(5)).
        let ticks = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(19)?.parse().ok());
        Ok(Self { pid, ticks: ticks.context("reading when it was started")?, host: host.to_owned() })
    }
}

impl Notes {
    /// From now on, events are so much later.
    pub fn pause(&mut self, time: Duration) {
        let later = self.shifts.last().map_or(Duration::ZERO, |shift| shift.later) + time;
        self.shifts.push(Shift { from: clock_now(), from_ticks: ticks_now(), later });
    }

    /// What the clock said, as the time of the recording.
    pub fn event_time(&self, clock: EventNs) -> EventNs {
        let shift = self.shifts.iter().rev().find(|shift| shift.from <= clock);
        let later = shift.map_or(Duration::ZERO, |shift| shift.later);
        EventNs(clock.0 + u64::try_from(later.as_nanos()).expect("pauses are shorter than 584 years"))
    }

    /// When a process was started, as the recording has it: it moves on with the time of its first event.
    pub fn event_ticks(&self, ticks: u64) -> u64 {
        let shift = self.shifts.iter().rev().find(|shift| shift.from_ticks <= ticks);
        let later = shift.map_or(Duration::ZERO, |shift| shift.later);
        ticks + u64::try_from(later.as_nanos()).unwrap_or(u64::MAX) / (1_000_000_000 / TICKS_HZ)
    }
}

#[expect(clippy::disallowed_methods, reason = "what is noted has the time of what is recorded")]
pub fn clock_now() -> EventNs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    EventNs(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Clock ticks since the machine was started, time asleep included, as the start of a process counts them (fs/proc/array.c).
fn ticks_now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let part = |value: i64| u64::try_from(value).unwrap_or_default();
    part(now.tv_sec) * TICKS_HZ + part(now.tv_nsec) * TICKS_HZ / 1_000_000_000
}

mod ns {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use tracewell_model::EventNs;

    pub(super) fn serialize<S: Serializer>(time: &EventNs, to: S) -> Result<S::Ok, S::Error> {
        time.0.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<EventNs, D::Error> {
        u64::deserialize(from).map(EventNs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_starts_move_on_together() {
        let hour = Duration::from_hours(1);
        let shift = |s: u64, later| Shift { from: EventNs(s * 1_000_000_000), from_ticks: s * TICKS_HZ, later };
        let notes = Notes { shifts: vec![shift(10, hour), shift(20, hour * 3)], ..Notes::default() };
        for (s, later_s) in [(5, 0), (10, 3600), (19, 3600), (20, 3 * 3600), (99, 3 * 3600)] {
            assert_eq!(notes.event_time(EventNs(s * 1_000_000_000)), EventNs((s + later_s) * 1_000_000_000));
            assert_eq!(notes.event_ticks(s * TICKS_HZ), (s + later_s) * TICKS_HZ);
        }
    }
}
