//! Records of several CPUs and sums that come late, put into the order of their times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use tracewell_event_abi::collapse::{Key, Sum};

/// Something the kernel side said.
#[derive(Debug)]
pub enum Item {
    /// A record of the ring, not looked into yet.
    Record(Box<[u8]>),
    Sum(Box<(Key, Sum)>),
}

/// Holds items for [`WINDOW_NS`], and gives them in the order of their times; those of one time as they came.
#[derive(Default)]
pub struct Order {
    waiting: BinaryHeap<Reverse<Waiting>>,
    n_taken: u64,
    bytes: usize,
    n_late: u64,
    last_given: u64,
}

/// How long items are held, in ns: longer than sums are kept in the kernel.
pub const WINDOW_NS: u64 = 500_000_000;
/// Bytes held at most. At the bound the oldest items are given before their time.
pub const BYTES_MAX: usize = 12 << 20;

struct Waiting {
    time: u64,
    sequence: u64,
    item: Item,
}

impl Order {
    pub fn add(&mut self, time: u64, item: Item) {
        self.n_taken += 1;
        self.n_late += u64::from(time < self.last_given);
        self.bytes += size_of_item(&item);
        self.waiting.push(Reverse(Waiting { time, sequence: self.n_taken, item }));
    }

    /// The next item that is older than the window, or that there is no room for.
    pub fn next(&mut self, now: u64) -> Option<(u64, Item)> {
        let is_due = self.waiting.peek()?.0.time.saturating_add(WINDOW_NS) <= now;
        if !is_due && self.bytes <= BYTES_MAX {
            return None;
        }
        let Reverse(Waiting { time, item, .. }) = self.waiting.pop()?;
        self.bytes -= size_of_item(&item);
        self.last_given = self.last_given.max(time);
        Some((time, item))
    }

    /// Items that came too late for their place. They are given at once.
    pub fn late(&self) -> u64 {
        self.n_late
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// With what the heap and the allocator take for it.
fn size_of_item(item: &Item) -> usize {
    size_of::<Waiting>()
        + 16
        + match item {
            Item::Record(bytes) => bytes.len(),
            Item::Sum(_) => size_of::<(Key, Sum)>(),
        }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time, self.sequence).cmp(&(other.time, other.sequence))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Item {
        Item::Record(text.as_bytes().into())
    }

    fn drain(order: &mut Order, now: u64) -> Vec<String> {
        let text = |item| match item {
            Item::Record(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Item::Sum(_) => "sum".into(),
        };
        std::iter::from_fn(|| order.next(now)).map(|(_, item)| text(item)).collect()
    }

    #[test]
    fn items_come_in_the_order_of_their_times_once_the_window_is_over() {
        let mut order = Order::default();
        for (time, text) in [(30, "c"), (10, "a"), (20, "b1"), (20, "b2")] {
            order.add(time, record(text));
        }
        assert_eq!(drain(&mut order, WINDOW_NS + 9), Vec::<String>::new());
        assert_eq!(drain(&mut order, WINDOW_NS + 20), ["a", "b1", "b2"]);
        order.add(15, record("late"));
        assert_eq!(order.late(), 1);
        assert_eq!(drain(&mut order, WINDOW_NS + 20), ["late"]);
        assert_eq!(drain(&mut order, u64::MAX), ["c"]);
    }

    #[test]
    fn a_flood_is_given_before_its_time() {
        let mut order = Order::default();
        for time in 0..20_000 {
            order.add(time, Item::Record(vec![0; 1000].into()));
        }
        while order.next(0).is_some() {}
        assert!(order.bytes <= BYTES_MAX && order.len() > 5000);
    }
}
