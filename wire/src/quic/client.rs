//! A host's end: one connection to the first server that takes it, made anew when it is lost.

use super::identity::{AGGREGATOR, Identity};
use super::stream::{Frames, send};
use super::{QuicError, limits, tls};
use crate::limits::FRAME_BYTES_MAX;
use crate::session::greeting::{check_welcome, opening};
use crate::session::{Backoff, Close, Sender};
use crate::{Class, FrameKey, Payload, decode};
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Where frames wait until they are acknowledged, and where answers go. It is asked from the runtime's thread and must not
/// wait for the network.
pub trait Outgoing: Sync {
    /// The first frame of a class after a key.
    fn next(&self, class: Class, after: Option<FrameKey>) -> Option<(FrameKey, Vec<u8>)>;
    /// The frame is stored by the aggregator.
    fn acknowledged(&self, key: FrameKey);
    /// The aggregator cannot read the frame's content: it is lost.
    fn refused(&self, key: FrameKey);
    /// Anything else that the aggregator sent.
    fn arrived(&self, frame: Vec<u8>);
    /// Told (`notify_waiters`) when there is another frame.
    fn news(&self) -> &Notify;
    /// A server has welcomed this host.
    fn connected(&self, server: &str);
    /// None of the servers could be had, or the connection was lost.
    fn disconnected(&self, error: &QuicError);
}

#[derive(Clone)]
pub struct Options {
    /// Names or addresses with ports, tried in this order.
    pub servers: Vec<String>,
    pub identity: Identity,
    pub keep_alive: Duration,
}

/// Sends what there is until `stop`.
///
/// # Errors
/// When the identity is of no use or there is no socket to be had; not when no server is.
pub async fn run(options: &Options, outgoing: &impl Outgoing, stop: impl Future<Output = ()>) -> Result<(), QuicError> {
    let endpoint = endpoint()?;
    tokio::select! {
        ended = run_on(&endpoint, options, outgoing) => ended?,
        () = stop => {}
    }
    endpoint.close(Close::Done.code().into(), b"");
    // The other side learns of it, or finds out.
    let _ = timeout(Duration::from_secs(1), endpoint.wait_idle()).await;
    Ok(())
}

/// Sends what there is for ever, over a socket that other hosts may share.
///
/// # Errors
/// When the identity is of no use.
pub async fn run_on(endpoint: &Endpoint, options: &Options, outgoing: &impl Outgoing) -> Result<(), QuicError> {
    let config = tls::client(&options.identity, options.keep_alive)?;
    keep_connected(endpoint, &config, &options.servers, outgoing).await;
    Ok(())
}

/// A socket for connections to either family, where the machine has both.
pub(super) fn endpoint() -> Result<Endpoint, QuicError> {
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).or_else(|_| UdpSocket::bind(("0.0.0.0", 0)))?;
    let runtime = quinn::default_runtime().ok_or_else(|| QuicError::Tls("there is no runtime".into()))?;
    Ok(Endpoint::new(quinn::EndpointConfig::default(), None, socket, runtime)?)
}

/// Connects to the first of a server's addresses that answers.
pub(super) async fn connect(endpoint: &Endpoint, config: &ClientConfig, server: &str) -> Result<Connection, QuicError> {
    let failed = |why: String| QuicError::Server { server: server.into(), why };
    let is_six = endpoint.local_addr()?.is_ipv6();
    let addresses = tokio::net::lookup_host(server).await.map_err(|error| failed(error.to_string()))?;
    let mut last = failed("it has no address of a family that this machine has".into());
    for address in addresses {
        let address = match address {
            // A socket of the newer family reaches the older one by such an address.
            SocketAddr::V4(four) if is_six => SocketAddr::from((four.ip().to_ipv6_mapped(), four.port())),
            SocketAddr::V6(_) if !is_six => continue,
            address => address,
        };
        let connecting = endpoint.connect_with(config.clone(), address, AGGREGATOR)?;
        match timeout(limits::PATIENCE, connecting).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => last = error.into(),
            Err(_) => last = QuicError::Silent { seconds: limits::PATIENCE.as_secs(), expected: "a handshake" },
        }
    }
    Err(last)
}

