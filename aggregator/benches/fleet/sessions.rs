//! The hosts as they are connected: the session of an agent each, with the frames that wait in it held in memory instead of a spool.

use crate::Arguments;
use crate::enrol::enrol;
use crate::host::HOUR;
use crate::program::Place;
use crate::sockets::{Counted, Traffic, open};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tracewell_model::{EventNs, HostId, Str};
use tracewell_wire::quic::QuicError;
use tracewell_wire::quic::client::{Options, Outgoing, run_on};
use tracewell_wire::quic::identity::Identity;
use tracewell_wire::{Class, FrameKey, Heartbeat, Hello, Message, Payload, encode};

/// Event time at which hosts begin; any day will do.
pub const BEGIN: u64 = 20_000 * 24 * HOUR;
/// Hosts wait a minute at most between two attempts, and some attempts find no place.
const PATIENCE: Duration = Duration::from_secs(500);

/// One host.
pub struct Host {
    pub id: HostId,
    state: Mutex<State>,
    news: Notify,
    fleet: Arc<Shared>,
}

#[derive(Default)]
struct State {
    /// With when they were handed over.
    waiting: BTreeMap<FrameKey, (Vec<u8>, Instant)>,
    sequences: BTreeMap<Class, u64>,
    is_connected: bool,
}

/// What all hosts count.
struct Shared {
    counts: Mutex<Counts>,
    changed: Condvar,
    /// Frames that may be handed over beyond those that wait.
    room: Semaphore,
    /// Application bytes of frames, both ways.
    bytes: AtomicU64,
}

#[derive(Default)]
struct Counts {
    n_connected: usize,
    n_waiting: usize,
    n_refused: usize,
    /// Why connections ended or were not made, and how often.
    errors: BTreeMap<String, usize>,
    /// From handing a frame over until it was acknowledged, since they were taken last.
    latencies: Vec<Duration>,
}

/// All of them; they are connected until this is dropped.
pub struct Fleet {
    pub hosts: Vec<Arc<Host>>,
    shared: Arc<Shared>,
    traffic: Arc<Traffic>,
    _sessions: JoinSet<()>,
}

/// Hosts that were enrolled at a place, and can connect there again and again.
pub struct Enrolled {
    identities: Vec<Identity>,
    keep_alive: Duration,
    server: String,
    pub took: Duration,
}

impl Enrolled {
    /// At an aggregator that runs.
    pub fn at(place: &Place, arguments: &Arguments, runtime: &Runtime) -> Result<Self> {
        let since = Instant::now();
        let identities = runtime.block_on(enrol(place, arguments.hosts))?;
        let (keep_alive, server) = (arguments.keep_alive(), place.server.to_string());
        Ok(Self { identities, keep_alive, server, took: since.elapsed() })
    }

    /// Has all of them connect, each with its greeting and the heartbeat that follows.
    pub fn connect(&self, runtime: &Runtime) -> Result<Fleet> {
        let (shared, traffic) = (Arc::new(Shared::new()), Arc::<Traffic>::default());
        let _guard = runtime.enter();
        let endpoints = open(self.identities.len(), &traffic)?;
        let (mut hosts, mut sessions) = (Vec::new(), JoinSet::new());
        for (n, identity) in self.identities.iter().enumerate() {
            let id = identity.host().context("a certificate that is no host's")?;
            let host = Host { id, state: Mutex::default(), news: Notify::new(), fleet: Arc::clone(&shared) };
            let host = Arc::new(host);
            let version: Str = env!("CARGO_PKG_VERSION").into();
            host.send(Payload::Hello(Hello { name: format!("host-{n}").into(), parameters_hash: [0; 32], version }))?;
            host.beat(BEGIN)?;
            hosts.push(Arc::clone(&host));
            let endpoint = endpoints[n % endpoints.len()].clone();
            let (servers, identity) = (vec![self.server.clone()], identity.clone());
            let options = Options { servers, identity, keep_alive: self.keep_alive };
            sessions.spawn(async move {
                if let Err(error) = run_on(&endpoint, &options, &*host).await {
                    eprintln!("host {}: {error}", host.id);
                }
            });
        }
        Ok(Fleet { hosts, shared, traffic, _sessions: sessions })
    }
}

impl Fleet {
    /// Waits until all hosts are connected, and gives how long that took.
    pub fn wait_connected(&self) -> Result<Duration> {
        self.wait("connected", |counts| counts.n_connected == self.hosts.len())
    }

    /// Waits until the aggregator has all that was handed over.
    pub fn wait_acknowledged(&self) -> Result<Duration> {
        self.wait("done", |counts| counts.n_waiting == 0)
    }

