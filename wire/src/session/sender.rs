use crate::{Class, FrameKey};
use std::collections::BTreeMap;

/// Frames of one class that may wait for their acknowledgement on one connection.
pub const IN_FLIGHT_FRAMES_MAX: usize = 256;
/// Their bytes; one frame may always be sent.
pub const IN_FLIGHT_BYTES_MAX: usize = 2 << 20;

/// Which frame of each class may be sent next. Frames stay with the spool until they are acknowledged; here is only what
/// was sent on the connection that there is.
#[derive(Debug, Default)]
pub struct Sender {
    lanes: BTreeMap<Class, Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    /// The last that was sent.
    last: Option<FrameKey>,
    in_flight: BTreeMap<FrameKey, usize>,
    in_flight_bytes: usize,
}

impl Sender {
    /// Begins a connection: what was not acknowledged on the last one is sent again, in order.
    pub fn begin(&mut self) {
        self.lanes.clear();
    }

    /// Whether another frame of the class may be sent, and after which key it is to be looked for; `None` for the first.
    pub fn next(&self, class: Class) -> Option<Option<FrameKey>> {
        let Some(lane) = self.lanes.get(&class) else { return Some(None) };
        let has_room = lane.in_flight.len() < IN_FLIGHT_FRAMES_MAX && lane.in_flight_bytes < IN_FLIGHT_BYTES_MAX;
        has_room.then_some(lane.last)
    }

    /// Whether a frame was sent and is not acknowledged.
    pub fn is_in_flight(&self, key: FrameKey) -> bool {
        self.lanes.get(&key.class).is_some_and(|lane| lane.in_flight.contains_key(&key))
    }

    /// Whether any of the class was.
    pub fn is_waiting(&self, class: Class) -> bool {
        self.lanes.get(&class).is_some_and(|lane| !lane.in_flight.is_empty())
    }

    /// Notes that a frame goes onto the connection.
    pub fn sent(&mut self, key: FrameKey, n_bytes: usize) {
        let lane = self.lanes.entry(key.class).or_default();
        lane.last = Some(key);
        let before = lane.in_flight.insert(key, n_bytes).unwrap_or(0);
        lane.in_flight_bytes = lane.in_flight_bytes + n_bytes - before;
    }

    /// Notes an acknowledgement. `false` for one of a frame that was not sent here: it is repeated, or of the last connection.
    pub fn acknowledged(&mut self, key: FrameKey) -> bool {
        let Some(lane) = self.lanes.get_mut(&key.class) else { return false };
        let n_bytes = lane.in_flight.remove(&key);
        lane.in_flight_bytes -= n_bytes.unwrap_or(0);
        if lane.in_flight.is_empty() {
            // What is stored has left the spool: whatever is its first now is next, also if its number is lower.
            lane.last = None;
        }
        n_bytes.is_some()
    }
}
