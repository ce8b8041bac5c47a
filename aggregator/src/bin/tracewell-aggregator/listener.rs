//! Connections: who they are, whether they may, and how many there are.

use crate::authority::Authority;
use crate::enrolment;
use crate::places::{Entry, Places};
use crate::registry::{Registry, now};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;
use tracewell_model::{EventNs, HostId};
use tracewell_wire::Payload;
use tracewell_wire::quic::identity::fingerprint;
use tracewell_wire::quic::server::{Inbox, Peer, Told, accept, serve};
use tracewell_wire::quic::{Allowance, Connection, Endpoint, QuicError, Rate};
use tracewell_wire::session::Close;

/// Messages to all hosts that may wait for the slowest of them; it is told again when it comes back.
const TOLD_MAX: usize = 16;

/// What all connections share.
pub struct Listener {
    pub registry: Arc<Mutex<Registry>>,
    pub authority: Authority,
    pub inbox: Inbox,
    /// How long a host's certificate holds.
    pub certificate_holds: Duration,
    pub sessions: Arc<Sessions>,
    pub places: Arc<Places>,
}

/// The hosts that are connected, and what came of connections so far.
pub struct Sessions {
    open: Mutex<BTreeMap<HostId, Connection>>,
    /// When a host was connected last, in seconds since 1970, since this program runs.
    left: Mutex<BTreeMap<HostId, u64>>,
    begun: u64,
    rate: Rate,
    /// What they are told.
    told: broadcast::Sender<Arc<Told>>,
    /// Of each host that ever was connected: who comes anew is not allowed more for it.
    allowances: Mutex<BTreeMap<HostId, Arc<Allowance>>>,
    pub counts: Counts,
}

#[derive(Default)]
pub struct Counts {
    pub accepted: AtomicU64,
    /// Asked to prove their address first.
    pub proved: AtomicU64,
    /// Turned away, since too many handshakes or newcomers were under way.
    pub turned_away: AtomicU64,
    /// Did not come about.
    pub failed: AtomicU64,
    /// Not let in.
    pub refused: AtomicU64,
    /// Did not keep to the rules.
    pub violations: AtomicU64,
    pub enrolled: AtomicU64,
}

/// The counts as they are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counted {
    pub connected: u64,
    pub accepted: u64,
    pub proved: u64,
    pub turned_away: u64,
    pub failed: u64,
    pub refused: u64,
    pub violations: u64,
    pub enrolled: u64,
    /// Frames that had to wait since their host sent more than it may.
    pub waited: u64,
}

impl Listener {
    /// Takes connections until the endpoint is closed.
    pub async fn run(self, endpoint: Endpoint) {
        let listener = Arc::new(self);
        while let Some(incoming) = endpoint.accept().await {
            let is_proven = incoming.remote_address_validated();
            let place = match listener.places.handshake(incoming.remote_address(), is_proven) {
                Entry::In(place) => place,
                Entry::Prove => {
                    add(&listener.sessions.counts.proved);
                    // It was not asked yet: only who was can have proved it.
                    let _ = incoming.retry();
                    continue;
                }
                Entry::Full => {
                    add(&listener.sessions.counts.turned_away);
                    incoming.refuse();
                    continue;
                }
            };
            let listener = Arc::clone(&listener);
            tokio::spawn(async move {
                let accepted = accept(incoming).await;
                let counts = &listener.sessions.counts;
                match accepted {
                    // They may ask once, and not for long.
                    Ok((connection, peer @ (Peer::Newcomer | Peer::Renewing { .. }))) => {
                        drop(place);
                        match (listener.places.newcomer(), peer) {
                            (Some(_place), Peer::Renewing { host, certificate }) => {
                                listener.renewing(&connection, (host, fingerprint(&certificate))).await;
                            }
                            (Some(_place), _) => listener.newcomer(&connection).await,
                            (None, _) => {
                                add(&counts.turned_away);
                                connection.close(Close::Overloaded.code().into(), b"");
                            }
                        }
                    }
                    Ok((connection, Peer::Host { host, certificate })) => {
                        drop(place);
                        listener.host(&connection, host, fingerprint(&certificate)).await;
                    }
                    Err(error) => {
                        add(&counts.failed);
                        tracing::debug!(%error, "a connection did not come about");
                    }
                }
            });
        }
    }

