//! Exact truth: what of the stream that was really emitted an attack had made.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use tracewell_model::{Event, EventNs, HostId, Inode, Object, Operation, ProcessRef, Str};

/// A pause of an attack that is longer than this ends a window.
const WINDOW_GAP_NS: u64 = 3600 * EventNs::SECOND;

/// An attack of a simulation, as far as the stream has told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedAttack {
    /// Position in [`SimulationConfig::attacks`](super::SimulationConfig::attacks).
    pub index: usize,
    pub story: super::Story,
    /// First and last event of each stretch of activity.
    pub windows: Vec<(EventNs, EventNs)>,
    /// What its steps made: processes forked, files created, connections opened or taken.
    pub made: BTreeSet<(HostId, SimulatedNode)>,
    /// Benign processes that acted for the attack, such as an exploited server: mixed behaviour.
    pub misused: BTreeSet<(HostId, SimulatedNode)>,
}

/// How a reader of the stream recognises a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimulatedNode {
    Process(ProcessRef),
    /// The path at its creation.
    File {
        path: Str,
        inode: Option<Inode>,
    },
    Socket {
        remote: SocketAddr,
        cookie: Option<(u64, u64)>,
    },
}

impl SimulatedAttack {
    pub(crate) fn new(index: usize, story: super::Story) -> Self {
        Self { index, story, windows: Vec::new(), made: BTreeSet::new(), misused: BTreeSet::new() }
    }

    /// Takes in an event that a step of this attack caused.
    pub(crate) fn saw(&mut self, event: &Event) {
        match self.windows.last_mut() {
            Some(window) if event.time.since(window.1) <= WINDOW_GAP_NS => window.1 = event.time,
            _ => self.windows.push((event.time, event.time)),
        }
        let subject = (event.host, SimulatedNode::Process(event.subject));
        if !self.made.contains(&subject) {
            self.misused.insert(subject);
        }
        use Operation::{Accept, Connect, Create, Fork, Memfd};
        if matches!(event.op, Fork | Create | Memfd | Connect | Accept) {
            let node = SimulatedNode::of(&event.object).expect("these operations have an object");
            self.made.insert((event.host, node));
        }
    }
}

impl SimulatedNode {
    /// The node that an object is; `None` for no object and for one without a name.
    pub fn of(object: &Object) -> Option<Self> {
        match object {
            Object::None => None,
            Object::Process(process) => Some(Self::Process(*process)),
            Object::File(file) => Some(Self::File { path: file.path.clone()?, inode: file.inode }),
            Object::Socket(socket) => Some(Self::Socket { remote: socket.remote?, cookie: socket.cookie }),
        }
    }
}
