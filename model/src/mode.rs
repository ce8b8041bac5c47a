use std::fmt;
use std::num::NonZeroU16;

/// Permission bits of a file, as `chmod` takes them: set-user-id, set-group-id, sticky, and nine for who may do what.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mode(NonZeroU16);

/// Set in each, so that to know none costs no room.
const KNOWN: u16 = 1 << 15;

impl Mode {
    /// All there are.
    pub const BITS: u16 = 0o7777;
    /// Set-user-id and set-group-id: on a program they have it run as its owner or group.
    pub const SET_ID: u16 = 0o6000;
    pub const SET_USER_ID: u16 = 0o4000;

    /// Takes the permission bits of a mode; its file type goes.
    pub const fn of(mode: u32) -> Self {
        match NonZeroU16::new(mode as u16 & Self::BITS | KNOWN) {
            Some(bits) => Self(bits),
            None => panic!("one bit is always set"),
        }
    }

    /// 0 to 0o7777.
    pub const fn bits(self) -> u16 {
        self.0.get() & Self::BITS
    }

    /// Those of `bits` that are set here and were not before; where it is not known what was before, all that are.
    pub fn gains(self, bits: u16, before: Option<Self>) -> u16 {
        self.bits() & bits & !before.map_or(0, Self::bits)
    }

    /// Without some bits.
    #[must_use]
    pub const fn without(self, bits: u16) -> Self {
        Self::of((self.bits() & !bits) as u32)
    }
}

/// As `chmod` takes it: four octal digits.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.bits())
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mode({self})")
    }
}

const _: () = assert!(size_of::<Option<Mode>>() == 2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gained_is_what_was_not_there() {
        let (plain, set) = (Mode::of(0o100_755), Mode::of(0o104_755));
        assert_eq!((plain.bits(), set.to_string().as_str()), (0o755, "4755"));
        assert_eq!(set.gains(Mode::SET_ID, Some(plain)), 0o4000);
        assert_eq!(set.gains(Mode::SET_ID, None), 0o4000);
        assert_eq!(Mode::of(0o6711).gains(Mode::SET_ID, Some(set)), 0o2000);
        assert_eq!(set.gains(Mode::SET_ID, Some(set)), 0);
        assert_eq!((Mode::of(0).bits(), set.without(Mode::SET_ID)), (0, plain));
    }
}
