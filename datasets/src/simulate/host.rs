//! A machine with its role and its daily life, and the plan of when it does something next.

use super::config::SimulationConfig;
use super::fleet::{Call, Fleet, Service};
use super::life::Life;
use super::machine::Machine;
use super::roles::{Role, Work};
use std::collections::VecDeque;
use tracewell_model::EventNs;

/// Callers are turned away while a host is behind its own work by so many events.
const EVENTS_BEHIND_MAX: u64 = 200;

#[derive(Debug)]
pub(crate) struct Host {
    pub machine: Machine,
    role: Role,
    work: Box<dyn Work>,
    life: Life,
    /// When the next piece of daily work is due, such that the mean rate comes out right.
    due: EventNs,
    events_per_1000_s: u64,
    calls: VecDeque<Call>,
    /// Steps of attacks that are due here: time and number of the attack.
    steps: Vec<(EventNs, u8)>,
}

/// What a host turns to next.
#[derive(Debug)]
pub(crate) enum Next {
    /// A step of this attack.
    Attack(u8),
    Done,
}

impl Host {
    pub fn new(config: &SimulationConfig, role: Role, mut machine: Machine) -> Self {
        let work = role.boot(&mut machine);
        let life = Life::new(config, &mut machine);
        let events_per_1000_s = u64::from(config.events_per_1000_s);
        let first = machine.rng.below(40_000 * EventNs::SECOND / events_per_1000_s);
        let due = config.start.after(first + 1);
        Self { machine, role, work, life, due, events_per_1000_s, calls: VecDeque::new(), steps: Vec::new() }
    }

    /// The time of the next record, as far as it is known now; a call from outside may bring it forward.
    pub fn wake(&self) -> EventNs {
        if let Some(entry) = self.machine.out.front() {
            return entry.time;
        }
        let step = self.steps.iter().map(|step| step.0).min().unwrap_or(EventNs::MAX);
        let call = self.calls.front().map_or(EventNs::MAX, |call| call.at);
        self.due.min(self.machine.next_tick()).min(step).min(call).max(self.machine.clock)
    }

    pub fn call(&mut self, call: Call) {
        self.calls.push_back(call);
    }

    pub fn plan_step(&mut self, at: EventNs, attack: u8) {
        self.steps.push((at, attack));
    }

    /// Does what is due, which fills `machine.out`. Attacks act from outside, so they are handed back.
    pub fn turn(&mut self, fleet: &mut Fleet) -> Next {
        let now = self.wake();
        self.machine.clock = now;
        self.machine.tick();
        if let Some(index) = self.steps.iter().position(|step| step.0 <= now) {
            return Next::Attack(self.steps.swap_remove(index).1);
        }
        if let Some(call) = self.calls.pop_front_if(|call| call.at <= now) {
            fleet.served(self.machine.index);
            match call.service {
                Service::Ssh => self.life.login(&mut self.machine, call.from),
                service => self.work.serve(&mut self.machine, service, call.from),
            }
        } else if self.due <= now && !self.life.act(&mut self.machine, self.work.as_mut()) {
            self.work.act(&mut self.machine, fleet);
        }
        Next::Done
    }

    /// Books what the last turn took against the host's rate.
    pub fn book(&mut self, fleet: &mut Fleet) {
        let load_permille = self.role.load_permille(self.machine.clock);
        let event_ns = EventNs::SECOND * 1_000_000 / (self.events_per_1000_s * load_permille);
        self.due = self.due.after(self.machine.out.len() as u64 * event_ns);
        let behind = self.due.0.saturating_sub(EVENTS_BEHIND_MAX * event_ns);
        fleet.set_door(self.machine.index, EventNs(behind));
    }
}
