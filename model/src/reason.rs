use crate::{Finding, Millibits, NodeKey, Operation, Str};
use std::sync::Arc;

/// Why a node or an edge stands in an alert graph, and what an alert's score is made of.
///
/// A closed list of facts about structure and surprise, of which none names a program, a path or an address; and what detectors
/// found, which may.
/// `alert-scorer` turns each into words and, where it fits, an ATT&CK tactic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The process did what its profile calls unlikely. `what` is the generalised object.
    RareOperation { surprise: Millibits, op: Operation, what: Str },
    /// An executable that this parent has not been seen to start.
    RareChild { surprise: Millibits, what: Str },
    /// Executed or loaded what a process of its own lineage wrote before.
    RanOwnWrite { file: NodeKey, writer: NodeKey },
    /// Descends from a process that takes connections, be it from a proxy of the same machine, and was started after such a connection.
    ServesNetwork { server: NodeKey },
    /// Opened a connection to another machine below a network-serving ancestor that does not do so itself, or any connection
    /// while running what its own lineage wrote.
    CallsOut { socket: NodeKey },
    /// Takes its input from a socket that another process opened, and starts programs.
    CommandsFromSocket { socket: NodeKey },
    /// Became another user without a set-user-id executable in between.
    GainedPrivilege { from_uid: u32, to_uid: u32 },
    /// Removed the file it runs from.
    DeletedOwnExecutable { file: NodeKey },
    /// Runs code from memory or from a file that no longer has a name.
    RanUnlinked { file: NodeKey },
    /// Traced, or wrote into, a process that is not its child.
    EnteredProcess { target: NodeKey },
    /// Loaded code into the kernel.
    EnteredKernel,
    /// Changed many files of others in a short time.
    MassChange { n_files: u32 },
    /// Read much and sent much to other machines.
    CollectedAndSent { bytes: u64 },
    /// At the other end of one of its connections stands an alert of another host. No evidence in itself: it is shown because it was
    /// asked for.
    Followed { socket: NodeKey },
    /// On the way between the processes that stand out.
    Connects,
    /// Started by a process that stands out.
    DescendsFrom { ancestor: NodeKey },
    /// Started a process that stands out.
    Started { descendant: NodeKey },
    /// Touched by a process that stands out.
    TouchedBy { process: NodeKey },
    /// A detector found it.
    Detected(Arc<Finding>),
}
