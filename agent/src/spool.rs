//! What waits to be sent: on disk until the aggregator has stored it.
//!
//! The pipeline's end is a [`Transport`] that never waits for the network; the uplink's end is [`Outgoing`]. When a frame was
//! taken, what becomes of it is certain: it is sent until it is acknowledged, or dropped for lack of room and told as lost.
//! Alerts are synced to the disk before [`Transport::send`] returns. Frames keep their numbers, so that the aggregator knows
//! one that comes twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tracewell_model::HostId;
use tracewell_store::{SpoolRows, Store, StoreError};
use tracewell_wire::quic::QuicError;
use tracewell_wire::quic::client::Outgoing;
use tracewell_wire::{Class, FrameKey, Message, Payload, Transport, TransportError, decode, encode, head, readdress};

/// Bytes of answers that wait for the pipeline; the aggregator repeats itself.
const ANSWERS_BYTES_MAX: usize = 4 << 20;
/// What goes first when there is no room. What names the host goes with what is lost last.
const DROPPED_FIRST: [Class; 4] = [Class::Telemetry, Class::Profile, Class::Alert, Class::Control];

/// Rows beside the frames. Their keys are behind those of all frames.
const DROPPED: &[u8] = &[0xff, 0];
const EPOCH: &[u8] = &[0xff, 1];
const WORK: &[u8] = &[0xff, 2];

/// The pipeline's end. Clones are the same spool.
#[derive(Clone)]
pub struct Spool {
    shared: Arc<Shared>,
}

struct Shared {
    rows: SpoolRows,
    bytes_max: u64,
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<Class, Waiting>,
    /// Frames that were dropped and not told yet.
    dropped: u64,
    /// Frames that this run dropped.
    dropped_in_all: u64,
    /// Acknowledged, and still there: the disk did not let them go. No more than the spool holds.
    stuck: BTreeSet<FrameKey>,
    /// The highest epoch that a frame had.
    epoch: u32,
    /// Set once the aggregator asked for another epoch: what is of older ones gets numbers in it.
    renewed: Option<Renewed>,
    answers: VecDeque<Vec<u8>>,
    answers_bytes: usize,
    link: Link,
}

#[derive(Clone, Copy, Default)]
struct Waiting {
    n_frames: u64,
    n_bytes: u64,
}

#[derive(Default)]
struct Renewed {
    epoch: u32,
    sequences: BTreeMap<Class, u64>,
}

/// How the connection is, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The server that it is connected to.
    pub server: Option<String>,
    pub n_connected: u64,
    pub n_failed: u64,
    pub n_acknowledged: u64,
    /// Frames whose content the aggregator could not read. They are lost.
    pub n_refused: u64,
    /// Why the last attempt failed or the last connection ended.
    pub error: Option<String>,
}

/// What waits now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpoolStatus {
    pub n_frames: u64,
    pub n_bytes: u64,
    /// Dropped for lack of room since the start.
    pub n_dropped: u64,
    pub link: Link,
}

