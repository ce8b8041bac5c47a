//! Operations that a process repeats on the same thing: the first is sent, the others are summed until they are fetched.

use crate::body::{FileId, Socket};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Who did what to what. 40 bytes; unused bytes are zero, for the kernel compares them.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Key {
    pub start: u64,
    pub tgid: u32,
    /// An [`Op`](crate::head::Op).
    pub op: u32,
    /// Inode of the file, or of the socket in sockfs.
    pub ino: u64,
    /// Device and generation of a file; 0 and the network namespace's inode of a socket.
    pub dev: u32,
    pub generation: u32,
    /// Hash of the peer's address of a socket, which tells the peers of an unconnected one apart; an [`Open`] of an opened
    /// file; else 0.
    pub peer: u64,
}

/// What a file was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Open {
    Any,
    WriteOnly,
}

/// What was summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Sum {
    pub bytes: u64,
    /// Operations after the first.
    pub count: u64,
    /// `CLOCK_BOOTTIME` in ns of the last.
    pub last: u64,
    pub cgroup: u64,
    pub uid: u32,
    /// Inode of the mount namespace.
    pub mount_namespace: u32,
    /// 1 where the path of the file, which only the first operation looks at, lies where nothing is wanted.
    pub is_unwanted: u32,
    pub reserved: u32,
    /// What was worked on: the one that the operation is about; the other is zero.
    pub file: FileId,
    pub socket: Socket,
}

const _: () = assert!(size_of::<Key>() == 40);
const _: () = assert!(size_of::<Sum>() == 128);
