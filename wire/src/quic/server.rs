//! An aggregator's end: connections in, frames of known hosts out, answers back.

use super::identity::{Identity, host_of};
use super::stream::{Frames, send};
use super::{Allowance, QuicError, Secret, limits, reset, tls};
use crate::limits::FRAME_BYTES_MAX;
use crate::session::greeting::{GREETING_BYTES_MAX, welcome};
use crate::session::{ALPN, ALPN_ENROL, Close};
use crate::{Message, Payload, encode, head};
use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, Endpoint, Incoming, RecvStream, SendStream};
use rustls::pki_types::CertificateDer;
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracewell_model::HostId;

/// Frames of one host that may wait for the aggregator at once; then its streams are not read.
const WAITING_FRAMES_MAX: usize = 16;
/// Answers that may wait for one host. A host that does not take them is not served.
const ANSWERS_MAX: usize = 64;

/// Listens for hosts. `secret` is this aggregator's, and the same in each of its runs: whoever was connected to one that was killed is
/// told by the next that the connection is no more, as soon as it says anything.
///
/// # Errors
/// When the identity is of no use or the address cannot be had.
pub fn listen(identity: &Identity, address: SocketAddr, secret: &Secret) -> Result<Endpoint, QuicError> {
    let socket = UdpSocket::bind(address)?;
    let runtime = quinn::default_runtime().ok_or_else(|| QuicError::Tls("there is no runtime".into()))?;
    Ok(Endpoint::new(reset::endpoint(secret)?, Some(tls::server(identity)?), socket, runtime)?)
}

/// Who connected, as TLS has seen it. Whether it may is for the aggregator to say.
pub enum Peer {
    Host {
        host: HostId,
        certificate: CertificateDer<'static>,
    },
    /// Has no certificate, and wants one.
    Newcomer,
    /// Wants another one than it shows.
    Renewing {
        host: HostId,
        certificate: CertificateDer<'static>,
    },
}

