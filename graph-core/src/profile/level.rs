//! How unlikely a child is among its siblings.
//!
//! Two things count as equally rare when their counts lie within a factor of four. A child's probability is that of
//! *anything as rare as it*: the mass of all siblings at most as frequent, and the mass of what was never seen, by
//! Witten and Bell's estimate C, `T / (N + T)` with `T` kinds among `N` observations (The zero-frequency problem, IEEE
//! Trans. Information Theory 37(4), 1991). So the thousand files a server reads equally often surprise nobody, a first
//! time is as surprising as a second, and where most things are seen once (Good–Turing's `n1 / N` near 1) nothing is.
//! A wildcard stands for things that were each seen once: its mass is as rare as that, however large it is, so that
//! folding neither makes a name usual nor makes a kept sibling look rare.

use crate::profile::log2::surprise_milli;

/// Classes of frequency: at most one observation, then up to 3, 15, 63, … times; the last has no upper bound.
const N_CLASSES: usize = 12;

/// The mass of a node's children by frequency class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    mass: [u64; N_CLASSES],
    /// Children that were observed at least once.
    n_kinds: u32,
}

impl Level {
    pub fn add(&mut self, child: Child, weight: u64) {
        if child.count > 0 {
            let mass = &mut self.mass[child.class(weight)];
            *mass = mass.saturating_add(child.count);
            self.n_kinds += 1;
        }
    }

    pub fn remove(&mut self, child: Child, weight: u64) {
        if child.count > 0 {
            let mass = &mut self.mass[child.class(weight)];
            *mass = mass.saturating_sub(child.count);
            self.n_kinds = self.n_kinds.saturating_sub(1);
        }
    }

    /// Surprise at a child, in millibits: 0 where nothing was ever observed.
    pub fn surprise_milli(&self, child: Child, weight: u64) -> u32 {
        let rarest = child.class(weight);
        let (mut as_rare, mut all) = (0u64, 0u64);
        for (i, mass) in self.mass.iter().enumerate() {
            all = all.saturating_add(*mass);
            if i == rarest {
                as_rare = all;
            }
        }
        let unseen = u64::from(self.n_kinds) * weight;
        surprise_milli(as_rare.saturating_add(unseen), all.saturating_add(unseen))
    }
}

/// What a level knows of a child; one without a count was never observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Child {
    pub count: u64,
    pub is_wildcard: bool,
}

impl Child {
    /// The frequency class, given what one observation weighs today.
    fn class(self, weight: u64) -> usize {
        let times = self.count.saturating_add(weight / 2) / weight;
        if times <= 1 || self.is_wildcard { 0 } else { (1 + times.ilog2() as usize / 2).min(N_CLASSES - 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(count: u64) -> Child {
        Child { count, is_wildcard: false }
    }

    /// Surprise at a new child and at one of the first of `counts`, in tenths of a bit.
    fn check(counts: &[(u64, u32)], expected: (u32, u32)) {
        let mut level = Level::default();
        for &(count, times) in counts {
            (0..times).for_each(|_| level.add(child(count * 1024), 1024));
        }
        let known = counts.first().map_or(0, |&(count, _)| count * 1024);
        let got = (level.surprise_milli(child(0), 1024) / 100, level.surprise_milli(child(known), 1024) / 100);
        assert_eq!(got, expected, "{counts:?}");
    }

    #[test]
    fn table() {
        check(&[], (0, 0));
        check(&[(1, 1)], (0, 0));
        check(&[(1, 500)], (0, 0));
        check(&[(5000, 3)], (122, 0));
        check(&[(100, 1000)], (66, 0));
        check(&[(1, 1), (10_000, 1)], (117, 117));
        check(&[(2, 1), (10_000, 1)], (122, 112));
        check(&[(100, 1), (10_000, 1)], (123, 66));
    }

    #[test]
    fn a_wildcard_is_as_rare_as_its_share() {
        let mut level = Level::default();
        level.add(child(1_000_000), 1);
        let wildcard = |count| Child { count, is_wildcard: true };
        level.add(wildcard(1000), 1);
        assert_eq!(level.surprise_milli(wildcard(1000), 1) / 1000, 9);
        level.add(wildcard(100_000_000), 1);
        assert_eq!(level.surprise_milli(child(2), 1), 14);
    }

    #[test]
    fn removing_undoes_adding() {
        let mut level = Level::default();
        level.add(child(3000), 1024);
        level.add(child(90_000), 1024);
        level.remove(child(3000), 1024);
        level.remove(child(90_000), 1024);
        assert_eq!(level, Level::default());
    }
}
