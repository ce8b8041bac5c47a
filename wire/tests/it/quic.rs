//! Connections over loopback: what TLS and the session let through, and what they do not.

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Notify, broadcast, mpsc, oneshot};
use tokio::time::timeout;
use tracewell_model::{EventNs, HostId, LossCause, LossRecord};
use tracewell_wire::limits::FRAME_BYTES_MAX;
use tracewell_wire::quic::client::{self, Options, Outgoing};
use tracewell_wire::quic::identity::{AGGREGATOR, Identity, fingerprint, name_of};
use tracewell_wire::quic::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tracewell_wire::quic::server::{Arrived, Inbox, Peer, accept, listen, serve};
use tracewell_wire::quic::{Allowance, Endpoint, QuicError, Rate, Secret, enrol};
use tracewell_wire::session::enrolment::Enrolment;
use tracewell_wire::session::framing::delimited;
use tracewell_wire::session::greeting::opening;
use tracewell_wire::session::{ALPN, Close};
use tracewell_wire::{Class, FrameKey, Hello, Message, Payload, decode, encode, head, readdress};

/// No step takes longer than this, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(60);
const HOST: HostId = HostId(0xbeef);
/// Of all aggregators here: each is the next run of the one before.
const SECRET: Secret = [7; 32];

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn identity(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificates: vec![certificate.der().clone(), self.certificate.clone()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            authority: self.certificate.clone(),
        }
    }

    fn aggregator(&self) -> Identity {
        self.identity(AGGREGATOR, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn host(&self, host: HostId) -> Identity {
        self.identity(&name_of(host), ExtendedKeyUsagePurpose::ClientAuth)
    }
}

/// What a spool does, in memory.
#[derive(Default)]
struct Spool {
    frames: Mutex<BTreeMap<FrameKey, Vec<u8>>>,
    errors: Mutex<Vec<String>>,
    answers: Mutex<Vec<Payload>>,
    refused: Mutex<Vec<FrameKey>>,
    news: Notify,
    changed: Notify,
}

impl Spool {
    fn of(frames: impl IntoIterator<Item = Vec<u8>>) -> Arc<Self> {
        let frames = frames.into_iter().map(|frame| (head(&frame).unwrap().key, frame));
        Arc::new(Self { frames: Mutex::new(frames.collect()), ..Self::default() })
    }

    fn frames(&self) -> MutexGuard<'_, BTreeMap<FrameKey, Vec<u8>>> {
        self.frames.lock().unwrap()
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if is_so(self) {
                    break;
                }
                changed.await;
            }
        };
        assert!(timeout(PATIENCE, wait).await.is_ok(), "{what} did not come to be: {:?}", self.errors);
    }
}

impl Outgoing for Spool {
    fn next(&self, class: Class, after: Option<FrameKey>) -> Option<(FrameKey, Vec<u8>)> {
        let frames = self.frames();
        let mut of_class =
            frames.iter().filter(|(key, _)| key.class == class && after.is_none_or(|after| **key > after));
        of_class.next().map(|(key, frame)| (*key, frame.clone()))
    }

    fn acknowledged(&self, key: FrameKey) {
        self.frames().remove(&key);
        self.changed.notify_one();
    }

    fn refused(&self, key: FrameKey) {
        self.refused.lock().unwrap().push(key);
        self.acknowledged(key);
    }

    fn arrived(&self, frame: Vec<u8>) {
        self.answers.lock().unwrap().push(decode(&frame).unwrap().payload);
        self.changed.notify_one();
    }

    fn news(&self) -> &Notify {
        &self.news
    }

    fn connected(&self, _: &str) {}

    fn disconnected(&self, error: &QuicError) {
        self.errors.lock().unwrap().push(error.to_string());
        self.changed.notify_one();
    }
}

fn frame(host: HostId, sequence: u64) -> Vec<u8> {
    let loss = LossRecord { host, time: EventNs(1), cause: LossCause::Gap, n_events: 0 };
    encode(&Message { host, epoch: 1, sequence, payload: Payload::Loss(loss) }).unwrap()
}

