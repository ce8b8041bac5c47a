use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Starts every record. 64 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Head {
    /// `CLOCK_BOOTTIME` in ns.
    pub time: u64,
    /// Start of the subject's thread group in ns of `CLOCK_BOOTTIME`: what /proc shows in ticks.
    pub start: u64,
    /// Cgroup of the subject in the unified hierarchy; 0 when unknown.
    pub cgroup: u64,
    /// Bytes moved.
    pub bytes: u64,
    /// Thread group and thread in the initial pid namespace.
    pub tgid: u32,
    pub tid: u32,
    /// Effective user in the initial user namespace.
    pub uid: u32,
    /// 0, or the error that the operation ended with.
    pub errno: u32,
    /// What was done: an [`Op`].
    pub op: u8,
    /// Which body follows: a [`Body`](crate::body::Body).
    pub body: u8,
    /// Bits of [`flag`].
    pub flags: u16,
    /// Length of the body and what follows it, in bytes.
    pub len: u32,
    /// Inode of the subject's mount namespace.
    pub mount_namespace: u32,
    pub reserved: u32,
}

/// How a record was seen.
pub mod flag {
    /// A text was longer than there is room for.
    pub const TRUNCATED: u16 = 1;
    /// A path ends before the root was reached.
    pub const PARTIAL_PATH: u16 = 1 << 1;
    /// A text was read from the memory of the process, which may have changed it.
    pub const FROM_USER: u16 = 1 << 2;
    /// Not the process itself, but a kernel thread did it for the process.
    pub const BY_KERNEL: u16 = 1 << 3;
    /// The operation made the file.
    pub const CREATED: u16 = 1 << 4;
    /// The file is in no folder, such as a pipe or a memfd: its path is a name alone.
    pub const NO_FOLDER: u16 = 1 << 6;
    /// The file was opened only to be written.
    pub const WRITE_ONLY: u16 = 1 << 5;
    /// The environment was longer than there is room for.
    pub const ENVIRONMENT_TRUNCATED: u16 = 1 << 7;
}

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What was done. The kernel side counts each of them on its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Op {
            $($(#[$doc])* $name,)*
        }

        impl Op {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in configuration, metrics and reports.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

ops! {
    Fork = "fork",
    Exec = "exec",
    Exit = "exit",
    Open = "open",
    Read = "read",
    Write = "write",
    Rename = "rename",
    Unlink = "unlink",
    Link = "link",
    Symlink = "symlink",
    Chmod = "chmod",
    Chown = "chown",
    /// Only where the modification time is set to a given moment: not to the present, and not left as it is.
    SetTimes = "set-times",
    Truncate = "truncate",
    MapExecutable = "map-executable",
    Connect = "connect",
    Accept = "accept",
    Bind = "bind",
    Listen = "listen",
    Send = "send",
    Receive = "receive",
    Credentials = "credentials",
    Ptrace = "ptrace",
    /// `process_vm_writev` into another process.
    WriteMemory = "write-memory",
    Signal = "signal",
    ModuleLoad = "module-load",
    BpfLoad = "bpf-load",
    Mount = "mount",
    /// `setns` and `unshare`.
    Namespace = "namespace",
    Memfd = "memfd",
    /// Set-up of a ring, and operations on it that no other op stands for.
    IoUring = "io_uring",
}

/// Number of [`Op`]s.
pub const OPS: usize = Op::ALL.len();

impl Op {
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.get(usize::from(value)).copied()
    }
}

const _: () = assert!(size_of::<Head>() == 64 && align_of::<Head>() == 8);
