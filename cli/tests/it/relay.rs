//! A network that fails: what passes here between hosts and an aggregator is lost, doubled, held up and overtaken; the line is cut for a
//! while, and hosts come from another port. What is done to the nth datagram follows from a seed.

use crate::fleet::PATIENCE;
use crate::namespaces::Namespace;
use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// Hosts whose datagrams pass; those of others are lost.
const HOSTS_MAX: usize = 64;
/// Datagrams that are held up at once; more are lost.
const HELD_MAX: usize = 4096;
/// No UDP datagram is longer.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// What becomes of a datagram, with how often it does.
const FATES: [(Fate, u32); 4] = [(Fate::Passes, 80), (Fate::IsLost, 5), (Fate::IsDoubled, 5), (Fate::IsHeldUp, 10)];
/// Milliseconds that one is held up for; meanwhile others overtake it.
const HELD_MS: RangeInclusive<u64> = 1..=40;
/// Milliseconds between two faults of the line, and how long a cut lasts.
const UNHARMED_MS: RangeInclusive<u64> = 50..=500;
const CUT_MS: RangeInclusive<u64> = 20..=400;

#[derive(Clone, Copy)]
enum Fate {
    Passes,
    IsLost,
    IsDoubled,
    IsHeldUp,
}

/// How often what was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub passed: u64,
    pub lost: u64,
    pub doubled: u64,
    pub held_up: u64,
    /// Cuts, and the datagrams that they cost.
    pub cuts: u64,
    pub lost_by_cuts: u64,
    /// A host came from another port.
    pub rebound: u64,
}

/// Stops when it is dropped, and by itself after a while.
pub struct Relay {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Counts>>,
}

impl Relay {
    /// Within a namespace, from a port of its own to an aggregator.
    pub fn start(within: &Namespace, address: SocketAddr, aggregator: SocketAddr, seed: u64) -> Self {
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it can be built");
        let start = move || {
            let front = std::net::UdpSocket::bind(address).expect("the namespace has that address");
            front.set_nonblocking(true).expect("it can be");
            thread::spawn(move || {
                runtime.block_on(async {
                    let front = UdpSocket::from_std(front).expect("it does not block");
                    Line::new(front, aggregator, seed).run(stopped).await
                })
            })
        };
        Self { stop: Some(stop), thread: Some(within.inside(start)) }
    }

    pub fn end(mut self) -> Counts {
        self.stop = None;
        self.thread.take().expect("it was not ended").join().expect("it does not panic")
    }
}

/// A datagram on its way: from a host, or to it.
struct Datagram {
    host: SocketAddr,
    is_up: bool,
    bytes: Vec<u8>,
}

/// What a host is seen as behind the relay. Answers are read until it is dropped.
struct Outward {
    socket: Arc<UdpSocket>,
    reader: AbortHandle,
}

impl Drop for Outward {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

struct Line {
    front: UdpSocket,
    aggregator: SocketAddr,
    random: ChaCha8Rng,
    outward: BTreeMap<SocketAddr, Outward>,
    /// Answers, as they come.
    answers: (mpsc::Sender<Datagram>, mpsc::Receiver<Datagram>),
    /// By when they go on; the number is of `datagrams`.
    held: BinaryHeap<Reverse<(Instant, u64)>>,
    datagrams: BTreeMap<u64, Datagram>,
    n_held: u64,
    cut_until: Instant,
    counts: Counts,
}

impl Line {
    fn new(front: UdpSocket, aggregator: SocketAddr, seed: u64) -> Self {
        Self {
            front,
            aggregator,
            random: ChaCha8Rng::seed_from_u64(seed),
            outward: BTreeMap::new(),
            answers: mpsc::channel(HELD_MAX),
            held: BinaryHeap::new(),
            datagrams: BTreeMap::new(),
            n_held: 0,
            cut_until: Instant::now(),
            counts: Counts::default(),
        }
    }

