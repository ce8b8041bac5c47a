//! Attacks over several hosts, told in steps. One file per story.
//!
//! A step acts on one machine with the same vocabulary as daily life, then says where and when the next one follows.

mod container_escape;
mod credential_theft;
mod low_and_slow;
mod phishing;
mod ransom;
mod supply_chain;
mod web_intrusion;

use super::fleet::Fleet;
use super::machine::Machine;
use super::programs::{Program, SystemFile};
use super::roles::Role;
use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};
use tracewell_model::{FileRef, Operation, ProcessRef, SocketRef};

/// What kind of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Story {
    /// Web exploit, dropper, ssh to a database host, theft of data.
    WebIntrusion,
    /// A mailed document, persistence, a beacon for hours, a look at the mail server.
    Phishing,
    /// A poisoned package comes with the update of several hosts.
    SupplyChain,
    /// A web shell on the mail host, credentials out of memory, a query for all password hashes.
    CredentialTheft,
    /// Out of a container by a mount of the host's disk, then on to the build host.
    ContainerEscape,
    /// Many files of two hosts are encrypted in a short time.
    Ransom,
    /// The same ends in very small steps, far apart.
    LowAndSlow,
}

impl Story {
    pub const ALL: [Self; 7] = [
        Self::WebIntrusion,
        Self::Phishing,
        Self::SupplyChain,
        Self::CredentialTheft,
        Self::ContainerEscape,
        Self::Ransom,
        Self::LowAndSlow,
    ];

    /// The name in options, files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebIntrusion => "web-intrusion",
            Self::Phishing => "phishing",
            Self::SupplyChain => "supply-chain",
            Self::CredentialTheft => "credential-theft",
            Self::ContainerEscape => "container-escape",
            Self::Ransom => "ransom",
            Self::LowAndSlow => "low-and-slow",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|story| story.name() == name)
    }

    /// Made for a long span: few small steps, far apart.
    pub fn is_slow(self) -> bool {
        self == Self::LowAndSlow
    }

    /// Roles of the hosts that the story visits; a step names its actor by the place in this list.
    pub fn cast(self) -> &'static [Role] {
        match self {
            Self::WebIntrusion => &[Role::Web, Role::Database],
            Self::Phishing => &[Role::Desktop, Role::Mail],
            Self::SupplyChain => &[Role::Build, Role::Web, Role::Container],
            Self::CredentialTheft => &[Role::Mail, Role::Database],
            Self::ContainerEscape => &[Role::Container, Role::Build],
            Self::Ransom => &[Role::Desktop, Role::Web],
            Self::LowAndSlow => &[Role::Build, Role::Database],
        }
    }

    /// The least fleet in which every role of the cast exists.
    pub fn hosts_needed(self) -> u32 {
        self.cast().iter().map(|&role| role as u32 + 1).max().expect("no story without hosts")
    }

    fn begin(self) -> Box<dyn Plot> {
        match self {
            Self::WebIntrusion => Box::<web_intrusion::WebIntrusion>::default(),
            Self::Phishing => Box::<phishing::Phishing>::default(),
            Self::SupplyChain => Box::<supply_chain::SupplyChain>::default(),
            Self::CredentialTheft => Box::<credential_theft::CredentialTheft>::default(),
            Self::ContainerEscape => Box::<container_escape::ContainerEscape>::default(),
            Self::Ransom => Box::<ransom::Ransom>::default(),
            Self::LowAndSlow => Box::<low_and_slow::LowAndSlow>::default(),
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

/// The step after this one, on `actor` and after a part of the span in thousandths.
fn then(actor: usize, after_permille: u64) -> Option<Next> {
    Some(Next { actor, after_permille })
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
fn far_end(socket: &SocketRef) -> SocketAddr {
    socket.local.expect("connections have two ends")
}

/// A shell fetches a file from the attacker and makes it executable.
fn fetch(machine: &mut Machine, shell: ProcessRef, from: SocketAddr, path: &str) -> FileRef {
    let curl = machine.run_as(shell, Program::Curl, 1);
    let download = machine.connect(curl, from);
    machine.receive(curl, &download, 700_000);
    let file = machine.write_new(curl, path, 700_000);
    machine.exit(curl);
    let chmod = machine.run_as(shell, Program::Chmod, 0);
    machine.on_file(chmod, Operation::Chmod, &file);
    machine.exit(chmod);
    file
}

/// A shell starts a file that the attack brought.
fn start(machine: &mut Machine, shell: ProcessRef, file: &FileRef) -> ProcessRef {
    let process = machine.fork(shell);
    machine.exec_image(process, file, file.path.clone().expect("it was created under a path"));
    process
}

/// A short call to the attacker: a new connection, a question, an answer.
fn beacon(machine: &mut Machine, process: ProcessRef, to: SocketAddr, bytes: u64) {
    let socket = machine.connect(process, to);
    machine.send(process, &socket, bytes);
    machine.receive(process, &socket, 200);
}

/// An ssh client below `parent` that has just connected.
fn ssh(machine: &mut Machine, parent: ProcessRef, to: SocketAddr) -> (ProcessRef, SocketRef) {
    machine.read(parent, &machine.file(SystemFile::KnownHosts), 900);
    let client = machine.run_as(parent, Program::Ssh, 1);
    machine.read(client, &machine.file(SystemFile::PrivateKey), 400);
    let socket = machine.connect(client, to);
    machine.send(client, &socket, 2500);
    (client, socket)
}