/// Lets a connection come about.
///
/// # Errors
/// When it does not within a while, or its certificate and its protocol do not go together.
pub async fn accept(incoming: Incoming) -> Result<(Connection, Peer), QuicError> {
    let silent = |_| QuicError::Silent { seconds: limits::PATIENCE.as_secs(), expected: "a handshake" };
    let connection = timeout(limits::PATIENCE, incoming.into_future()).await.map_err(silent)??;
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    let protocol = data.and_then(|data| data.protocol).unwrap_or_default();
    let shown = connection.peer_identity().and_then(|shown| shown.downcast::<Vec<CertificateDer<'static>>>().ok());
    let certificate = shown.and_then(|shown| shown.into_iter().next());
    let peer = match (protocol.as_slice(), certificate) {
        (ALPN, Some(certificate)) => host_of(&certificate).map(|host| Peer::Host { host, certificate }),
        (ALPN_ENROL, None) => Some(Peer::Newcomer),
        (ALPN_ENROL, Some(certificate)) => host_of(&certificate).map(|host| Peer::Renewing { host, certificate }),
        _ => None,
    };
    match peer {
        Some(peer) => Ok((connection, peer)),
        None => {
            connection.close(Close::Refused.code().into(), b"");
            Err(QuicError::Violation("a certificate that is no host's, or none"))
        }
    }
}

/// A frame that arrived. It holds its place in the inbox until it is dropped, and its host's until its answers are under way.
pub struct Arrived {
    pub host: HostId,
    pub frame: Vec<u8>,
    answers: Answers,
    connection: Connection,
    own_place: Arc<OwnedSemaphorePermit>,
    _place: OwnedSemaphorePermit,
}

/// Answers, each with the place of the frame that it is to.
type Answers = mpsc::Sender<(Vec<u8>, Arc<OwnedSemaphorePermit>)>;

impl Arrived {
    /// Answers the host that sent it. One that does not take its answers is not served any longer: it would wait for them.
    pub fn answer(&self, frame: Vec<u8>) {
        if self.answers.try_send((frame, Arc::clone(&self.own_place))).is_err() {
            self.close(Close::Overloaded);
        }
    }

    /// Ends the connection that it came on.
    pub fn close(&self, why: Close) {
        self.connection.close(why.code().into(), b"");
    }
}

/// Where frames of all hosts wait for the aggregator, bounded in bytes.
#[derive(Clone)]
pub struct Inbox {
    frames: mpsc::Sender<Arrived>,
    room: Arc<Semaphore>,
}

impl Inbox {
    /// Of at most `bytes_max` bytes, one frame at least. Gives the end from which they are taken.
    pub fn new(bytes_max: u32) -> (Self, mpsc::Receiver<Arrived>) {
        let bytes_max = (bytes_max as usize).max(FRAME_BYTES_MAX);
        // No frame has less than 16 bytes, so that the other bound is reached first.
        let (frames, taken) = mpsc::channel(bytes_max / 16);
        (Self { frames, room: Arc::new(Semaphore::new(bytes_max)) }, taken)
    }
}

/// What several hosts are told at once.
#[derive(Debug)]
pub struct Told {
    /// All that are connected, if `None`.
    pub to: Option<BTreeSet<HostId>>,
    pub payload: Payload,
}

/// Speaks with a host until that ends, tells it what several hosts are told while it is there, and lets it send as much as it is allowed.
/// Nothing it sends under another host's id is taken.
///
/// # Errors
/// Why it ended.
pub async fn serve(
    connection: &Connection,
    host: HostId,
    inbox: &Inbox,
    allowance: &Arc<Allowance>,
    mut told: broadcast::Receiver<Arc<Told>>,
) -> Result<(), QuicError> {
    let mut control = greet(connection).await?;
    let (answers, mut to_send) = mpsc::channel(ANSWERS_MAX);
    let (room, large) = (Arc::new(Semaphore::new(WAITING_FRAMES_MAX)), Arc::new(Semaphore::new(1)));
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_uni() => {
                let frames = Frames::beside(stream?, FRAME_BYTES_MAX, Arc::clone(&large));
                let to = (inbox.clone(), Arc::clone(&room), answers.clone());
                streams.spawn(take(frames, host, connection.clone(), (to, Arc::clone(allowance))));
            }
            Some((answer, _place)) = to_send.recv() => send(&mut control, &answer).await?,
            told = told.recv() => match told {
                Ok(told) if told.to.as_ref().is_none_or(|to| to.contains(&host)) => {
                    let message = Message { host, epoch: 0, sequence: 0, payload: told.payload.clone() };
                    send(&mut control, &encode(&message)?).await?;
                }
                Ok(_) => {}
                // It asks what it missed when it comes back.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Err(QuicError::Stopping),
            },
            Some(ended) = streams.join_next(), if !streams.is_empty() => {
                ended.map_err(|_| QuicError::Stopping)??;
            }
        }
    }
}

async fn greet(connection: &Connection) -> Result<SendStream, QuicError> {
    let silent = |_| QuicError::Silent { seconds: limits::PATIENCE.as_secs(), expected: "a control stream" };
    let accepted = timeout(limits::PATIENCE, connection.accept_bi()).await.map_err(silent)?;
    let (mut control, said): (SendStream, RecvStream) = accepted?;
    let opening = Frames::new(said, GREETING_BYTES_MAX).expect("an opening").await?;
    send(&mut control, &welcome(&opening)?).await?;
    Ok(control)
}

/// Where frames go: with the host's own room there, and the way back.
type To = (Inbox, Arc<Semaphore>, Answers);

/// Takes the frames of one stream as there is room for them.
async fn take(
    mut frames: Frames,
    host: HostId,
    connection: Connection,
    ((inbox, own_room, answers), allowance): (To, Arc<Allowance>),
) -> Result<(), QuicError> {
    while let Some(frame) = frames.next().await? {
        if head(&frame)?.host != host {
            return Err(QuicError::Violation("a frame of another host"));
        }
        allowance.pass(frame.len()).await;
        let n_bytes = u32::try_from(frame.len()).expect("a frame has at most 1 MiB");
        let stopping = |_| QuicError::Stopping;
        let own = Arc::clone(&own_room).acquire_owned().await.map_err(stopping)?;
        let all = Arc::clone(&inbox.room).acquire_many_owned(n_bytes).await.map_err(stopping)?;
        let (answers, connection, own_place) = (answers.clone(), connection.clone(), Arc::new(own));
        let arrived = Arrived { host, frame, answers, connection, own_place, _place: all };
        inbox.frames.send(arrived).await.map_err(|_| QuicError::Stopping)?;
    }
    Ok(())
}