    async fn newcomer(&self, connection: &Connection) {
        // The machine that had this id before, if another did, has it no longer.
        let enrolled = |host| self.sessions.close(host, Close::Refused);
        match enrolment::serve(connection, &self.registry, &self.authority, self.certificate_holds, enrolled).await {
            Ok(Some(_)) => add(&self.sessions.counts.enrolled),
            Ok(None) => add(&self.sessions.counts.refused),
            Err(error) => self.ended(connection, &error, None),
        }
    }

    async fn renewing(&self, connection: &Connection, shown: (HostId, [u8; 32])) {
        match enrolment::renew(connection, shown, &self.registry, &self.authority, self.certificate_holds).await {
            Ok(true) => {}
            Ok(false) => add(&self.sessions.counts.refused),
            Err(error) => self.ended(connection, &error, Some(shown.0)),
        }
    }

    async fn host(&self, connection: &Connection, host: HostId, certificate: [u8; 32]) {
        let from = connection.remote_address();
        let admitted = self.registry().admit(host, certificate).map(|entry| entry.name.clone());
        let name = match admitted {
            Ok(name) => name,
            Err(refusal) => {
                add(&self.sessions.counts.refused);
                tracing::warn!(%host, %from, reason = %refusal, "refused a host");
                connection.close(Close::Refused.code().into(), b"");
                return;
            }
        };
        add(&self.sessions.counts.accepted);
        self.sessions.open(host, connection);
        // Who was revoked meanwhile did not see it.
        if self.registry().admit(host, certificate).is_err() {
            self.sessions.close(host, Close::Refused);
        }
        tracing::info!(%host, name, %from, "a host is connected");
        let allowance = self.sessions.allowance(host);
        let Err(error) = serve(connection, host, &self.inbox, &allowance, self.sessions.told.subscribe()).await else {
            return;
        };
        self.ended(connection, &error, Some(host));
        self.sessions.ended(host, connection);
    }

