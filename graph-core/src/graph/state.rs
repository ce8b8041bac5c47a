//! What the graph knows of a node beyond its edges, and the row it becomes when it is spilled.

pub(crate) mod row;

use crate::profile::{EntryId, SubjectId};
use tracewell_model::{Detail, Event, EventNs, Millibits, Mode, NodeAttrs, NodeKey, NodeKind, Operation, Reason, Str};

#[derive(Clone, Debug, PartialEq)]
pub struct NodeState {
    pub attrs: NodeAttrs,
    pub first: EventNs,
    pub last: EventNs,
    /// Rises when the node learns something after it told something.
    pub version: u32,
    /// Whether an edge left the current version.
    pub emitted: bool,
    /// Whether the history holds edges into, or out of, this node.
    pub spilled_in: bool,
    pub spilled_out: bool,
    /// Seen incompletely: truncated, repaired, clamped, after a loss.
    pub incomplete: bool,
    /// Edges ever made, which tell hubs from places where little happens.
    pub n_in: u32,
    pub n_out: u32,
    pub role: Role,
}

/// State by kind of node.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    Process(Box<ProcessState>),
    File(FileState),
    Socket(SocketState),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProcessState {
    pub parent: Option<NodeKey>,
    /// The file it runs.
    pub exe_file: Option<NodeKey>,
    /// Executable of the parent when this process was forked.
    pub parent_exe: Option<Str>,
    /// The nearest process at or above this one that took a connection.
    pub server: Option<NodeKey>,
    /// Whether this process itself took such a connection, or one of a process that does over a named Unix socket.
    pub serves: bool,
    pub exited: bool,
    /// Whether this program image, or the one it was forked from, has run as user 0.
    pub was_root: bool,
    /// Descends from a server's own program that became a user: someone logged in.
    pub logged_in: bool,
    /// Events since the last exec or fork, saturating.
    pub n_since_exec: u32,
    pub n_children: u32,
    /// Files of others changed within the current minute, and when that minute began.
    pub n_changed: u32,
    pub changed_since: EventNs,
    /// A socket to another machine that another program opened and this one reads from.
    pub input_socket: Option<NodeKey>,
    /// Bytes read from files and sent to other machines since exec.
    pub bytes_read: u64,
    pub bytes_sent: u64,
    /// Evidence: structural facts, each kind once, and findings, in the order in which they were found.
    pub facts: Vec<Reason>,
    /// Structural facts that are usual on this host, of kinds that are not among `facts`: known, but no evidence.
    pub usual: Vec<Reason>,
    /// The least likely operations, most surprising first, at most [`RARE_MAX`].
    pub rare: Vec<Rare>,
    /// Its place in the host profile as what it runs now; found again after a reload.
    pub subject: Option<SubjectId>,
    /// The hopset this process belongs to, 0 for none.
    pub hopset: u64,
}

/// Rare operations kept per process.
pub const RARE_MAX: usize = 8;

/// An operation that the host's profile found unlikely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rare {
    pub surprise: Millibits,
    /// The same without the fleet's votes.
    pub own: Millibits,
    pub op: Operation,
    /// The generalised object.
    pub what: Str,
    /// What in the profile it is of; 0 for nothing that is still known.
    pub entry: EntryId,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileState {
    /// The last process that wrote, created or renamed it here.
    pub writer: Option<NodeKey>,
    /// When `writer` last did.
    pub written: EventNs,
    /// The only process that touched it so far.
    pub sole_toucher: Option<NodeKey>,
    pub touched_by_more: bool,
    pub executed: bool,
    pub unlinked: bool,
    /// Came and went with one process: gone from every answer, unless it is used again.
    pub collapsed: bool,
    /// Its permissions, as the last chmod that was seen set them, but for what has been taken from them since.
    pub mode: Option<Mode>,
    /// How far at most its modification time was set back, in bits of the number of seconds; 0 where it was not.
    pub set_back_bits: u8,
}

/// One of them stands in most nodes.
const _: () = assert!(size_of::<FileState>() == 80);

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SocketState {
    /// The first process that used it.
    pub opener: Option<NodeKey>,
    /// Came in by accept.
    pub inbound: bool,
    /// A named Unix socket that a process which takes connections called: who serves there is led from outside too.
    pub fed_by_server: bool,
}

impl Role {
    pub fn process(&self) -> Option<&ProcessState> {
        if let Self::Process(process) = self { Some(process) } else { None }
    }