async fn keep_connected(endpoint: &Endpoint, config: &ClientConfig, servers: &[String], outgoing: &impl Outgoing) {
    let mut backoff = Backoff::default();
    loop {
        for server in servers {
            let error = match connect(endpoint, config, server).await {
                Ok(connection) => {
                    let error = session(&connection, server, outgoing, &mut backoff).await;
                    connection.close(error.close().code().into(), b"");
                    error
                }
                Err(error) => error,
            };
            outgoing.disconnected(&error);
        }
        // Any number will do, so long as hosts differ in it; the keys of a new hasher are random.
        sleep(backoff.failed(RandomState::new().hash_one(0))).await;
    }
}

/// What is under way on a connection.
#[derive(Default)]
struct Flow {
    sender: Mutex<Sender>,
    /// For each class, that a frame of it was acknowledged: another may be sent. What comes anew is told to all (`Outgoing::news`).
    room: [Notify; Class::ALL.len()],
}

impl Flow {
    fn sender(&self) -> MutexGuard<'_, Sender> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, class: Class) -> &Notify {
        &self.room[class as usize]
    }
}

/// Speaks with an aggregator until that ends, and says why.
async fn session(connection: &Connection, server: &str, outgoing: &impl Outgoing, backoff: &mut Backoff) -> QuicError {
    let (_control, answers) = match greet(connection).await {
        Ok(streams) => streams,
        Err(error) => return error,
    };
    backoff.succeeded();
    outgoing.connected(server);
    let flow = Flow::default();
    let lane = |class| lane(connection, class, outgoing, &flow);
    tokio::select! {
        Err(error) = lane(Class::Control) => error,
        Err(error) = lane(Class::Alert) => error,
        Err(error) = lane(Class::Profile) => error,
        Err(error) = lane(Class::Telemetry) => error,
        Err(error) = listen(answers, outgoing, &flow) => error,
        error = connection.closed() => error.into(),
    }
}

async fn greet(connection: &Connection) -> Result<(SendStream, Frames), QuicError> {
    let (mut control, answers): (SendStream, RecvStream) = connection.open_bi().await?;
    send(&mut control, &opening()).await?;
    let mut answers = Frames::new(answers, FRAME_BYTES_MAX);
    check_welcome(&answers.expect("a welcome").await?)?;
    Ok((control, answers))
}

/// Sends the frames of one class as they come.
async fn lane(connection: &Connection, class: Class, outgoing: &impl Outgoing, flow: &Flow) -> Result<(), QuicError> {
    let (mut stream, mut patience) = (None, limits::UNANSWERED);
    loop {
        // Or what comes between the look and the wait would wait for what comes next.
        let news = outgoing.news().notified();
        tokio::pin!(news);
        news.as_mut().enable();
        let after = flow.sender().next(class);
        let Some((key, frame)) = after.and_then(|after| outgoing.next(class, after)) else {
            let is_waiting = flow.sender().is_waiting(class);
            tokio::select! {
                () = news => {}
                () = flow.room(class).notified() => patience = limits::UNANSWERED,
                () = sleep(patience), if is_waiting => {
                    patience = (patience * 2).min(limits::UNANSWERED_LONGEST);
                    let first = outgoing.next(class, None).filter(|(key, _)| flow.sender().is_in_flight(*key));
                    if let (Some((_, frame)), Some(stream)) = (first, &mut stream) {
                        send(stream, &frame).await?;
                    }
                }
            }
            continue;
        };
        flow.sender().sent(key, frame.len());
        if stream.is_none() {
            let opened = connection.open_uni().await?;
            // Higher first; there is room for others between.
            let _ = opened.set_priority(-10 * class as i32);
            stream = Some(opened);
        }
        send(stream.as_mut().expect("it was just opened"), &frame).await?;
    }
}

async fn listen(mut answers: Frames, outgoing: &impl Outgoing, flow: &Flow) -> Result<(), QuicError> {
    while let Some(frame) = answers.next().await? {
        let message = decode(&frame)?;
        let key = |class, sequence| FrameKey { class, epoch: message.epoch, sequence };
        let key = match message.payload {
            Payload::Acknowledgement { class, sequence } => {
                outgoing.acknowledged(key(class, sequence));
                key(class, sequence)
            }
            Payload::Refused { class, sequence } => {
                outgoing.refused(key(class, sequence));
                key(class, sequence)
            }
            Payload::NewEpoch { .. } => {
                outgoing.arrived(frame);
                // What was sent has other numbers now, and its old ones are never acknowledged.
                flow.sender().begin();
                outgoing.news().notify_waiters();
                continue;
            }
            _ => {
                outgoing.arrived(frame);
                continue;
            }
        };
        flow.sender().acknowledged(key);
        flow.room(key.class).notify_one();
    }
    Err(QuicError::Violation("an end to its answers"))
}
