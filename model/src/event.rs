use crate::{
    EventNs, FileRef, FindingSeverity, HostId, Mode, NodeKey, NodeKind, Operation, ProcessRef, SocketRef, Str,
};
use std::sync::Arc;

/// One entry of an event stream, in the order in which the source gave it.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// Names a host. Comes before the first record that refers to it.
    Host(HostRecord),
    /// What is known of a process, at start-up or when it becomes known; may be repeated with news.
    Process(ProcessRecord),
    Event(Event),
    /// Event time has reached this moment on the host, also when nothing happened.
    Tick {
        host: HostId,
        time: EventNs,
    },
    /// Events that the source knows it lost.
    Loss(LossRecord),
    /// What was found out beside events, as in the content of a file.
    Finding(FindingRecord),
    /// What was known of the host when the stream began. Comes before all else of its host but its name.
    Checkpoint(CheckpointRecord),
    /// What the next record makes the agent read of its history from before the stream began.
    History(HistoryRecord),
}

/// A part of a checkpoint; its parts come one right after the other. What the bytes mean, the agent knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointRecord {
    pub host: HostId,
    /// Counts from 0.
    pub part: u32,
    pub is_last: bool,
    /// At most [`Self::BYTES_MAX`].
    pub bytes: Arc<[u8]>,
}

/// Rows of a history. What the bytes mean, the agent knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRecord {
    pub host: HostId,
    /// At most [`CheckpointRecord::BYTES_MAX`].
    pub bytes: Arc<[u8]>,
}

impl CheckpointRecord {
    /// Bytes of one part.
    pub const BYTES_MAX: usize = 1 << 20;
}

impl Record {
    /// When it is from; a host's name, and what was known before the stream began, are from no time in it.
    pub fn time(&self) -> Option<EventNs> {
        match self {
            Self::Host(_) | Self::Checkpoint(_) | Self::History(_) => None,
            Self::Process(process) => Some(process.time),
            Self::Event(event) => Some(event.time),
            Self::Tick { time, .. } => Some(*time),
            Self::Loss(loss) => Some(loss.time),
            Self::Finding(finding) => Some(finding.time),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRecord {
    pub host: HostId,
    /// The name a person knows it by; `host` is `HostId::from_name` of it in a replay.
    pub name: Str,
}

/// Attributes of a process. `None` means "not said", never "none".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessRecord {
    pub host: HostId,
    pub time: EventNs,
    pub process: ProcessRef,
    pub parent: Option<ProcessRef>,
    /// Path of the executable, or its bare name where the source has only that.
    pub exe: Option<Str>,
    pub cmdline: Option<Str>,
    pub uid: Option<u32>,
    /// Container or workload the process belongs to.
    pub container: Option<Str>,
}

/// One thing a process did.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub time: EventNs,
    pub host: HostId,
    pub subject: ProcessRef,
    pub op: Operation,
    pub object: Object,
    pub detail: Detail,
    /// Bytes moved; 0 where the operation moves none or the source does not say.
    pub amount_bytes: u64,
    /// Identical operations that the source collapsed into this record; at least 1.
    pub count: u32,
    /// 0 for success, else the errno, or 1 where the source says only that it failed.
    pub errno: u32,
    pub flags: EventFlags,
}

impl Event {
    /// An operation that succeeded once, of which nothing more is known.
    pub fn new(time: EventNs, host: HostId, subject: ProcessRef, op: Operation, object: Object) -> Self {
        let (detail, flags) = (Detail::None, EventFlags::NONE);
        Self { time, host, subject, op, object, detail, amount_bytes: 0, count: 1, errno: 0, flags }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// Exit and change of the own credentials.
    None,
    /// Child of a fork, target of a signal or trace.
    Process(ProcessRef),
    File(FileRef),
    Socket(SocketRef),
}

impl Object {
    pub fn key(&self, host: HostId) -> Option<NodeKey> {
        match self {
            Self::None => None,
            Self::Process(process) => Some(process.key(host)),
            Self::File(file) => Some(file.key(host)),
            Self::Socket(socket) => Some(socket.key(host)),
        }
    }

    pub fn kind(&self) -> Option<NodeKind> {
        match self {
            Self::None => None,
            Self::Process(_) => Some(NodeKind::Process),
            Self::File(_) => Some(NodeKind::File),
            Self::Socket(_) => Some(NodeKind::Socket),
        }
    }
}

/// What an operation carries beyond subject and object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    #[default]
    None,
    /// Of exec: the new command line, arguments separated by single spaces; and of its environment the variables that were
    /// chosen, as `NAME=value` separated by line feeds.
    Exec { cmdline: Option<Str>, environment: Option<Str> },
    /// Of rename and link: the new path, and the file that stood there before where known.
    NewPath { path: Str, replaced: Option<FileRef> },
    /// Of change-credentials: the effective user after the change.
    Credentials { uid: u32 },
    /// Of signal: its number.
    Signal { number: u32 },
    /// Of chmod: what it set, and what was there before where the source knows.
    Mode { set: Mode, before: Option<Mode> },
    /// Of set-times: the modification time that was set, in nanoseconds since 1970, negative before. What is more than 292 years away
    /// from 1970 is the nearest that there is room for.
    Times { modified_ns: i64 },
}

/// What an analyst must know about how an event was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct EventFlags(pub u8);

impl EventFlags {
    pub const NONE: Self = Self(0);
    /// A string was cut by the source.
    pub const TRUNCATED: Self = Self(1);
    /// The source lost events between this one and the one before it.
    pub const AFTER_LOSS: Self = Self(1 << 1);
    /// A part was inferred by the reader or the normaliser, not said by the source.
    pub const REPAIRED: Self = Self(1 << 2);
    /// The time lay too far ahead of the watermark and was clamped.
    pub const CLAMPED: Self = Self(1 << 3);

    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for EventFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What was found about a process by something that looks at more than events, such as the content of files. A replay cannot find it
/// again, and so it stands in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingRecord {
    pub host: HostId,
    /// When it was found, which is later than what it was found in.
    pub time: EventNs,
    /// Who is to answer for it.
    pub process: ProcessRef,
    /// What it was found in.
    pub object: Object,
    /// As of a [`Finding`](crate::Finding), which it becomes: these five.
    pub detector: Str,
    pub severity: FindingSeverity,
    pub title: Str,
    pub reason: Str,
    pub techniques: Vec<Str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossRecord {
    pub host: HostId,
    pub time: EventNs,
    pub cause: LossCause,
    /// Lost events, as far as the source counted them; 0 when it only knows that some were.
    pub n_events: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossCause {
    RingFull,
    Throttled,
    Oversize,
    MapFull,
    /// The sensor was not running.
    Gap,
    Unknown,
}