fn run_client(servers: &[String], identity: Identity, spool: &Arc<Spool>) -> oneshot::Sender<()> {
    let options = Options { servers: servers.to_vec(), identity, keep_alive: Duration::from_secs(10) };
    let (stop, stopped) = oneshot::channel();
    let spool = Arc::clone(spool);
    tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        client::run(&options, &*spool, stopped).await.unwrap();
    });
    stop
}

/// Lets hosts in, and gives their frames; refuses who TLS says is no host.
fn run_server(identity: &Identity, address: &str) -> (Endpoint, mpsc::Receiver<Arrived>) {
    run_server_that_allows(identity, address, &Arc::new(Allowance::new(Rate { frames: 0, bytes: 0 })))
}

fn run_server_that_allows(
    identity: &Identity,
    address: &str,
    allowance: &Arc<Allowance>,
) -> (Endpoint, mpsc::Receiver<Arrived>) {
    let endpoint = listen(identity, address.parse().unwrap(), &SECRET).unwrap();
    let (inbox, frames) = Inbox::new(1 << 20);
    let accepting = endpoint.clone();
    let allowance = Arc::clone(allowance);
    tokio::spawn(async move {
        let (told, _) = broadcast::channel(1);
        while let Some(incoming) = accepting.accept().await {
            let (inbox, allowance, told) = (inbox.clone(), Arc::clone(&allowance), told.subscribe());
            tokio::spawn(async move {
                let Ok((connection, Peer::Host { host, .. })) = accept(incoming).await else { return };
                let error = serve(&connection, host, &inbox, &allowance, told).await.unwrap_err();
                connection.close(error.close().code().into(), b"");
            });
        }
    });
    (endpoint, frames)
}

fn acknowledge(arrived: &Arrived) {
    let FrameKey { class, epoch, sequence } = head(&arrived.frame).unwrap().key;
    let payload = Payload::Acknowledgement { class, sequence };
    arrived.answer(encode(&Message { host: arrived.host, epoch, sequence: 0, payload }).unwrap());
}

async fn next(frames: &mut mpsc::Receiver<Arrived>) -> Arrived {
    timeout(PATIENCE, frames.recv()).await.expect("a frame comes").expect("the server runs")
}

/// The first server is not there. The second takes half of the frames and acknowledges a few of them before it goes; in its
/// place comes another, and afterwards all have been stored, and the spool is empty.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_is_sent_again() {
    const N: u64 = 600;
    let authority = Authority::new();
    let (endpoint, mut frames) = run_server(&authority.aggregator(), "127.0.0.1:0");
    let address = endpoint.local_addr().unwrap();
    let spool = Spool::of((1..=N).map(|n| frame(HOST, n)));
    let servers = ["127.0.0.1:1".into(), format!("localhost:{}", address.port()), address.to_string()];
    let stop = run_client(&servers[1..], authority.host(HOST), &spool);
    let mut stored = BTreeSet::new();
    for n in 1..=N / 2 {
        let arrived = next(&mut frames).await;
        assert_eq!((arrived.host, head(&arrived.frame).unwrap().key.sequence), (HOST, n));
        if n <= 10 {
            stored.insert(n);
            acknowledge(&arrived);
        }
        // More than may be under way: the rest waits for acknowledgements.
        if n == 250 {
            break;
        }
    }
    spool.until("the first acknowledgements", |spool| spool.frames().len() as u64 == N - 10).await;
    endpoint.close(Close::Done.code().into(), b"");
    endpoint.wait_idle().await;
    drop((endpoint, frames));

    let (_endpoint, mut frames) = again(&authority, address).await;
    while (stored.len() as u64) < N {
        let arrived = next(&mut frames).await;
        stored.insert(head(&arrived.frame).unwrap().key.sequence);
        acknowledge(&arrived);
    }
    spool.until("an empty spool", |spool| spool.frames().is_empty()).await;
    // What comes later goes as well, and other answers reach the host.
    spool.frames().insert(head(&frame(HOST, N + 1)).unwrap().key, frame(HOST, N + 1));
    spool.news.notify_waiters();
    let arrived = next(&mut frames).await;
    arrived.answer(encode(&Message { host: HOST, epoch: 1, sequence: 0, payload: Payload::WantProfile }).unwrap());
    spool.until("an answer", |spool| *spool.answers.lock().unwrap() == [Payload::WantProfile]).await;
    drop(stop);
}

