use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What the agent tells the kernel side, and may change while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Config {
    /// Bit n: ops whose number is n are wanted.
    pub ops: u64,
    /// Bit n: hooks keep the kernel's objects for the op whose number is n ([`hooks`](crate::hooks)).
    pub hooked: u64,
    /// Records a cgroup may send in one generation; 0 for no limit.
    pub budget: u64,
    /// Which of the two maps of sums takes new ones: 0 or 1.
    pub generation: u32,
    /// Bits of [`filter`].
    pub filters: u32,
    /// Thread group of the agent, which asks what files are by opening them with `O_PATH`.
    pub own: u32,
    /// Bits of [`option`].
    pub options: u32,
}

/// What is done that is not done by default.
pub mod option {
    /// The environment is taken along with the arguments.
    pub const ENVIRONMENT: u32 = 1;
}

/// Which filters have entries; the others are not looked up.
pub mod filter {
    pub const PROCESSES: u32 = 1;
    pub const CGROUPS: u32 = 1 << 1;
    pub const UIDS: u32 = 1 << 2;
    pub const FOLDERS: u32 = 1 << 3;
}

/// Entries of each filter.
pub const IGNORED_MAX: u32 = 256;
/// Cgroups that a filtered one is looked for among: that of the process and those around it.
pub const CGROUPS_MAX: u32 = 16;

/// A folder whose files are not wanted, as the filter of path prefixes has it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Folder {
    pub ino: u64,
    pub dev: u32,
    pub reserved: u32,
}

const _: () = assert!(size_of::<Config>() == 40);
const _: () = assert!(size_of::<Folder>() == 16);
