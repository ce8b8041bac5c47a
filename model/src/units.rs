use std::fmt;
use std::ops::{Add, Sub};

/// A moment of event time, in nanoseconds since the Unix epoch.
///
/// The range ends in the year 2554. Nothing that decides reads another clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventNs(pub u64);

impl EventNs {
    pub const ZERO: Self = Self(0);
    pub const MAX: Self = Self(u64::MAX);
    pub const SECOND: u64 = 1_000_000_000;
    pub const DAY: u64 = 86_400 * Self::SECOND;

    /// Nanoseconds from `earlier` to `self`, zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `self` moved `ns` forward, stopping at the end of the range.
    pub fn after(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }

    /// The number of the UTC day that holds this moment.
    pub fn day(self) -> u32 {
        u32::try_from(self.0 / Self::DAY).expect("u64 nanoseconds are fewer than 2^32 days")
    }
}

/// Unlikelihood in thousandths of a bit: `-log2(p) * 1000`, rounded down.
///
/// Integer, so that the same input gives the same decision on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millibits(pub u32);

impl Millibits {
    pub const ZERO: Self = Self(0);

    pub fn bits(bits: u32) -> Self {
        Self(bits * 1000)
    }
}

impl Add for Millibits {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Millibits {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Millibits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} bits", self.0 / 1000, self.0 % 1000 / 100)
    }
}