    fn ended(&self, connection: &Connection, error: &QuicError, host: Option<HostId>) {
        let (host, from) = (host.map(|host| host.to_string()), connection.remote_address());
        match error.close() {
            Close::Done => tracing::info!(host, %from, %error, "a connection ended"),
            close => {
                add(&self.sessions.counts.violations);
                tracing::warn!(host, %from, %error, "a connection was ended");
                connection.close(close.code().into(), b"");
            }
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// Of hosts that may send at this rate.
    pub fn new(rate: Rate) -> Self {
        let (told, _) = broadcast::channel(TOLD_MAX);
        let (left, begun) = (Mutex::default(), now());
        let (open, allowances) = (Mutex::default(), Mutex::default());
        Self { open, left, begun, rate, told, allowances, counts: Counts::default() }
    }

    /// Frames of a host that had to wait since it sent more than it may.
    pub fn n_waited(&self, host: HostId) -> u64 {
        self.allowances().get(&host).map_or(0, |allowance| allowance.n_waited())
    }

    fn allowance(&self, host: HostId) -> Arc<Allowance> {
        Arc::clone(self.allowances().entry(host).or_insert_with(|| Arc::new(Allowance::new(self.rate))))
    }

    fn allowances(&self) -> MutexGuard<'_, BTreeMap<HostId, Arc<Allowance>>> {
        self.allowances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has hosts told that are connected: these, or all.
    pub fn tell(&self, to: Option<BTreeSet<HostId>>, payload: Payload) {
        // Nobody may be there.
        let _ = self.told.send(Arc::new(Told { to, payload }));
    }

    /// Which of these hosts, each with the second in which it was enrolled, were not connected for so long, and since when. What was before
    /// this program began is not known, and no reproach.
    pub fn silent(&self, hosts: impl IntoIterator<Item = (HostId, u64)>, after: Duration) -> BTreeMap<HostId, EventNs> {
        let (open, left, now) = (self.lock(), self.left.lock().unwrap_or_else(PoisonError::into_inner), now());
        let absent = hosts.into_iter().filter(|(host, _)| !open.contains_key(host));
        let since = absent.map(|(host, enrolled)| (host, left.get(&host).copied().unwrap_or(self.begun.max(enrolled))));
        let silent = since.filter(|(_, since)| now.saturating_sub(*since) >= after.as_secs());
        silent.map(|(host, since)| (host, EventNs(since.saturating_mul(EventNs::SECOND)))).collect()
    }

    /// In which second each host that is not connected left, of those that were since this program began.
    pub fn left(&self) -> BTreeMap<HostId, u64> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn n_connected(&self) -> usize {
        self.lock().len()
    }

    /// At most so many of the connected hosts that are such, ascending from this id on.
    pub fn connected_from(&self, from: HostId, max: usize, is_such: impl Fn(HostId) -> bool) -> BTreeSet<HostId> {
        self.lock().range(from..).map(|(&host, _)| host).filter(|host| is_such(*host)).take(max).collect()
    }

    /// From where each connected host is.
    pub fn addresses(&self) -> BTreeMap<HostId, IpAddr> {
        self.lock().iter().map(|(&host, connection)| (host, connection.remote_address().ip().to_canonical())).collect()
    }

    /// Ends a host's connection, if it has one.
    pub fn close(&self, host: HostId, why: Close) {
        if let Some(connection) = self.lock().get(&host) {
            connection.close(why.code().into(), b"");
        }
    }

    pub fn counted(&self) -> Counted {
        let Counts { accepted, proved, turned_away, failed, refused, violations, enrolled } = &self.counts;
        let [accepted, proved, turned_away, failed, refused, violations, enrolled] =
            [accepted, proved, turned_away, failed, refused, violations, enrolled]
                .map(|count| count.load(Ordering::Relaxed));
        let connected = self.n_connected() as u64;
        let waited = self.allowances().values().map(|allowance| allowance.n_waited()).sum();
        Counted { waited, connected, accepted, proved, turned_away, failed, refused, violations, enrolled }
    }

    /// A host has one connection; the newer one counts, since the other may only not know yet that it is lost.
    fn open(&self, host: HostId, connection: &Connection) {
        if let Some(before) = self.lock().insert(host, connection.clone()) {
            before.close(Close::Replaced.code().into(), b"");
        }
    }

    fn ended(&self, host: HostId, connection: &Connection) {
        let mut open = self.lock();
        if open.get(&host).is_some_and(|open| open.stable_id() == connection.stable_id()) {
            open.remove(&host);
            self.left.lock().unwrap_or_else(PoisonError::into_inner).insert(host, now());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<HostId, Connection>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{self, Rules};
    use crate::registry::{Labels, Signed};
    use rcgen::{CertificateParams, KeyPair};
    use std::collections::btree_map;
    use std::future::pending;
    use std::net::{Ipv4Addr, UdpSocket};
    use tempfile::TempDir;
    use tokio::sync::Notify;
    use tokio::time::{Instant, timeout};
    use tracewell_aggregator::disk::Disk;
    use tracewell_aggregator::{Aggregator, Hold};
    use tracewell_graph_core::fleet::FleetView;
    use tracewell_model::{LossCause, LossRecord};
    use tracewell_parameters::Parameters;
    use tracewell_wire::quic::client::{self, Options, Outgoing};
    use tracewell_wire::quic::identity::Identity;
    use tracewell_wire::quic::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tracewell_wire::quic::server::listen;
    use tracewell_wire::{Class, FrameKey, Message, Payload, decode, encode, head};

    /// A handshake may take this long (`wire::quic`); until then who does not go on has its place.
    const HANDSHAKE: Duration = Duration::from_secs(10);
    const PATIENCE: Duration = Duration::from_secs(60);
    const DAY: Duration = Duration::from_secs(86_400);

    /// What a host has to send, and what came of it.
    #[derive(Default)]
    struct Host {
        frames: Mutex<BTreeMap<FrameKey, Vec<u8>>>,
        refused: Mutex<Vec<FrameKey>>,
        told: Mutex<Vec<Payload>>,
        n_lost: AtomicU64,
        connected: Notify,
        done: Notify,
        news: Notify,
    }

    impl Outgoing for Host {
        fn next(&self, class: Class, after: Option<FrameKey>) -> Option<(FrameKey, Vec<u8>)> {
            let frames = self.frames.lock().unwrap();
            let mut next =
                frames.iter().filter(|(key, _)| key.class == class && after.is_none_or(|after| **key > after));
            next.next().map(|(key, frame)| (*key, frame.clone()))
        }
        fn acknowledged(&self, key: FrameKey) {
            let mut frames = self.frames.lock().unwrap();
            frames.remove(&key);
            if frames.is_empty() {
                self.done.notify_one();
            }
        }
        fn refused(&self, key: FrameKey) {
            self.refused.lock().unwrap().push(key);
            self.acknowledged(key);
        }
        fn arrived(&self, frame: Vec<u8>) {
            self.told.lock().unwrap().push(decode(&frame).unwrap().payload);
        }
        fn news(&self) -> &Notify {
            &self.news
        }
        fn connected(&self, _: &str) {
            self.connected.notify_one();
        }
        fn disconnected(&self, _: &QuicError) {
            add(&self.n_lost);
        }
    }

    /// An aggregator that listens, and a host that it enrolled.
    struct Fleet {
        folder: TempDir,
        endpoint: Endpoint,
        registry: Arc<Mutex<Registry>>,
        sessions: Arc<Sessions>,
        frames: Option<tokio::sync::mpsc::Receiver<tracewell_wire::quic::server::Arrived>>,
        host: HostId,
        identity: Identity,
    }

    impl Fleet {
        fn start(rate: Rate) -> Self {
            let folder = TempDir::new().unwrap();
            let authority = Authority::open(&folder.path().join("authority")).unwrap();
            let mut registry = Registry::open(Disk::open(&folder.path().join("hosts")).unwrap(), 9).unwrap();
            let token = registry.token(authority.fingerprint(), now() + 60, 1, Labels::new(), None).unwrap();
            let key = KeyPair::generate().unwrap();
            let request = CertificateParams::new(vec![]).unwrap().serialize_request(&key).unwrap().der().to_vec();
            let sign = |host| {
                let certificate = authority.host(host, &request, DAY).unwrap();
                let sha256 = fingerprint(&certificate);
                Ok(Signed { certificate, sha256, expires: now() + 60 })
            };
            let (host, certificate) = registry.enrol((&token.id, &token.secret), ("web-1", "here"), sign).unwrap();
            let aggregator = authority.aggregator().unwrap();
            let identity = Identity {
                certificates: vec![certificate],
                key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
                authority: aggregator.authority.clone(),
            };
            let endpoint = listen(&aggregator, "127.0.0.1:0".parse().unwrap(), authority.secret()).unwrap();
            let (inbox, frames) = Inbox::new(1 << 20);
            let (sessions, registry) = (Arc::new(Sessions::new(rate)), Arc::new(Mutex::new(registry)));
            let listener = Listener {
                registry: Arc::clone(&registry),
                authority,
                inbox,
                certificate_holds: DAY,
                sessions: Arc::clone(&sessions),
                places: Places::new(8),
            };
            tokio::spawn(listener.run(endpoint.clone()));
            Self { folder, endpoint, registry, sessions, frames: Some(frames), host, identity }
        }

        fn options(&self, server: std::net::SocketAddr) -> Options {
            Options { servers: vec![server.to_string()], identity: self.identity.clone(), keep_alive: HANDSHAKE }
        }

        fn run(&self, host: &Arc<Host>) {
            let (options, host) = (self.options(self.endpoint.local_addr().unwrap()), Arc::clone(host));
            tokio::spawn(async move { client::run(&options, &*host, pending()).await });
        }
    }

    /// The first packets of so many handshakes: sent again from anywhere, each begins one that nobody ends.
    async fn first_packets(fleet: &Fleet, n: usize) -> Vec<Vec<u8>> {
        let nobody = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (options, host) = (fleet.options(nobody.local_addr().unwrap()), Host::default());
        let mut packets = BTreeMap::new();
        for _ in 0..n {
            let catch = async {
                loop {
                    let mut packet = vec![0; 2048];
                    let (len, from) = nobody.recv_from(&mut packet).await.unwrap();
                    packet.truncate(len);
                    // A client that is let go says so; what it said first counts.
                    if let btree_map::Entry::Vacant(place) = packets.entry(from) {
                        place.insert(packet);
                        break;
                    }
                }
            };
            tokio::select! {
                () = catch => {}
                _ = client::run(&options, &host, pending()) => {}
            }
        }
        packets.into_values().collect()
    }

    /// Handshakes that nobody goes on with, from addresses that are not proved, keep no host waiting.
    #[tokio::test(flavor = "multi_thread")]
    async fn half_open_handshakes_keep_no_host_waiting() {
        let fleet = Fleet::start(Rate { frames: 0, bytes: 0 });
        let (server, sessions) = (fleet.endpoint.local_addr().unwrap(), &fleet.sessions);
        let packets = first_packets(&fleet, 24).await;
        let began = Instant::now();
        // Each from another address of this machine.
        let mut sockets = Vec::new();
        for (n, packet) in (2..).zip(&packets) {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 1, n), 0)).unwrap();
            socket.send_to(packet, server).unwrap();
            sockets.push(socket);
        }
        while sessions.counted().proved < 16 {
            assert!(began.elapsed() < HANDSHAKE, "{:?}", sessions.counted());
            tokio::task::yield_now().await;
        }
        let host = Arc::new(Host::default());
        fleet.run(&host);
        assert!(timeout(HANDSHAKE / 2, host.connected.notified()).await.is_ok(), "{:?}", sessions.counted());
        assert_eq!((sessions.counted().accepted, sessions.counted().turned_away), (1, 0));
        fleet.endpoint.close(0u32.into(), b"");
    }

    /// From the moment at which it leaves, and who never came from the start of the program or its enrolment.
    #[tokio::test(flavor = "multi_thread")]
    async fn who_is_not_connected_is_silent() {
        let fleet = Fleet::start(Rate { frames: 0, bytes: 0 });
        let silent = |after| fleet.sessions.silent([(fleet.host, 0)], Duration::from_secs(after));
        assert_eq!(silent(0).len(), 1, "it never came");
        assert_eq!(silent(DAY.as_secs()).len(), 0, "what was before is not known");
        let host = Arc::new(Host::default());
        fleet.run(&host);
        assert!(timeout(PATIENCE, host.connected.notified()).await.is_ok());
        let began = Instant::now();
        while !silent(0).is_empty() {
            assert!(began.elapsed() < PATIENCE, "it is connected");
            tokio::task::yield_now().await;
        }
        let left = now();
        fleet.sessions.close(fleet.host, Close::Refused);
        while silent(0).is_empty() {
            assert!(began.elapsed() < PATIENCE, "it is not connected any more");
            tokio::task::yield_now().await;
        }
        assert!(silent(0)[&fleet.host] >= EventNs(left * EventNs::SECOND));
        fleet.endpoint.close(0u32.into(), b"");
    }

    /// Who is connected does not wait for its next heartbeat, which is hours away.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_roll_back_reaches_connected_hosts_at_once() {
        let mut fleet = Fleet::start(Rate { frames: 0, bytes: 0 });
        let frames = fleet.frames.take().unwrap();
        let aggregator = Aggregator::new(&Parameters::default());
        let (engine, _thread) = engine::start(
            aggregator,
            Arc::clone(&fleet.registry),
            Rules::default(),
            frames,
            Arc::clone(&fleet.sessions),
        )
        .unwrap();
        let host = Arc::new(Host::default());
        fleet.run(&host);
        assert!(timeout(PATIENCE, host.connected.notified()).await.is_ok());
        let hold = Hold { version: 0, owner: "kim".into(), reason: "it is poisoned".into(), since: 0 };
        engine.ask(|engine| engine.hold(hold)).await.unwrap().unwrap();
        let began = Instant::now();
        while *host.told.lock().unwrap() != [Payload::FleetView(FleetView::default())] {
            assert!(began.elapsed() < PATIENCE, "{:?}", host.told.lock().unwrap());
            tokio::task::yield_now().await;
        }
        fleet.endpoint.close(0u32.into(), b"");
    }