impl Spool {
    /// The spool of an agent's store, of at most `bytes_max` bytes of frames.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: &Store, bytes_max: u64) -> Result<Self, StoreError> {
        let rows = SpoolRows::of(store);
        let mut state = State::default();
        for row in rows.rows_from(&[]) {
            let (key, row) = row?;
            match read_key(&key) {
                Some(key) => {
                    state.waiting_of(key.class).add(row.len());
                    state.epoch = state.epoch.max(key.epoch);
                }
                None if &*key == DROPPED => state.dropped = number(&row),
                None if &*key == EPOCH => {
                    state.epoch = state.epoch.max(u32::try_from(number(&row)).unwrap_or(u32::MAX))
                }
                None => {}
            }
        }
        Ok(Self { shared: Arc::new(Shared { rows, bytes_max, state: Mutex::new(state), news: Notify::new() }) })
    }

    /// The highest epoch that any frame had; 0 before there was one.
    pub fn epoch(&self) -> u32 {
        self.shared.state().epoch
    }

    /// The epoch of a work that gives the same frames each time it is done, known by its hash: the same one if it was the
    /// last, so that its frames are known by their numbers; else a new one.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn epoch_of(&self, work: &[u8; 32]) -> Result<u32, StoreError> {
        let state = self.shared.state();
        if let Some(row) = self.shared.rows.get(WORK)?
            && let Some((known, epoch)) = row.split_first_chunk::<32>()
            && known == work
        {
            return Ok(u32::try_from(number(epoch)).unwrap_or(u32::MAX));
        }
        let epoch = state.epoch.saturating_add(1);
        let row = [&work[..], &u64::from(epoch).to_be_bytes()].concat();
        self.shared.rows.change(&[(WORK, &row)], &[], true)?;
        Ok(epoch)
    }

    pub fn status(&self) -> SpoolStatus {
        let state = self.shared.state();
        let sum = |of: fn(&Waiting) -> u64| state.waiting.values().map(of).sum();
        SpoolStatus {
            n_frames: sum(|waiting| waiting.n_frames),
            n_bytes: sum(|waiting| waiting.n_bytes),
            n_dropped: state.dropped_in_all,
            link: state.link.clone(),
        }
    }

    /// Tries again to remove what is acknowledged and could not be removed.
    pub fn let_go(&self) {
        let mut state = self.shared.state();
        while let Some(key) = state.stuck.first().copied() {
            if self.shared.remove(&mut state, key).is_err() {
                return;
            }
            state.stuck.remove(&key);
        }
    }

    /// How many frames were dropped, once there is room to tell it in; then [`Self::told_dropped`].
    pub fn dropped(&self) -> Option<u64> {
        let state = self.shared.state();
        let has_room = state.n_bytes() < self.shared.bytes_max / 8 * 7;
        (state.dropped > 0 && has_room).then_some(state.dropped)
    }

    /// The pipeline has told of so many frames that they are lost.
    pub fn told_dropped(&self, n: u64) {
        let mut state = self.shared.state();
        state.dropped = state.dropped.saturating_sub(n);
        self.shared.note_dropped(&state);
    }
}

impl Transport for Spool {
    /// Takes a frame. One that the disk does not take counts as dropped: the pipeline goes on.
    fn send(&mut self, frame: Vec<u8>) -> Result<(), TransportError> {
        let key = head(&frame)?.key;
        let mut state = self.shared.state();
        if let Err(error) = self.shared.keep(&mut state, key, frame) {
            if state.dropped == 0 {
                tracing::error!(%error, class = ?key.class, "a frame could not be kept and is lost");
            }
            state.drop_frames(1);
        }
        drop(state);
        self.shared.news.notify_waiters();
        Ok(())
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        let mut state = self.shared.state();
        let answer = state.answers.pop_front()?;
        state.answers_bytes -= answer.len();
        Some(answer)
    }
}

impl Outgoing for Spool {
    fn next(&self, class: Class, after: Option<FrameKey>) -> Option<(FrameKey, Vec<u8>)> {
        let mut from = after.map_or_else(|| vec![class as u8], |after| write_key(after).to_vec());
        if after.is_some() {
            // The least key that is greater.
            from.push(0);
        }
        loop {
            let found = self.shared.rows.first_from(&from).unwrap_or_else(|error| {
                tracing::error!(%error, "the spool cannot be read");
                None
            });
            let (row_key, frame) = found?;
            let key = read_key(&row_key).filter(|key| key.class == class)?;
            if self.shared.state().stuck.contains(&key) {
                from = [&*row_key, &[0]].concat();
                continue;
            }
            if head(&frame).is_ok_and(|head| head.key == key) {
                return Some((key, frame.into()));
            }
            // Nobody could answer to it.
            tracing::error!(?class, epoch = key.epoch, sequence = key.sequence, "a frame is damaged and lost");
            let mut state = self.shared.state();
            state.drop_frames(1);
            self.shared.note_dropped(&state);
            if let Err(error) = self.shared.remove(&mut state, key) {
                tracing::error!(%error, "a damaged frame cannot be removed");
                return None;
            }
        }
    }

    fn acknowledged(&self, key: FrameKey) {
        let mut state = self.shared.state();
        state.link.n_acknowledged += 1;
        // Removed again after a crash, at worst.
        if let Err(error) = self.shared.remove(&mut state, key) {
            if state.stuck.is_empty() {
                tracing::error!(%error, "an acknowledged frame cannot be removed; it may be sent again");
            }
            state.stuck.insert(key);
        }
    }

    /// What it said is lost, as if there had been no room. That something was lost is not told again for the telling.
    fn refused(&self, key: FrameKey) {
        if self.shared.rows.get(&write_key(key)).is_ok_and(|row| row.is_none()) {
            return;
        }
        let (class, epoch, sequence) = (key.class, key.epoch, key.sequence);
        tracing::error!(?class, epoch, sequence, "the aggregator cannot read a frame: what it said is lost");
        let mut state = self.shared.state();
        state.link.n_refused += 1;
        // Told twice after a crash, at worst.
        if key.class != Class::Telemetry {
            state.dropped += 1;
            self.shared.note_dropped(&state);
        }
        if let Err(error) = self.shared.remove(&mut state, key) {
            tracing::error!(%error, "a refused frame cannot be removed and will be sent again");
        }
    }