    fn wait(&self, what: &str, is_done: impl Fn(&Counts) -> bool) -> Result<Duration> {
        let since = Instant::now();
        let waiting = |counts: &mut Counts| !is_done(counts);
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), PATIENCE, waiting);
        let (counts, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            let (Counts { n_connected, n_waiting, .. }, n) = (&*counts, self.hosts.len());
            bail!("not {what} within {PATIENCE:?}: {n_connected} of {n} hosts connected, {n_waiting} frames wait");
        }
        if counts.n_refused > 0 {
            bail!("{} frames were refused", counts.n_refused);
        }
        Ok(since.elapsed())
    }

    /// How long frames took that were acknowledged since this was asked last, in order.
    pub fn latencies(&self) -> Vec<Duration> {
        let mut latencies = std::mem::take(&mut self.shared.lock().latencies);
        latencies.sort_unstable();
        latencies
    }

    /// Why connections ended or were not made since this was asked last, and how often.
    pub fn errors(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.shared.lock().errors)
    }

    /// Through the hosts' sockets.
    pub fn traffic(&self) -> Counted {
        self.traffic.now()
    }

    /// Of frames, with acknowledgements and other answers.
    pub fn application_bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Lets so many frames wait at once, of those that are handed over by [`Self::hand_over`].
    pub fn set_room(&self, n: usize) {
        self.shared.room.forget_permits(Semaphore::MAX_PERMITS);
        self.shared.room.add_permits(n);
    }

    /// Hands a frame to a host's session as soon as there is room.
    pub async fn hand_over(&self, host: &Host, key: FrameKey, frame: Vec<u8>) {
        if let Ok(permit) = self.shared.room.acquire().await {
            permit.forget();
        }
        host.put(key, frame);
    }
}

impl Host {
    /// A frame of this host under its next number.
    pub fn frame(&self, payload: Payload) -> Result<(FrameKey, Vec<u8>)> {
        let class = payload.class();
        let mut state = self.lock();
        let sequence = state.sequences.entry(class).or_default();
        *sequence += 1;
        let key = FrameKey { class, epoch: 1, sequence: *sequence };
        Ok((key, encode(&Message { host: self.id, epoch: 1, sequence: *sequence, payload })?))
    }

    /// Hands a frame to the session.
    pub fn put(&self, key: FrameKey, frame: Vec<u8>) {
        self.fleet.bytes.fetch_add(frame.len() as u64, Ordering::Relaxed);
        self.fleet.lock().n_waiting += 1;
        self.lock().waiting.insert(key, (frame, Instant::now()));
        self.news.notify_waiters();
    }

    pub fn send(&self, payload: Payload) -> Result<()> {
        let (key, frame) = self.frame(payload)?;
        self.put(key, frame);
        Ok(())
    }

    pub fn beat(&self, time: u64) -> Result<()> {
        let heartbeat = Heartbeat { time: EventNs(time), n_events: 1_000_000, readiness_permille: 900, settled: true };
        self.send(Payload::Heartbeat(heartbeat))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self, key: FrameKey, is_refused: bool) {
        let Some((_, since)) = self.lock().waiting.remove(&key) else { return };
        let mut counts = self.fleet.lock();
        counts.n_waiting -= 1;
        counts.n_refused += usize::from(is_refused);
        counts.latencies.push(since.elapsed());
        if counts.n_waiting == 0 {
            self.fleet.changed.notify_all();
        }
        drop(counts);
        self.fleet.room.add_permits(1);
    }

    fn set_connected(&self, is_connected: bool) {
        let was_connected = std::mem::replace(&mut self.lock().is_connected, is_connected);
        let mut counts = self.fleet.lock();
        counts.n_connected = counts.n_connected + usize::from(is_connected) - usize::from(was_connected);
        self.fleet.changed.notify_all();
    }
}

impl Outgoing for Host {
    fn next(&self, class: Class, after: Option<FrameKey>) -> Option<(FrameKey, Vec<u8>)> {
        let after = after.unwrap_or(FrameKey { class, epoch: 0, sequence: 0 });
        let end = FrameKey { class, epoch: u32::MAX, sequence: u64::MAX };
        let range = (std::ops::Bound::Excluded(after), std::ops::Bound::Included(end));
        self.lock().waiting.range(range).next().map(|(key, (frame, _))| (*key, frame.clone()))
    }

    fn acknowledged(&self, key: FrameKey) {
        self.done(key, false);
    }

    fn refused(&self, key: FrameKey) {
        self.done(key, true);
    }

    fn arrived(&self, frame: Vec<u8>) {
        self.fleet.bytes.fetch_add(frame.len() as u64, Ordering::Relaxed);
    }

    fn news(&self) -> &Notify {
        &self.news
    }

    fn connected(&self, _: &str) {
        self.set_connected(true);
    }

    fn disconnected(&self, error: &QuicError) {
        *self.fleet.lock().errors.entry(error.to_string()).or_default() += 1;
        self.set_connected(false);
    }
}

impl Shared {
    fn new() -> Self {
        let (counts, changed) = (Mutex::default(), Condvar::new());
        Self { counts, changed, room: Semaphore::new(0), bytes: AtomicU64::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