/// A server that is gone without a word, and its next run: a host learns of it with the next thing it says, long before silence would
/// tell.
#[test]
fn who_was_killed_is_missed_at_once() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (authority, killed, runs) = (Authority::new(), runtime(), runtime());
    let spool = Spool::of([frame(HOST, 1)]);
    let (endpoint, mut frames) = killed.block_on(async { run_server(&authority.aggregator(), "127.0.0.1:0") });
    let address = endpoint.local_addr().unwrap();
    let stop = runs.block_on(async { run_client(&[address.to_string()], authority.host(HOST), &spool) });
    killed.block_on(async { acknowledge(&next(&mut frames).await) });
    runs.block_on(spool.until("an empty spool", |spool| spool.frames().is_empty()));
    // Nobody is left who could say goodbye.
    killed.shutdown_background();
    drop((endpoint, frames));
    let (_endpoint, mut frames) = runs.block_on(again(&authority, address));
    spool.frames().insert(head(&frame(HOST, 2)).unwrap().key, frame(HOST, 2));
    spool.news.notify_waiters();
    let arrived = runs.block_on(next(&mut frames));
    assert_eq!(head(&arrived.frame).unwrap().key.sequence, 2);
    let errors = spool.errors.lock().unwrap().clone();
    assert!(matches!(errors.as_slice(), [error] if error.contains("reset by peer")), "{errors:?}");
    drop(stop);
}

/// The socket may take a moment to be free again.
async fn again(authority: &Authority, address: SocketAddr) -> (Endpoint, mpsc::Receiver<Arrived>) {
    let identity = authority.aggregator();
    let free = async {
        while std::net::UdpSocket::bind(address).is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, free).await.expect("the address becomes free");
    run_server(&identity, &address.to_string())
}