    fn arrived(&self, frame: Vec<u8>) {
        let frame = match decode(&frame) {
            Ok(Message { host, epoch: of, payload: Payload::NewEpoch { epoch }, .. }) => {
                match self.shared.renew(host, of, epoch) {
                    Some(frame) => frame,
                    None => return,
                }
            }
            _ => frame,
        };
        let mut state = self.shared.state();
        if state.answers_bytes + frame.len() <= ANSWERS_BYTES_MAX {
            state.answers_bytes += frame.len();
            state.answers.push_back(frame);
        }
    }

    fn news(&self) -> &Notify {
        &self.shared.news
    }

    fn connected(&self, server: &str) {
        tracing::info!(server, "connected to the aggregator");
        let link = &mut self.shared.state().link;
        link.server = Some(server.into());
        link.n_connected += 1;
    }

    fn disconnected(&self, error: &QuicError) {
        let link = &mut self.shared.state().link;
        let (was_connected, error) = (link.server.take().is_some(), error.to_string());
        link.n_failed += u64::from(!was_connected);
        // Once for each reason.
        if was_connected || link.error.as_ref() != Some(&error) {
            tracing::warn!(error, "no connection to the aggregator");
        }
        link.error = Some(error);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, state: &mut State, mut key: FrameKey, mut frame: Vec<u8>) -> Result<(), StoreError> {
        if let Some(renewed) = &mut state.renewed
            && key.epoch < renewed.epoch
        {
            key = renewed.next(key.class);
            // It was just read, and another number does not make it larger than the room that is left for that.
            frame = readdress(&frame, key).unwrap_or(frame);
        }
        if let Some(before) = self.rows.get(&write_key(key))? {
            state.waiting_of(key.class).subtract(before.len());
        }
        if !self.make_room(state, key.class, frame.len() as u64)? {
            return Ok(());
        }
        let durably = matches!(key.class, Class::Alert | Class::Control);
        let (row_key, epoch) = (write_key(key), u64::from(key.epoch).to_be_bytes());
        if key.epoch > state.epoch {
            // A number must not come twice, whatever becomes of what had it.
            self.rows.change(&[(EPOCH, &epoch), (&row_key, &frame)], &[], true)?;
            state.epoch = key.epoch;
        } else {
            self.rows.change(&[(&row_key, &frame)], &[], durably)?;
        }
        state.waiting_of(key.class).add(frame.len());
        Ok(())
    }

    /// Drops the oldest of what matters least until there is room; `false` if what is new matters least itself.
    fn make_room(&self, state: &mut State, class: Class, n_bytes: u64) -> Result<bool, StoreError> {
        let mut may_go = DROPPED_FIRST.into_iter().take_while(|other| *other >= class).peekable();
        if state.n_bytes() + n_bytes > self.bytes_max && state.dropped == 0 {
            tracing::warn!(bytes_max = self.bytes_max, "the spool is full: what matters least is lost");
        }
        while state.n_bytes() + n_bytes > self.bytes_max {
            let Some(&victim) = may_go.peek() else { break };
            match self.rows.first_from(&[victim as u8])? {
                Some((row_key, row)) if read_key(&row_key).is_some_and(|key| key.class == victim) => {
                    // At once: what is gone and not noted would never be told.
                    let dropped = (state.dropped + 1).to_be_bytes();
                    self.rows.change(&[(DROPPED, &dropped)], &[&row_key], false)?;
                    state.waiting_of(victim).subtract(row.len());
                    state.drop_frames(1);
                }
                _ => _ = may_go.next(),
            }
        }
        let has_room = state.n_bytes() + n_bytes <= self.bytes_max;
        if !has_room {
            state.drop_frames(1);
            self.note_dropped(state);
        }
        Ok(has_room)
    }

    fn remove(&self, state: &mut State, key: FrameKey) -> Result<(), StoreError> {
        let row_key = write_key(key);
        if let Some(row) = self.rows.get(&row_key)? {
            self.rows.change(&[], &[&row_key], false)?;
            state.waiting_of(key.class).subtract(row.len());
        }
        Ok(())
    }

