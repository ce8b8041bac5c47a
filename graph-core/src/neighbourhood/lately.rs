//! What was decided about texts lately. Events name the same few executables, command lines and paths again and again.

use hashbrown::DefaultHashBuilder;
use std::hash::BuildHasher;

/// Longer texts are decided about each time.
pub const TEXT_BYTES_MAX: usize = 256;

/// Remembers, in each of its places, a text that fell there and what was decided about it. A text takes the place of another when it comes a
/// second time, so that those which come once do not drive out the rest. Only how long an answer takes depends on it, never the answer.
pub struct Lately<T> {
    n_places: usize,
    /// Those, and one more for what is not kept; none before the first is needed.
    places: Vec<Place<T>>,
    hasher: DefaultHashBuilder,
}

#[derive(Default)]
struct Place<T> {
    /// Who asked, from 1 up; 0 for a place that holds nothing.
    asker: u32,
    /// Of the last text that fell here and was not the one that is held.
    passed: u32,
    text: String,
    decided: T,
}

impl<T: Default> Lately<T> {
    /// # Panics
    /// When `n_places` is no power of two.
    pub fn new(n_places: usize) -> Self {
        assert!(n_places.is_power_of_two(), "{n_places} places");
        Self { n_places, places: Vec::new(), hasher: DefaultHashBuilder::default() }
    }

    /// What is decided about a text. Each asker decides in its own way; `decide` is handed what stood in the place before.
    pub fn decided(&mut self, asker: u32, text: &str, decide: impl FnOnce(&mut T)) -> &T {
        if self.places.is_empty() {
            self.places.resize_with(self.n_places + 1, Place::default);
        }
        let hash = self.hasher.hash_one((asker, text));
        let at = hash as usize & (self.n_places - 1);
        let place = &mut self.places[at];
        if place.asker == asker + 1 && place.text == text {
            return &self.places[at].decided;
        }
        let mark = (hash >> 32) as u32;
        if text.len() > TEXT_BYTES_MAX || std::mem::replace(&mut place.passed, mark) != mark {
            let other = &mut self.places[self.n_places];
            decide(&mut other.decided);
            return &other.decided;
        }
        decide(&mut place.decided);
        place.asker = asker + 1;
        place.text.clear();
        place.text.push_str(text);
        &self.places[at].decided
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_decided_is_known_by_asker_and_text() {
        let mut lately = Lately::new(4);
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        let mut n_decided = 0;
        // More texts than places: what was forgotten is decided anew, and never taken for another.
        for round in 0..3 {
            for asker in 0..3 {
                for text in ["", "/a", "/b", "/c", "/d", &long] {
                    let decided = *lately.decided(asker, text, |length| {
                        n_decided += 1;
                        *length = (asker, text.len(), text.as_bytes().last().copied());
                    });
                    assert_eq!(decided, (asker, text.len(), text.as_bytes().last().copied()), "{round} {asker} {text}");
                }
            }
        }
        assert!((18..=54).contains(&n_decided));
        // Kept when it comes the second time, known from the third on; long ones are not kept.
        for (text, n_expected) in [("/e", 2), (&*long, 5)] {
            let mut n_decided = 0;
            for _ in 0..5 {
                lately.decided(7, text, |_| n_decided += 1);
            }
            assert_eq!(n_decided, n_expected, "{text}");
        }
    }
}