/// What the host is told. Nothing of what it sends reaches the inbox.
async fn refused(server: Identity, client: Identity, frames: Vec<Vec<u8>>) -> String {
    let (endpoint, mut arrived) = run_server(&server, "127.0.0.1:0");
    let spool = Spool::of(frames);
    let address = endpoint.local_addr().unwrap();
    let _stop = run_client(&[address.to_string()], client, &spool);
    spool.until("an error", |spool| !spool.errors.lock().unwrap().is_empty()).await;
    assert!(arrived.try_recv().is_err());
    let errors = spool.errors.lock().unwrap();
    errors[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_of_another_host_ends_the_connection() {
    let authority = Authority::new();
    let error = refused(authority.aggregator(), authority.host(HOST), vec![frame(HostId(1), 1)]).await;
    assert_eq!(error, "the other side closed the connection: Violation");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_authority_vouches_for_nobody() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    // A host of another fleet, which would believe our aggregator.
    let host = Identity { authority: ours.certificate.clone(), ..theirs.host(HOST) };
    let error = refused(ours.aggregator(), host, vec![frame(HOST, 1)]).await;
    assert!(error.starts_with("the connection is lost: "), "{error}");
    // An aggregator of another fleet, which would believe our host.
    let aggregator = Identity { authority: ours.certificate.clone(), ..theirs.aggregator() };
    let error = refused(aggregator, ours.host(HOST), vec![frame(HOST, 1)]).await;
    assert!(error.contains("invalid peer certificate"), "{error}");
    // A host's certificate makes nobody an aggregator.
    let error = refused(ours.host(HostId(7)), ours.host(HOST), vec![frame(HOST, 1)]).await;
    assert!(error.contains("invalid peer certificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_certificate_may_enrol_and_nothing_else() {
    let authority = Authority::new();
    let endpoint = listen(&authority.aggregator(), "127.0.0.1:0".parse().unwrap(), &SECRET).unwrap();
    let address = endpoint.local_addr().unwrap().to_string();
    let server = endpoint.clone();
    tokio::spawn(async move {
        while let Some(incoming) = server.accept().await {
            let Ok((connection, Peer::Newcomer)) = accept(incoming).await else { continue };
            let (asked, to) = enrol::read(&connection).await.unwrap();
            match asked.name.as_str() {
                "welcome" => enrol::answer(&connection, to, asked.request).await.unwrap(),
                _ => connection.close(Close::Refused.code().into(), b""),
            }
        }
    });
    let enrolment =
        |name: &str| Enrolment { token: [1; 16], secret: [2; 32], request: vec![3; 300], name: name.into() };
    let known = fingerprint(&authority.certificate);
    let enrolled = enrol::ask(&address, known, &enrolment("welcome")).await.unwrap();
    assert_eq!(*enrolled.certificate, [3; 300]);
    assert_eq!(enrolled.authority, authority.certificate);
    let refused = enrol::ask(&address, known, &enrolment("stranger")).await.err().unwrap();
    assert!(matches!(refused, QuicError::Closed(Close::Refused)), "{refused}");
    // Nothing is said to a server that is not of the fleet that the token names.
    let foreign = enrol::ask(&address, [0; 32], &enrolment("welcome")).await.err().unwrap();
    assert!(foreign.to_string().contains("invalid peer certificate"), "{foreign}");
    endpoint.close(Close::Done.code().into(), b"");
}

/// What the aggregator cannot read is let go, and the frames behind it arrive on the same connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_frame_holds_up_nothing() {
    let authority = Authority::new();
    let (endpoint, mut frames) = run_server(&authority.aggregator(), "127.0.0.1:0");
    let spool = Spool::of((1..=3).map(|n| frame(HOST, n)));
    let stop = run_client(&[endpoint.local_addr().unwrap().to_string()], authority.host(HOST), &spool);
    for n in 1..=3 {
        let arrived = next(&mut frames).await;
        let FrameKey { class, epoch, sequence } = head(&arrived.frame).unwrap().key;
        assert_eq!(sequence, n);
        match sequence {
            2 => {
                let payload = Payload::Refused { class, sequence };
                arrived.answer(encode(&Message { host: HOST, epoch, sequence: 0, payload }).unwrap());
            }
            _ => acknowledge(&arrived),
        }
    }
    spool.until("an empty spool", |spool| spool.frames().is_empty()).await;
    let refused = FrameKey { class: Class::Telemetry, epoch: 1, sequence: 2 };
    assert_eq!((spool.refused.lock().unwrap().as_slice(), spool.errors.lock().unwrap().len()), (&[refused][..], 0));
    drop(stop);
}

/// Beyond what it is allowed a host waits, and loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_much_waits() {
    const N: u64 = 1200;
    let authority = Authority::new();
    // Four seconds' worth pass at once, the rest in half a second.
    let allowance = Arc::new(Allowance::new(Rate { frames: 260, bytes: 0 }));
    let (endpoint, mut frames) = run_server_that_allows(&authority.aggregator(), "127.0.0.1:0", &allowance);
    let spool = Spool::of((1..=N).map(|n| frame(HOST, n)));
    let began = std::time::Instant::now();
    let stop = run_client(&[endpoint.local_addr().unwrap().to_string()], authority.host(HOST), &spool);
    for n in 1..=N {
        let arrived = next(&mut frames).await;
        assert_eq!(head(&arrived.frame).unwrap().key.sequence, n, "none is left out");
        acknowledge(&arrived);
    }
    assert!(began.elapsed() >= Duration::from_millis(600), "{:?}", began.elapsed());
    // A machine that needs longer for them anyway makes none wait.
    let (n_waited, is_slow) = (allowance.n_waited(), began.elapsed() > Duration::from_secs(4));
    assert!(n_waited <= 160 && (n_waited > 0 || is_slow), "{n_waited} waited");
    spool.until("an empty spool", |spool| spool.frames().is_empty()).await;
    assert_eq!(spool.errors.lock().unwrap().len(), 0, "the connection lasts");
    drop(stop);
}

/// Large frames of all classes take turns, and small ones pass by them.
#[tokio::test(flavor = "multi_thread")]
async fn large_frames_of_one_host_take_turns() {
    let authority = Authority::new();
    let (endpoint, mut frames) = run_server(&authority.aggregator(), "127.0.0.1:0");
    let hello = |n: u64, len: usize| {
        let hello = Hello { name: "n".into(), parameters_hash: [0; 32], version: "v".into() };
        let frame = encode(&Message { host: HOST, epoch: 1, sequence: n, payload: Payload::Hello(hello) }).unwrap();
        // A field that nobody knows makes it large.
        let (tag, length) = (0x7a, [len as u8 | 0x80, (len >> 7) as u8 | 0x80, (len >> 14) as u8]);
        [frame, [&[tag][..], &length, &vec![0; len]].concat()].concat()
    };
    let readdressed = |frame: &[u8], class| readdress(frame, FrameKey { class, ..head(frame).unwrap().key }).unwrap();
    let mut all = Vec::new();
    for class in Class::ALL {
        for n in 1..=4 {
            let len = if n % 2 == 0 { 1000 } else { 900_000 };
            // The unknown field goes with the new address: it is laid on again.
            let small = readdressed(&hello(n, 0), class);
            let padding = hello(n, len)[hello(n, 0).len() - 4..].to_vec();
            all.push([small, padding].concat());
        }
    }
    let spool = Spool::of(all);
    let stop = run_client(&[endpoint.local_addr().unwrap().to_string()], authority.host(HOST), &spool);
    for _ in 0..16 {
        acknowledge(&next(&mut frames).await);
    }
    spool.until("an empty spool", |spool| spool.frames().is_empty()).await;
    assert_eq!(spool.errors.lock().unwrap().len(), 0);
    drop(stop);
}

/// A host that does not keep to what ours does: the connection alone.
async fn connection_of(identity: Identity, server: &Endpoint) -> (quinn::Endpoint, quinn::Connection) {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.authority.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&[&rustls::version::TLS13]).unwrap().with_root_certificates(roots);
    let mut config = config.with_client_auth_cert(identity.certificates, identity.key).unwrap();
    config.alpn_protocols = vec![ALPN.into()];
    let config = quinn::crypto::rustls::QuicClientConfig::try_from(config).unwrap();
    let mut endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(config)));
    let connection = endpoint.connect(server.local_addr().unwrap(), AGGREGATOR).unwrap().await.unwrap();
    (endpoint, connection)
}