    fn note_dropped(&self, state: &State) {
        let noted = match state.dropped {
            0 => self.rows.change(&[], &[DROPPED], false),
            dropped => self.rows.change(&[(DROPPED, &dropped.to_be_bytes())], &[], false),
        };
        if let Err(error) = noted {
            tracing::error!(%error, "what was lost cannot be noted");
        }
    }

    /// The numbers of epoch `of` say nothing to the aggregator: another machine used them, or it knows this host to be further. All
    /// that waits gets numbers in the epoch that it gave, or a later one that is new here too, and the pipeline goes on in the one
    /// after. Gives what to tell it, once.
    fn renew(&self, host: HostId, of: u32, epoch: u32) -> Option<Vec<u8>> {
        let mut state = self.state();
        if state.renewed.as_ref().is_some_and(|renewed| of < renewed.epoch) {
            return None;
        }
        let epoch = epoch.max(state.epoch.checked_add(1)?);
        let next = epoch.checked_add(1)?;
        tracing::error!(
            epoch,
            "the aggregator knows this host to be further, or another machine sends as it: it starts anew"
        );
        let mut renewed = Renewed { epoch, ..Renewed::default() };
        let rows: Vec<_> = self.rows.rows_from(&[]).map_while(Result::ok).collect();
        for (old, frame) in rows {
            let Some(key) = read_key(&old) else { continue };
            let key = renewed.next(key.class);
            // Under one number or the other, whenever this is killed; the last change makes it durable.
            let moved = readdress(&frame, key)
                .map(|frame| (frame.len(), self.rows.change(&[(&write_key(key), &frame)], &[&old], false)));
            match moved {
                Ok((n_bytes, Ok(()))) => {
                    state.waiting_of(key.class).subtract(frame.len());
                    state.waiting_of(key.class).add(n_bytes);
                }
                Ok((_, Err(error))) => tracing::error!(%error, "a waiting frame cannot be given its new number"),
                Err(error) => tracing::error!(%error, "a waiting frame cannot be given its new number"),
            }
        }
        (state.renewed, state.epoch) = (Some(renewed), next);
        if let Err(error) = self.rows.change(&[(EPOCH, &u64::from(next).to_be_bytes())], &[WORK], true) {
            tracing::error!(%error, "the new epoch cannot be noted");
        }
        drop(state);
        self.news.notify_waiters();
        encode(&Message { host, epoch: next, sequence: 0, payload: Payload::NewEpoch { epoch: next } }).ok()
    }
}

impl State {
    fn waiting_of(&mut self, class: Class) -> &mut Waiting {
        self.waiting.entry(class).or_default()
    }

    fn drop_frames(&mut self, n: u64) {
        self.dropped += n;
        self.dropped_in_all += n;
    }

    fn n_bytes(&self) -> u64 {
        self.waiting.values().map(|waiting| waiting.n_bytes).sum()
    }
}

impl Waiting {
    fn add(&mut self, n_bytes: usize) {
        self.n_frames += 1;
        self.n_bytes += n_bytes as u64;
    }

    fn subtract(&mut self, n_bytes: usize) {
        self.n_frames = self.n_frames.saturating_sub(1);
        self.n_bytes = self.n_bytes.saturating_sub(n_bytes as u64);
    }
}

impl Renewed {
    fn next(&mut self, class: Class) -> FrameKey {
        let sequence = self.sequences.entry(class).or_default();
        *sequence += 1;
        FrameKey { class, epoch: self.epoch, sequence: *sequence }
    }
}

const KEY_LEN: usize = 1 + 4 + 8;

fn write_key(key: FrameKey) -> [u8; KEY_LEN] {
    let mut bytes = [0; KEY_LEN];
    bytes[0] = key.class as u8;
    bytes[1..5].copy_from_slice(&key.epoch.to_be_bytes());
    bytes[5..].copy_from_slice(&key.sequence.to_be_bytes());
    bytes
}

/// `None` for a row that is no frame.
fn read_key(bytes: &[u8]) -> Option<FrameKey> {
    let bytes: &[u8; KEY_LEN] = bytes.try_into().ok()?;
    let class = Class::ALL.into_iter().find(|class| *class as u8 == bytes[0])?;
    let (epoch, sequence) = bytes[1..].split_first_chunk::<4>()?;
    Some(FrameKey { class, epoch: u32::from_be_bytes(*epoch), sequence: number(sequence) })
}

/// Zero for what has another length.
fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}