    async fn run(mut self, mut stopped: oneshot::Receiver<()>) -> Counts {
        let end = Instant::now() + PATIENCE;
        let mut next_fault = self.next_fault();
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let next_held = self.held.peek().map_or(end, |Reverse((due, _))| *due);
            tokio::select! {
                _ = &mut stopped => return self.counts,
                () = sleep_until(end) => return self.counts,
                () = sleep_until(next_fault) => {
                    self.fault().await;
                    next_fault = self.next_fault();
                }
                () = sleep_until(next_held), if next_held < end => {
                    let due = self.held.pop().and_then(|Reverse((_, n))| self.datagrams.remove(&n));
                    self.pass(due.expect("it is held")).await;
                }
                received = self.front.recv_from(&mut buffer) => match received {
                    Ok((n, host)) => self.take(Datagram { host, is_up: true, bytes: buffer[..n].to_vec() }).await,
                    // Somebody that it was sent to has gone.
                    Err(_) => sleep(Duration::from_millis(1)).await,
                },
                answer = self.answers.1.recv() => self.take(answer.expect("this end is kept")).await,
            }
        }
    }

    fn next_fault(&mut self) -> Instant {
        Instant::now() + Duration::from_millis(self.random.random_range(UNHARMED_MS))
    }

    async fn fault(&mut self) {
        if self.random.random() {
            self.cut_until = Instant::now() + Duration::from_millis(self.random.random_range(CUT_MS));
            self.counts.cuts += 1;
        } else if let Some(host) = self.outward.keys().copied().choose(&mut self.random) {
            self.outward.remove(&host);
            self.bind(host).await.expect("there are ports");
            self.counts.rebound += 1;
        }
    }

    async fn take(&mut self, datagram: Datagram) {
        if Instant::now() < self.cut_until {
            self.counts.lost_by_cuts += 1;
            return;
        }
        match FATES.choose_weighted(&mut self.random, |(_, weight)| *weight).expect("there are weights").0 {
            Fate::Passes => self.pass(datagram).await,
            Fate::IsDoubled => {
                self.counts.doubled += 1;
                let Datagram { host, is_up, ref bytes } = datagram;
                self.pass(Datagram { host, is_up, bytes: bytes.clone() }).await;
                self.pass(datagram).await;
            }
            Fate::IsHeldUp if self.held.len() < HELD_MAX => {
                self.counts.held_up += 1;
                self.n_held += 1;
                let due = Instant::now() + Duration::from_millis(self.random.random_range(HELD_MS));
                self.held.push(Reverse((due, self.n_held)));
                self.datagrams.insert(self.n_held, datagram);
            }
            Fate::IsLost | Fate::IsHeldUp => self.counts.lost += 1,
        }
    }

    /// A datagram that cannot be sent is lost, as on any network.
    async fn pass(&mut self, Datagram { host, is_up, bytes }: Datagram) {
        let sent = match (is_up, self.outward.get(&host)) {
            (false, _) => self.front.send_to(&bytes, host).await,
            (true, Some(outward)) => outward.socket.send_to(&bytes, self.aggregator).await,
            (true, None) if self.outward.len() >= HOSTS_MAX => Ok(0),
            (true, None) => match self.bind(host).await {
                Ok(socket) => socket.send_to(&bytes, self.aggregator).await,
                Err(error) => Err(error),
            },
        };
        self.counts.passed += u64::from(sent.is_ok_and(|n| n > 0));
    }

    /// Gives a host a port towards the aggregator.
    async fn bind(&mut self, host: SocketAddr) -> io::Result<Arc<UdpSocket>> {
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?);
        let (reading, answers) = (Arc::clone(&socket), self.answers.0.clone());
        let read = async move {
            let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
            loop {
                match reading.recv_from(&mut buffer).await {
                    Ok((n, _)) => {
                        let answer = Datagram { host, is_up: false, bytes: buffer[..n].to_vec() };
                        if answers.send(answer).await.is_err() {
                            return;
                        }
                    }
                    // The aggregator is away.
                    Err(_) => sleep(Duration::from_millis(1)).await,
                }
            }
        };
        let reader = tokio::spawn(read).abort_handle();
        self.outward.insert(host, Outward { socket: Arc::clone(&socket), reader });
        Ok(socket)
    }
}
