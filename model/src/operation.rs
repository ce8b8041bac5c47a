/// What a process did (DESIGN.md, "Words and identity").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Operation {
    Fork,
    Exec,
    Exit,
    Open,
    Read,
    Write,
    Create,
    Rename,
    Unlink,
    Link,
    Chmod,
    Chown,
    Truncate,
    MapExecutable,
    Connect,
    Accept,
    Bind,
    Listen,
    Send,
    Receive,
    ChangeCredentials,
    Ptrace,
    Signal,
    ModuleLoad,
    BpfLoad,
    Mount,
    Memfd,
    IoUring,
    /// Entering or leaving namespaces (`setns`, `unshare`).
    Namespace,
    /// Setting a file's modification time to a given moment: not to that of the call.
    SetTimes,
}

/// The operations that the host profile counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum OpClass {
    /// Fork and exit: structure, not behaviour.
    Lifecycle,
    Exec,
    /// Reading a file, also by mapping it.
    FileRead,
    /// Writing, creating, truncating.
    FileWrite,
    /// Renaming, unlinking, linking, changing mode, owner or times.
    FileChange,
    /// Mapping code.
    Load,
    /// Connecting and sending.
    NetOut,
    /// Accepting, binding, listening, receiving.
    NetIn,
    /// Credentials, tracing, signals, modules, BPF, mounts, namespaces, memfd, io_uring.
    Control,
}

impl Operation {
    pub const ALL: [Self; 30] = [
        Self::Fork,
        Self::Exec,
        Self::Exit,
        Self::Open,
        Self::Read,
        Self::Write,
        Self::Create,
        Self::Rename,
        Self::Unlink,
        Self::Link,
        Self::Chmod,
        Self::Chown,
        Self::Truncate,
        Self::MapExecutable,
        Self::Connect,
        Self::Accept,
        Self::Bind,
        Self::Listen,
        Self::Send,
        Self::Receive,
        Self::ChangeCredentials,
        Self::Ptrace,
        Self::Signal,
        Self::ModuleLoad,
        Self::BpfLoad,
        Self::Mount,
        Self::Memfd,
        Self::IoUring,
        Self::Namespace,
        Self::SetTimes,
    ];

    /// The name in files, messages and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Exec => "exec",
            Self::Exit => "exit",
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Create => "create",
            Self::Rename => "rename",
            Self::Unlink => "unlink",
            Self::Link => "link",
            Self::Chmod => "chmod",
            Self::Chown => "chown",
            Self::Truncate => "truncate",
            Self::MapExecutable => "map-executable",
            Self::Connect => "connect",
            Self::Accept => "accept",
            Self::Bind => "bind",
            Self::Listen => "listen",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::ChangeCredentials => "change-credentials",
            Self::Ptrace => "ptrace",
            Self::Signal => "signal",
            Self::ModuleLoad => "module-load",
            Self::BpfLoad => "bpf-load",
            Self::Mount => "mount",
            Self::Memfd => "memfd",
            Self::IoUring => "io_uring",
            Self::Namespace => "namespace",
            Self::SetTimes => "set-times",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }

    pub fn class(self) -> OpClass {
        match self {
            Self::Fork | Self::Exit => OpClass::Lifecycle,
            Self::Exec => OpClass::Exec,
            Self::Open | Self::Read => OpClass::FileRead,
            Self::Write | Self::Create | Self::Truncate => OpClass::FileWrite,
            Self::Rename | Self::Unlink | Self::Link | Self::Chmod | Self::Chown | Self::SetTimes => {
                OpClass::FileChange
            }
            Self::MapExecutable => OpClass::Load,
            Self::Connect | Self::Send => OpClass::NetOut,
            Self::Accept | Self::Bind | Self::Listen | Self::Receive => OpClass::NetIn,
            Self::ChangeCredentials
            | Self::Ptrace
            | Self::Signal
            | Self::ModuleLoad
            | Self::BpfLoad
            | Self::Mount
            | Self::Memfd
            | Self::IoUring
            | Self::Namespace => OpClass::Control,
        }
    }

    /// Whether information flows from the object into the subject. Fork and everything else flows outward.
    pub fn flows_inward(self) -> bool {
        matches!(self, Self::Exec | Self::Open | Self::Read | Self::MapExecutable | Self::Accept | Self::Receive)
    }
}
