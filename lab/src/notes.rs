//! What the launcher notes while it acts: who it started where, what belongs to which step of an attack, and when time was
//! moved on. Truth is made of these notes, and of nothing that a detector says.

use anyhow::{Context, Result};
use std::fs;
use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};
use tracewell_model::EventNs;

/// Folder of each host in which a process opens a file to say which step it belongs to from then on. The writer takes these
/// events out again.
pub const MARKS: &str = "/run/lab/";

#[derive(Debug, Default)]
pub struct Notes {
    pub roots: Vec<Root>,
    pub attacks: Vec<AttackNote>,
    /// Which step a mark stands for: attack and step.
    pub marks: Vec<(usize, usize)>,
    /// From each moment on, event time is later than the clock by so many ns.
    pub shifts: Vec<(EventNs, u64)>,
}

/// A process that the launcher started in a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    pub pid: u32,
    /// Start in clock ticks since the machine was started, as /proc shows it.
    pub ticks: u64,
    pub host: String,
}

#[derive(Clone, Debug)]
pub struct AttackNote {
    pub id: String,
    pub name: String,
    pub steps: Vec<StepNote>,
}

#[derive(Clone, Debug)]
pub struct StepNote {
    pub name: String,
    pub techniques: Vec<String>,
    /// By the clock, before and after the launcher did it.
    pub from: EventNs,
    pub to: EventNs,
    /// Host and path of what it leaves behind or moves.
    pub files: Vec<(String, String)>,
    /// Host, and the address outside of it that only the attacker uses.
    pub remotes: Vec<(String, Ipv4Addr)>,
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
    /// What the clock said, as the time of the recording.
    pub fn event_time(&self, clock: EventNs) -> EventNs {
        let shift = self.shifts.iter().rev().find(|(from, _)| *from <= clock).map_or(0, |(_, shift)| *shift);
        EventNs(clock.0 + shift)
    }
}

#[expect(clippy::disallowed_methods, reason = "what is noted has the time of what is recorded")]
pub fn clock_now() -> EventNs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    EventNs(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
