//! Texts at the end of a record: each a [`Segment`] and `len` bytes, padded to 8.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Says what the bytes after it are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Segment {
    /// A [`Kind`].
    pub kind: u16,
    pub reserved: u16,
    /// Bytes of text, without padding.
    pub len: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// Names of a path from the file upward, each ended by a zero byte, without the root.
    Path = 1,
    /// The same, of the directory that a relative [`Kind::Name`] is relative to.
    Base,
    /// A path as the process gave it, ended by a zero byte.
    Name,
    /// [`Kind::Base`] and [`Kind::Name`] of an operation's second path.
    SecondBase,
    SecondName,
    /// Working directory, as [`Kind::Path`].
    WorkingDirectory,
    /// Arguments, each ended by a zero byte.
    Arguments,
    /// `NAME=value` of the environment's first variables, each ended by a zero byte. Only where some are chosen; the agent
    /// keeps those.
    Environment,
    /// A short text that is not a path, such as a module's name.
    Label,
    /// [`Kind::Path`] of an operation's second path.
    SecondPath,
}

impl Kind {
    pub const ALL: &[Self] = &[
        Self::Path,
        Self::Base,
        Self::Name,
        Self::SecondBase,
        Self::SecondName,
        Self::WorkingDirectory,
        Self::Arguments,
        Self::Environment,
        Self::Label,
        Self::SecondPath,
    ];

    pub fn from_u16(value: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| *kind as u16 == value)
    }
}

/// Longest name of a path that the kernel allows, with its zero byte.
pub const NAME_MAX: usize = 256;
/// Names taken of a path; a deeper one is partial.
pub const NAMES_MAX: usize = 48;
/// Bytes taken of a path; a longer one is partial.
pub const PATH_MAX: usize = 4096;
/// Bytes taken of the arguments.
pub const ARGUMENTS_MAX: usize = 8192;
/// Bytes taken of the environment.
pub const ENVIRONMENT_MAX: usize = 4096;

const _: () = assert!(size_of::<Segment>() == 8);
