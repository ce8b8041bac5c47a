//! Records of several CPUs and sums that come late, put into the order of their times.

mod chunks;

pub use chunks::CHUNK_BYTES as RECORD_BYTES_MAX;

use chunks::{Chunks, Place};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use tracewell_event_abi::collapse::{Key, Sum};
use zerocopy::{FromBytes, IntoBytes};

/// Something the kernel side said.
#[derive(Debug)]
pub enum Item<'a> {
    /// A record of the ring, not looked into yet.
    Record(&'a [u8]),
    Sum(Key, Sum),
}

/// Holds items for [`WINDOW_NS`], and gives them in the order of their times; those of one time as they came.
#[derive(Default)]
pub struct Order {
    waiting: BinaryHeap<Reverse<Waiting>>,
    chunks: Chunks,
    /// Given last: its bytes are lent until the next is asked for.
    lent: Option<Place>,
    n_late: u64,
    last_given: u64,
}

/// How long items are held, in ns: longer than sums are kept in the kernel.
pub const WINDOW_NS: u64 = 500_000_000;
/// Bytes held at most. At the bound the oldest items are given before their time.
pub const BYTES_MAX: usize = 6 << 20;

/// Time, where its bytes are, and whether they are a sum.
type Waiting = (u64, Place, bool);

impl Order {
    pub fn add_record(&mut self, time: u64, record: &[u8]) {
        self.add(time, record, false);
    }

    pub fn add_sum(&mut self, key: &Key, sum: &Sum) {
        let mut bytes = [0; size_of::<(Key, Sum)>()];
        bytes[..size_of::<Key>()].copy_from_slice(key.as_bytes());
        bytes[size_of::<Key>()..].copy_from_slice(sum.as_bytes());
        self.add(sum.last, &bytes, true);
    }

    fn add(&mut self, time: u64, bytes: &[u8], is_sum: bool) {
        self.n_late += u64::from(time < self.last_given);
        let place = self.chunks.put(bytes);
        self.waiting.push(Reverse((time, place, is_sum)));
    }

    /// The next item that is older than the window, or that there is no room for.
    pub fn next(&mut self, now: u64) -> Option<(u64, Item<'_>)> {
        if let Some(lent) = self.lent.take() {
            self.chunks.free(lent);
        }
        if self.next_due()? > now && !self.is_full() {
            return None;
        }
        let Reverse((time, place, is_sum)) = self.waiting.pop()?;
        self.lent = Some(place);
        self.last_given = self.last_given.max(time);
        let bytes = self.chunks.get(place);
        let item = match Key::read_from_prefix(bytes) {
            Ok((key, rest)) if is_sum => Item::Sum(key, Sum::read_from_bytes(rest).expect("both were put there")),
            _ => Item::Record(bytes),
        };
        Some((time, item))
    }

    /// When the next item is older than the window.
    pub fn next_due(&self) -> Option<u64> {
        self.waiting.peek().map(|Reverse((time, ..))| time.saturating_add(WINDOW_NS))
    }

    /// The time before which everything was given, but for what comes late.
    pub fn given_until(&self, now: u64) -> u64 {
        let oldest = self.waiting.peek().map_or(u64::MAX, |Reverse((time, ..))| *time);
        oldest.min(now.saturating_sub(WINDOW_NS))
    }

    /// Whether there is no room for more.
    pub fn is_full(&self) -> bool {
        self.chunks.bytes() + self.waiting.len() * size_of::<Waiting>() > BYTES_MAX
    }

    /// Items that came too late for their place. They are given at once.
    pub fn late(&self) -> u64 {
        self.n_late
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(order: &mut Order, now: u64) -> Vec<String> {
        let mut drained = Vec::new();
        while let Some((_, item)) = order.next(now) {
            drained.push(match item {
                Item::Record(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Item::Sum(key, sum) => format!("{} times op {}", sum.count, key.op),
            });
        }
        drained
    }

    #[test]
    fn items_come_in_the_order_of_their_times_once_the_window_is_over() {
        let mut order = Order::default();
        for (time, text) in [(30, "c"), (10, "a"), (20, "b1"), (20, "b2")] {
            order.add_record(time, text.as_bytes());
        }
        order.add_sum(&Key { op: 4, ..Key::default() }, &Sum { count: 3, last: 25, ..Sum::default() });
        assert_eq!(drain(&mut order, WINDOW_NS + 9), Vec::<String>::new());
        assert_eq!((order.given_until(WINDOW_NS + 9), order.given_until(WINDOW_NS + 19)), (9, 10));
        assert_eq!(drain(&mut order, WINDOW_NS + 20), ["a", "b1", "b2"]);
        order.add_record(15, b"late");
        assert_eq!(order.late(), 1);
        assert_eq!(drain(&mut order, WINDOW_NS + 20), ["late"]);
        assert_eq!(drain(&mut order, u64::MAX), ["3 times op 4", "c"]);
    }

    #[test]
    fn a_flood_is_given_before_its_time() {
        let mut order = Order::default();
        for time in 0..20_000 {
            order.add_record(time, &[0; 1000]);
        }
        assert!(order.is_full());
        while order.next(0).is_some() {}
        assert!(!order.is_full() && order.len() > 5000);
    }
}