    pub fn process_mut(&mut self) -> Option<&mut ProcessState> {
        if let Self::Process(process) = self { Some(process) } else { None }
    }

    pub fn file(&self) -> Option<&FileState> {
        if let Self::File(file) = self { Some(file) } else { None }
    }

    pub fn socket(&self) -> Option<&SocketState> {
        if let Self::Socket(socket) = self { Some(socket) } else { None }
    }
}

impl FileState {
    /// What an operation that had an effect does to what is known of the file's attributes. Returns whether it told of them what no
    /// operation before it did.
    ///
    /// The kernel takes set-user-id and set-group-id from a file whose owner changes, and in most cases from one that is written to: then
    /// nobody says so.
    pub(super) fn set_attributes(&mut self, event: &Event) -> bool {
        match (event.op, &event.detail) {
            (Operation::Chmod, Detail::Mode { set, .. }) => self.mode.replace(*set) != Some(*set),
            (Operation::SetTimes, Detail::Times { modified_ns }) => {
                let seconds = set_back_ns(event.time, *modified_ns) / EventNs::SECOND;
                let bits = (u64::BITS - seconds.leading_zeros()) as u8;
                let is_further = bits > self.set_back_bits;
                self.set_back_bits = self.set_back_bits.max(bits);
                is_further
            }
            (Operation::Chown | Operation::Write | Operation::Truncate, _) => {
                self.mode = self.mode.map(|mode| mode.without(Mode::SET_ID));
                false
            }
            // Where files are known by their paths it is another one from now on.
            (Operation::Create, _) => {
                (self.mode, self.set_back_bits) = (None, 0);
                false
            }
            _ => false,
        }
    }
}

/// How far before `now` a modification time lies, 0 where it does not.
pub fn set_back_ns(now: EventNs, modified_ns: i64) -> u64 {
    let ns = i128::from(now.0) - i128::from(modified_ns);
    ns.clamp(0, i128::from(u64::MAX)) as u64
}

impl ProcessState {
    /// Every fact that holds, evidence or not.
    pub fn known_facts(&self) -> impl Iterator<Item = &Reason> {
        self.facts.iter().chain(&self.usual)
    }
}

impl NodeState {
    pub fn new(attrs: NodeAttrs, time: EventNs) -> Self {
        let role = match attrs.kind() {
            NodeKind::Process => Role::Process(Box::default()),
            NodeKind::File => Role::File(FileState::default()),
            NodeKind::Socket => Role::Socket(SocketState::default()),
        };
        Self {
            attrs,
            first: time,
            last: time,
            version: 0,
            emitted: false,
            spilled_in: false,
            spilled_out: false,
            incomplete: false,
            n_in: 0,
            n_out: 0,
            role,
        }
    }

    /// Accounted bytes outside the slot: strings, boxed state.
    pub(super) fn heap_bytes(&self) -> usize {
        let text = |text: &Option<Str>| text.as_ref().map_or(0, |text| text.len() + 16);
        let attrs = match &self.attrs {
            NodeAttrs::Process { exe, cmdline, container, environment, .. } => {
                text(exe) + text(cmdline) + text(container) + text(environment)
            }
            NodeAttrs::File { path, .. } | NodeAttrs::Socket { path, .. } => text(path),
        };
        let role = match &self.role {
            Role::Process(process) => {
                size_of::<ProcessState>()
                    + text(&process.parent_exe)
                    + process.rare.iter().map(|rare| rare.what.len() + 16).sum::<usize>()
                    + (process.facts.capacity() + process.usual.capacity()) * size_of::<Reason>()
                    + process.rare.capacity() * size_of::<Rare>()
            }
            Role::File(_) | Role::Socket(_) => 0,
        };
        attrs + role
    }

    pub(super) fn is_collapsed(&self) -> bool {
        self.role.file().is_some_and(|file| file.collapsed)
    }

    /// The shortest thing to call the node by: executable or path or remote address.
    pub fn exe(&self) -> Option<&Str> {
        if let NodeAttrs::Process { exe, .. } = &self.attrs { exe.as_ref() } else { None }
    }

    pub fn path(&self) -> Option<&Str> {
        match &self.attrs {
            NodeAttrs::File { path, .. } | NodeAttrs::Socket { path, .. } => path.as_ref(),
            NodeAttrs::Process { .. } => None,
        }
    }

    pub fn uid(&self) -> Option<u32> {
        if let NodeAttrs::Process { uid, .. } = self.attrs { uid } else { None }
    }
}
