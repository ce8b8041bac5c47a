//! Attacks over several hosts, told in steps. One file per story.
//!
//! A step acts on one machine with the same vocabulary as daily life, then says where and when the next one follows.

mod web_intrusion;

use super::fleet::Fleet;
use super::machine::Machine;
use super::roles::Role;
use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};
use tracewell_model::SocketRef;

/// What kind of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Story {
    /// Web exploit, dropper, ssh to a database host, theft of data.
    WebIntrusion,
}

impl Story {
    pub const ALL: [Self; 1] = [Self::WebIntrusion];

    /// The name in options, files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebIntrusion => "web-intrusion",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|story| story.name() == name)
    }

    /// Made for a long span: few small steps, far apart.
    pub fn is_slow(self) -> bool {
        false
    }

    /// Roles of the hosts that the story visits, in order.
    fn cast(self) -> &'static [Role] {
        match self {
            Self::WebIntrusion => &[Role::Web, Role::Database],
        }
    }

    /// The least fleet in which every role of the cast exists.
    pub fn hosts_needed(self) -> u32 {
        self.cast().iter().map(|&role| role as u32 + 1).max().expect("no story without hosts")
    }

    fn begin(self) -> Box<dyn Plot> {
        match self {
            Self::WebIntrusion => Box::<web_intrusion::WebIntrusion>::default(),
        }
    }
}

/// A story under way.
pub(crate) trait Plot: Debug + Send {
    /// Does step `step` on the machine where it is due.
    fn step(&mut self, step: u32, stage: &mut Stage<'_>) -> Option<Next>;
}

/// Where the next step happens, in order of the cast, and after which part of the span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Next {
    pub actor: usize,
    pub after_permille: u64,
}

/// What a step has to work with.
pub(crate) struct Stage<'a> {
    pub machine: &'a mut Machine,
    pub fleet: &'a Fleet,
    pub cast: &'a [usize],
    /// Number of the attack, which makes its names and addresses its own.
    pub attack: u8,
}

impl Stage<'_> {
    /// The attacker's own machine: one address per attack, of a range that daily life never uses (RFC 5737).
    pub fn attacker(&self, port: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::new(203, 0, 113, self.attack + 1), port))
    }

    /// A path that no other attack and no daily work uses.
    pub fn path(&self, folder: &str, name: &str) -> String {
        format!("{folder}/{name}-{:02x}", self.attack)
    }

    pub fn address(&self, actor: usize, port: u16) -> SocketAddr {
        SocketAddr::from((self.fleet.ip(self.cast[actor]), port))
    }
}

/// An attack of a simulation and how far it has come.
#[derive(Debug)]
pub(crate) struct Attack {
    pub cast: Vec<usize>,
    plot: Box<dyn Plot>,
    span_ns: u64,
    step: u32,
    number: u8,
}

impl Attack {
    pub fn new(number: u8, plan: &super::AttackPlan, fleet: &Fleet) -> Self {
        let host = |role: &Role| fleet.nth(*role, usize::from(number)).expect("the configuration was checked");
        let cast = plan.story.cast().iter().map(host).collect();
        Self { cast, plot: plan.story.begin(), span_ns: plan.span_ns, step: 0, number }
    }

    /// Does the next step on `machine`; returns the host and the delay of the one after it.
    pub fn act(&mut self, machine: &mut Machine, fleet: &Fleet) -> Option<(usize, u64)> {
        machine.attack = Some(self.number);
        let mut stage = Stage { machine, fleet, cast: &self.cast, attack: self.number };
        let next = self.plot.step(self.step, &mut stage);
        machine.attack = None;
        self.step += 1;
        next.map(|next| (self.cast[next.actor], self.span_ns / 1000 * next.after_permille + 1000))
    }
}

/// The far end of a connection, as the next actor will see it.
pub(crate) fn far_end(socket: &SocketRef) -> SocketAddr {
    socket.local.expect("connections have two ends")
}