    /// A host whose every other frame is garbage: all of them are let go over one connection, at the rate that it may send at, and the good
    /// ones are stored.
    #[tokio::test(flavor = "multi_thread")]
    async fn frames_that_cannot_be_read_hold_up_nothing() {
        const N: u64 = 300;
        let mut fleet = Fleet::start(Rate { frames: 60, bytes: 0 });
        let disk = Disk::open(&fleet.folder.path().join("store")).unwrap();
        let aggregator = Aggregator::with_store(&Parameters::default(), Box::new(disk.store())).unwrap();
        let frames = fleet.frames.take().unwrap();
        let (engine, thread) = engine::start(
            aggregator,
            Arc::clone(&fleet.registry),
            Rules::default(),
            frames,
            Arc::clone(&fleet.sessions),
        )
        .unwrap();
        let host = Arc::new(Host::default());
        for n in 1..=N {
            let loss = LossRecord { host: fleet.host, time: EventNs(n), cause: LossCause::Gap, n_events: 1 };
            let message = Message { host: fleet.host, epoch: 1, sequence: n, payload: Payload::Loss(loss) };
            let mut frame = encode(&message).unwrap();
            let key = head(&frame).unwrap().key;
            if n % 2 == 0 {
                *frame.last_mut().unwrap() ^= 1;
            }
            host.frames.lock().unwrap().insert(key, frame);
        }
        fleet.run(&host);
        assert!(timeout(PATIENCE, host.done.notified()).await.is_ok(), "{:?}", host.frames.lock().unwrap().len());
        let refused: Vec<_> = host.refused.lock().unwrap().iter().map(|key| key.sequence).collect();
        assert_eq!(refused, (2..=N).step_by(2).collect::<Vec<_>>());
        assert_eq!((host.n_lost.load(Ordering::Relaxed), fleet.sessions.counted().violations), (0, 0));
        let counted = fleet.sessions.counted();
        // Four seconds' worth may come at once.
        assert!(counted.waited <= N - 4 * 60 && counted.waited == fleet.sessions.n_waited(fleet.host), "{counted:?}");
        fleet.endpoint.close(0u32.into(), b"");
        drop((fleet, engine));
        tokio::task::spawn_blocking(|| thread.join()).await.unwrap().unwrap().unwrap();
        let aggregator = Aggregator::with_store(&Parameters::default(), Box::new(disk.store())).unwrap();
        let counters = aggregator.incidents().unwrap().counters;
        assert_eq!((counters.refused_frames, counters.lost_events), (N / 2, N / 2));
    }
}
