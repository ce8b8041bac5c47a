//! The arithmetic of losses: once quiet, for each op
//! `seen = submitted + merged + throttled + filtered + ring_full + oversize + unreadable`, and `submitted` is what the agent received.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Counts of one op on one CPU since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Counts {
    pub seen: u64,
    /// Put into the ring.
    pub submitted: u64,
    /// Added to a sum instead.
    pub merged: u64,
    /// Over the budget of its cgroup.
    pub throttled: u64,
    /// Not asked for.
    pub filtered: u64,
    /// Lost: no room in the ring.
    pub ring_full: u64,
    /// Lost: the record was too large.
    pub oversize: u64,
    /// Lost: the kernel's objects could not be read.
    pub unreadable: u64,
    /// Not lost, but sent one by one: no room among the sums.
    pub map_full: u64,
    /// Not lost, but told by what the call left behind: a hook should have kept the kernel's objects, and did not.
    pub fallback: u64,
}

/// What a cgroup sent in one generation, while there is a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Used {
    /// Records, also those over the budget. Operations of two CPUs at once may both be the last within it.
    pub records: u64,
    /// Of them, those over the budget: together as many as [`Counts::throttled`] of all ops.
    pub throttled: u64,
}

const _: () = assert!(size_of::<Counts>() == 80);
const _: () = assert!(size_of::<Used>() == 16);
