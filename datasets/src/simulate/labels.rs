//! Exact truth: what of the stream that was really emitted an attack had made.

use crate::truth::{Attack, NodePattern, PathPattern, Remote, Truth, Window};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use tracewell_model::{Detail, Event, EventNs, HostId, Inode, NodeKind, Object, Operation, ProcessRef, Str};

/// A pause of an attack that is longer than this ends a window.
const WINDOW_GAP_NS: u64 = 3600 * EventNs::SECOND;

/// An attack of a simulation, as far as the stream has told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedAttack {
    /// Position in [`SimulationConfig::attacks`](super::SimulationConfig::attacks).
    pub index: usize,
    pub story: super::Story,
    /// The recording is long enough for its last step.
    pub is_told_to_the_end: bool,
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
    /// A path it has had.
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
        Self {
            index,
            story,
            is_told_to_the_end: false,
            windows: Vec::new(),
            made: BTreeSet::new(),
            misused: BTreeSet::new(),
        }
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
        let object = SimulatedNode::of(&event.object).map(|node| (event.host, node));
        // A file that the attack made keeps its label under its new name.
        if let (Detail::NewPath { path, .. }, Object::File(file), Some(node)) = (&event.detail, &event.object, &object)
            && self.made.contains(node)
        {
            self.made.insert((event.host, SimulatedNode::File { path: path.clone(), inode: file.inode }));
        }
        use Operation::{Accept, Connect, Create, Fork, Memfd};
        if matches!(event.op, Fork | Create | Memfd | Connect | Accept) {
            self.made.insert(object.expect("these operations have an object"));
        }
    }
}

/// The label set of every simulation.
const LABEL_SET: &str = "simulated";

/// Attacks as ground truth. One that was cut off before it made anything is left out: nobody could find it.
pub(crate) fn to_truth(attacks: &[SimulatedAttack], names: &BTreeMap<HostId, Str>) -> Truth {
    let patterns = |nodes: &BTreeSet<(HostId, SimulatedNode)>| {
        let patterns = nodes.iter().map(|(host, node)| node.pattern(&names[host]));
        patterns.fold(Vec::new(), |mut unique, pattern| {
            if !unique.contains(&pattern) {
                unique.push(pattern);
            }
            unique
        })
    };
    let attack = |attack: &SimulatedAttack| Attack {
        id: format!("{}-{}", attack.story.name(), attack.index),
        name: attack.story.name().to_owned(),
        windows: attack.windows.iter().map(|&(from, to)| Window { from, to }).collect(),
        nodes: patterns(&attack.made),
        steps: Vec::new(),
    };
    Truth {
        label_set: LABEL_SET.to_owned(),
        label_kinds: vec![NodeKind::Process, NodeKind::File, NodeKind::Socket],
        attacks: attacks.iter().filter(|attack| !attack.made.is_empty()).map(attack).collect(),
        ignored: patterns(&attacks.iter().flat_map(|attack| attack.misused.iter().cloned()).collect()),
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

    fn pattern(&self, host: &str) -> NodePattern {
        let any = |kind| NodePattern { host: Some(host.to_owned()), ..NodePattern::any(kind) };
        match self {
            Self::Process(process) => {
                NodePattern { pid: Some(process.pid), start: Some(process.start), ..any(NodeKind::Process) }
            }
            Self::File { path, .. } => {
                NodePattern { path: Some(PathPattern::Exact(path.as_ref().to_owned())), ..any(NodeKind::File) }
            }
            Self::Socket { remote, .. } => {
                let remote = Remote { ip: remote.ip(), port: Some(remote.port()) };
                NodePattern { remote: Some(remote), ..any(NodeKind::Socket) }
            }
        }
    }
}
