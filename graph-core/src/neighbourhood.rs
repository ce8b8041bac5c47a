//! What a detector sees: the event that it was called for and what lies around its ends, as far as the detector asked and the
//! host allows. [`Detectors`] is who looks at it.

pub mod lately;
mod select;

use crate::graph::NodeState;
use std::any::Any;
use tracewell_model::{Detail, EventNs, Finding, Millibits, NodeAttrs, NodeKey, Operation, Reason, Str};

/// The host's ceiling for [`Reach`].
pub const HOPS_MAX: u8 = 4;
pub const NODES_MAX: u32 = 256;
pub const EDGES_MAX: u32 = 512;

/// Ancestors of which the place of a process tells the executable.
pub const ANCESTORS_MAX: usize = 12;

/// What lies less far back may be a matter of clocks and of how long something took.
pub const SET_BACK_NS: u64 = 3600 * EventNs::SECOND;

/// How much a detector wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Edges between the ends of the event and the farthest node; at most [`HOPS_MAX`]. With 0 nothing is looked up but the
    /// ends, the subject's ancestors and the last writer of the object.
    pub hops: u8,
    /// 1 to [`NODES_MAX`].
    pub nodes_max: u32,
    /// 1 to [`EDGES_MAX`].
    pub edges_max: u32,
    /// Which edges are followed and shown. The event's own is always shown.
    pub operations: OperationSet,
}

/// A set of operations, one bit each by their order in [`Operation::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationSet(pub u32);

/// What is around an event. Nodes are named by their place in `nodes`.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbourhood {
    pub event: EventSeen,
    /// The subject first, then the object, then ancestors of the subject, nearest first, and the rest by distance.
    pub nodes: Vec<Place>,
    /// In the order in which they began.
    pub edges: Vec<Way>,
    /// What was within reach but had no room, as far as it was looked at.
    pub n_nodes_left_out: u32,
    pub n_edges_left_out: u32,
}

/// The event that a detector is called for.
#[derive(Clone, Debug, PartialEq)]
pub struct EventSeen {
    pub time: EventNs,
    pub op: Operation,
    /// Whether the second node is its object; the first is its subject.
    pub has_object: bool,
    pub detail: Detail,
    pub amount_bytes: u64,
    pub count: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    pub key: NodeKey,
    pub state: NodeState,
    /// Executables of its ancestors, nearest first, `None` for one that is not known. Told of the event's subject, of its object if
    /// that is a process, and of the process that wrote its object last; of all others [`Self::from`] leads on.
    pub ancestors: Vec<Option<Str>>,
    /// The place of the parent of a process, or of the last writer of a file, if it has one.
    pub from: Option<u32>,
    /// The highest surprise of its edges in the neighbourhood.
    pub surprise: Millibits,
    /// How rare it is in the fleet ([`FleetView::rarity`](crate::fleet::FleetView::rarity)), where there is a view of it: a process by its
    /// executable, the event's object by what was done to it. [`Neighbourhood::around`] knows of no view.
    pub fleet_rarity: Option<Millibits>,
    /// It has more edges than are in the neighbourhood.
    pub is_cut: bool,
}

/// What passed from one node to another by one operation, repetitions and versions joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    pub from: u32,
    pub to: u32,
    pub op: Operation,
    pub count: u64,
    pub amount_bytes: u64,
    pub first: EventNs,
    pub last: EventNs,
    pub surprise: Millibits,
    pub incomplete: bool,
}

/// What can be said of an event before anything is looked up; what triggers decide by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Glimpse<'a> {
    pub executable: Option<&'a str>,
    pub command_line: Option<&'a str>,
    pub user: Option<u32>,
    /// Of the file or Unix socket that the operation was done to.
    pub path: Option<&'a str>,
    /// Of rename and link.
    pub new_path: Option<&'a str>,
    /// Of the socket that the operation was done to: of the far end where it goes out, else of the own.
    pub port: Option<u16>,
    /// What was found out about the process, and what of it is usual on this host.
    pub facts: &'a [Reason],
    pub usual: &'a [Reason],
    pub conditions: Conditions,
    /// What is known of the process and of what the operation was done to.
    pub subject: Option<&'a NodeAttrs>,
    pub object: Option<&'a NodeAttrs>,
    pub parent: Parent<'a>,
}

/// The parent of the process that did something.
#[derive(Clone, Copy, Debug, Default)]
pub enum Parent<'a> {
    /// Not at hand: to look it up may cost a read of the history.
    #[default]
    Unknown,
    /// It has none that is known.
    None,
    Known(&'a NodeAttrs),
}

/// What holds of an event's ends, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions(pub u16);

/// Those who look at neighbourhoods. Which detector is which, they alone know.
pub trait Detectors: Any + Send {
    /// The operations that any detector is called for: nothing else of them is asked.
    fn operations(&self) -> OperationSet;

    /// The detectors that an event is for, in the order in which they are to be called.
    fn triggered(&mut self, op: Operation, glimpse: &Glimpse<'_>, detectors: &mut Vec<usize>);

    fn reach(&self, detector: usize) -> Reach;

    /// What a detector finds. A failure is not told: it is counted where detectors are looked after.
    fn detect(&mut self, detector: usize, neighbourhood: &Neighbourhood) -> Vec<Finding>;
}

impl Conditions {
    /// The process runs in a container.
    pub const IN_CONTAINER: Self = Self(1);
    /// Some ancestor takes connections, and the process itself takes none.
    pub const BELOW_SERVER: Self = Self(1 << 1);
    /// The object is a file, and who wrote it last is known.
    pub const WRITTEN: Self = Self(1 << 2);
    /// The object is a pipe.
    pub const PIPE: Self = Self(1 << 3);
    /// The object is a socket, and its other end is another machine.
    pub const OTHER_MACHINE: Self = Self(1 << 4);
    /// The object has the path of the process's executable.
    pub const OWN_EXECUTABLE: Self = Self(1 << 5);

    /// The operation sets the set-user-id or set-group-id bit of a file that is no folder and is not known to have had it. Of a file of
    /// which nobody says what it is, only the first counts: folders have the second.
    pub const SET_ID: Self = Self(1 << 6);
    /// The operation sets a file's modification time at least [`SET_BACK_NS`] back.
    pub const SET_BACK: Self = Self(1 << 7);
    /// The object is a file, and the process is not the one that is known to have written it last.
    pub const OTHERS_FILE: Self = Self(1 << 8);

    pub const ALL: Self = Self((1 << 9) - 1);

    pub fn contains(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }

    /// These, if they hold.
    #[must_use]
    pub fn or(self, condition: Self, holds: bool) -> Self {
        if holds { Self(self.0 | condition.0) } else { self }
    }
}

impl OperationSet {
    pub const ALL: Self = Self((1 << Operation::ALL.len()) - 1);

    pub fn contains(self, op: Operation) -> bool {
        self.0 & 1 << op as u32 != 0
    }
}

impl FromIterator<Operation> for OperationSet {
    fn from_iter<T: IntoIterator<Item = Operation>>(ops: T) -> Self {
        Self(ops.into_iter().fold(0, |bits, op| bits | 1 << op as u32))
    }
}

impl std::ops::BitOr for OperationSet {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
