//! A seeded generator of a fleet and of attacks on it, with exact truth (docs/simulator.md).
//!
//! For load, scale and regression only: what a detector finds here says nothing about its quality.
//!
//! Each [`host`] is a [`machine`] with a role ([`roles`]) and a daily life ([`life`]). It works in short turns; a turn
//! fills its queue with records, and [`Simulation`] emits the queues' heads in order of time. Attacks ([`stories`]) act
//! on the same machines in turns of their own, marked so that [`labels`] can tell what they made. Memory depends on the
//! number of hosts and attacks, not on the length of the recording.
//!
//! Deliberately absent: losses, failed calls, late or contradictory records, which the tests of the graph make
//! themselves, and any claim that the statistics are those of a real machine.

mod config;
mod fleet;
mod host;
mod labels;
mod life;
mod machine;
mod measure;
mod pool;
mod programs;
mod rng;
mod roles;
mod stories;
#[cfg(test)]
mod tests;

pub use config::{AttackPlan, ConfigError, SimulationConfig};
pub use labels::{SimulatedAttack, SimulatedNode};
pub use measure::{Repeats, repeats};
pub use roles::Role;
pub use stories::Story;

use crate::truth::Truth;
use fleet::Fleet;
use host::{Host, Next};
use machine::{Entry, Machine};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use stories::Attack;
use tracewell_model::{EventNs, HostId, Record, Str};

/// A stream of records over all hosts, in order of time; equal configurations give equal streams.
#[derive(Debug)]
pub struct Simulation {
    hosts: Vec<Host>,
    fleet: Fleet,
    attacks: Vec<Attack>,
    truth: Vec<SimulatedAttack>,
    names: BTreeMap<HostId, Str>,
    /// When each host but the current one wakes. An entry is stale if the host's wake has changed since.
    wakes: BinaryHeap<Reverse<(EventNs, usize)>>,
    current: usize,
    /// Queues of hosts that have nothing to emit; the last used is taken first, while it is still in the cache.
    idle_queues: Vec<VecDeque<Entry>>,
    /// The current host may emit up to here before another one's turn comes.
    horizon: (EventNs, usize),
    end: EventNs,
    n_left: u64,
}

impl Simulation {
    /// # Errors
    /// When an option is out of its range or an attack does not fit into the fleet or the recording.
    pub fn new(config: &SimulationConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let n_hosts = config.hosts as usize;
        let mut names = BTreeMap::new();
        let (fleet, texts) = (Fleet::new(n_hosts), Arc::new(programs::Texts::new()));
        let mut hosts: Vec<_> = (0..n_hosts)
            .map(|index| {
                let role = Fleet::role(index);
                let name: Str = format!("{}-{:04}", role.name(), index / Role::ALL.len() + 1).into();
                names.insert(HostId::from_name(&name), name.clone());
                let machine = Machine::new(config, index, name, fleet.ip(index), Arc::clone(&texts));
                Host::new(config, role, machine)
            })
            .collect();
        let mut attacks = Vec::with_capacity(config.attacks.len());
        for (number, plan) in (0u8..).zip(&config.attacks) {
            let attack = Attack::new(number, plan, &fleet);
            hosts[attack.cast[0]].plan_step(plan.start, number);
            attacks.push(attack);
        }
        let truth = config.attacks.iter().enumerate().map(|(i, plan)| SimulatedAttack::new(i, plan.story)).collect();
        let wakes = hosts.iter().enumerate().map(|(index, host)| Reverse((host.wake(), index))).collect();
        Ok(Self {
            hosts,
            fleet,
            attacks,
            truth,
            names,
            wakes,
            current: 0,
            idle_queues: Vec::new(),
            horizon: (EventNs::ZERO, 0),
            end: config.start.after(config.duration_ns),
            n_left: config.records_max.unwrap_or(u64::MAX),
        })
    }

    /// The attacks as far as they were emitted; complete and exact once the stream has ended.
    pub fn attacks(&self) -> &[SimulatedAttack] {
        &self.truth
    }

    /// The same as ground truth, in the form in which replays are scored.
    pub fn truth(&self) -> Truth {
        labels::to_truth(&self.truth, &self.names)
    }

    /// Lets the host whose time has come work until it has something to emit. False at the end of the recording.
    fn advance(&mut self) -> bool {
        loop {
            let out = &mut self.hosts[self.current].machine.out;
            if out.is_empty() {
                self.idle_queues.push(std::mem::take(out));
            }
            self.wakes.push(Reverse((self.hosts[self.current].wake(), self.current)));
            let (wake, index) = loop {
                let Reverse((wake, index)) = self.wakes.pop().expect("it was just filled");
                if self.hosts[index].wake() == wake {
                    break (wake, index);
                }
            };
            if wake >= self.end {
                return false;
            }
            self.current = index;
            if self.hosts[index].machine.out.is_empty() {
                self.turn(index);
            }
            self.horizon = self.wakes.peek().map_or((EventNs::MAX, 0), |head| head.0);
            // A turn may begin with a later record than it was due for.
            let front = self.hosts[index].machine.out.front();
            if front.is_some_and(|entry| (entry.time, index) <= self.horizon && entry.time < self.end) {
                return true;
            }
        }
    }

    fn turn(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        host.machine.out = self.idle_queues.pop().unwrap_or_default();
        let step = match host.turn(&mut self.fleet) {
            Next::Done => None,
            Next::Attack(number) => {
                let next = self.attacks[usize::from(number)].act(&mut host.machine, &self.fleet);
                self.truth[usize::from(number)].is_told_to_the_end = next.is_none();
                next.map(|(to, delay_ns)| (to, host.machine.clock.after(delay_ns), number))
            }
        };
        host.book(&mut self.fleet);
        let calls = std::mem::take(&mut host.machine.calls);
        if let Some((to, at, number)) = step {
            self.hosts[to].plan_step(at, number);
            self.wakes.push(Reverse((self.hosts[to].wake(), to)));
        }
        for call in &calls {
            self.fleet.called(call.to);
            self.hosts[call.to].call(*call);
            self.wakes.push(Reverse((self.hosts[call.to].wake(), call.to)));
        }
    }
}

impl Iterator for Simulation {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.n_left == 0 {
            return None;
        }
        let front = self.hosts[self.current].machine.out.front();
        if front.is_none_or(|entry| (entry.time, self.current) > self.horizon || entry.time >= self.end)
            && !self.advance()
        {
            self.n_left = 0;
            return None;
        }
        let entry = self.hosts[self.current].machine.out.pop_front().expect("advance found one");
        self.n_left -= 1;
        if let (Some(number), Record::Event(event)) = (entry.attack, &entry.record) {
            self.truth[usize::from(number)].saw(event);
        }
        Some(entry.record)
    }
}