/// Who begins a large frame of each class and ends none has the aggregator hold one of them and the windows, before anything is counted.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_has_under_way_is_bounded() {
    let authority = Authority::new();
    let (server, _frames) = run_server(&authority.aggregator(), "127.0.0.1:0");
    let (_endpoint, connection) = connection_of(authority.host(HOST), &server).await;
    let (mut control, _answers) = connection.open_bi().await.unwrap();
    control.write_all(&delimited(&opening())).await.unwrap();
    let mut n_taken = 0;
    let mut streams = Vec::new();
    for _ in Class::ALL {
        let mut stream = connection.open_uni().await.unwrap();
        // The length of a frame of 1 MiB, and then all of it but the end, as long as the other side takes it.
        stream.write_all(&[0x80, 0x80, 0x40]).await.unwrap();
        let mut left = FRAME_BYTES_MAX - 1;
        while left > 0 {
            let piece = vec![0; left.min(16 << 10)];
            let Ok(written) = timeout(Duration::from_secs(1), stream.write(&piece)).await else { break };
            left -= written.unwrap();
        }
        n_taken += FRAME_BYTES_MAX - 1 - left;
        streams.push(stream);
    }
    assert!(n_taken < 3 * FRAME_BYTES_MAX / 2, "{n_taken} bytes");
    assert!(n_taken >= FRAME_BYTES_MAX - 1, "one of them is read: {n_taken} bytes");
}
