use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Which body follows the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Body {
    /// Nothing but segments.
    None,
    Fork,
    Exec,
    Exit,
    File,
    Socket,
    /// What was done to another process.
    Target,
    /// Several ops on names, each given by segments alone.
    Names,
    /// A file that got another path.
    Files,
    /// A file that got other permissions.
    Mode,
    /// A file that got another modification time.
    Times,
}

impl Body {
    pub const ALL: &[Self] = &[
        Self::None,
        Self::Fork,
        Self::Exec,
        Self::Exit,
        Self::File,
        Self::Socket,
        Self::Target,
        Self::Names,
        Self::Files,
        Self::Mode,
        Self::Times,
    ];

    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.get(usize::from(value)).copied()
    }
}

/// A file as the kernel's inode has it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct FileId {
    pub ino: u64,
    /// `s_dev` of the superblock, in the kernel's own encoding: major << 20 | minor.
    pub dev: u32,
    pub generation: u32,
    /// File type and permissions, as in `stat`.
    pub mode: u32,
    /// Magic number of the filesystem, as in `statfs`.
    pub magic: u32,
}

/// Of [`Body::Fork`]: the new process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Fork {
    pub start: u64,
    pub tgid: u32,
    /// The process's own number in its innermost pid namespace, and that namespace's inode.
    pub inner_pid: u32,
    pub pid_namespace: u32,
    pub reserved: u32,
}

/// Of [`Body::Exec`]. Segments: path of the executable, name of the script that it interprets, working directory, arguments,
/// chosen environment variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Exec {
    pub exe: FileId,
}

/// Of [`Body::Exit`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Exit {
    /// As `wait` gives it: status << 8, or the signal.
    pub code: u32,
    pub reserved: u32,
}

/// Of [`Body::File`]. Segments: path, second path or name where the op has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct File {
    pub file: FileId,
}

/// Of [`Body::Files`]. Segments: path before, path after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Files {
    pub file: FileId,
    /// What stood at the path after; zero where nothing did.
    pub replaced: FileId,
}

/// Of [`Body::Mode`]. Segments: path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Mode {
    pub file: FileId,
    /// Permissions that it got, as in `stat`; other bits say nothing.
    pub set: u32,
    /// Those that it had before, or [`Mode::UNKNOWN`].
    pub before: u32,
}

impl Mode {
    /// In the place of what it was before: it was only seen afterwards.
    pub const UNKNOWN: u32 = u32::MAX;
}

/// Of [`Body::Times`]. Segments: path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Times {
    pub file: FileId,
    /// The modification time that it got, in ns since 1970. At most about 292 years from there.
    pub modified: i64,
}

/// A socket as the kernel has it. Also what sums are kept by, so the unused is zero.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Socket {
    /// Inode of the socket in sockfs: what /proc shows as `socket:[N]`.
    pub ino: u64,
    /// Inode of the network namespace.
    pub net_namespace: u32,
    /// `AF_INET`, `AF_INET6` or `AF_UNIX`; others have no addresses.
    pub family: u16,
    /// `IPPROTO_*`; 0 for Unix sockets.
    pub protocol: u16,
    pub local: [u8; 16],
    pub remote: [u8; 16],
    /// In host byte order.
    pub local_port: u16,
    pub remote_port: u16,
    /// `SOCK_*`.
    pub kind: u16,
    pub reserved: u16,
}

/// Of [`Body::Target`]: another process, and the signal or ptrace request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Target {
    pub start: u64,
    /// 0 where only the number in the caller's pid namespace is known.
    pub tgid: u32,
    pub inner_pid: u32,
    pub pid_namespace: u32,
    pub number: u32,
}

/// Of [`Body::Names`]: an operation that names what it works on, and the mount, mode, owner or modification time it sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Names {
    /// The new mode, owner, length, modification time as in [`Times`], or flags.
    pub value: u64,
}

const _: () = assert!(size_of::<FileId>() == 24);
const _: () = assert!(size_of::<Fork>() == 24);
const _: () = assert!(size_of::<Exec>() == 24);
const _: () = assert!(size_of::<Exit>() == 8);
const _: () = assert!(size_of::<File>() == 24);
const _: () = assert!(size_of::<Files>() == 48);
const _: () = assert!(size_of::<Mode>() == 32);
const _: () = assert!(size_of::<Times>() == 32);
const _: () = assert!(size_of::<Socket>() == 56);
const _: () = assert!(size_of::<Target>() == 24);
const _: () = assert!(size_of::<Names>() == 8);
