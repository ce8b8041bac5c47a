//! The UDP sockets that hosts share, each at an address of its own, with what goes through them.
//!
//! Hosts of a fleet have addresses of their own, and the aggregator gives an address a part of its places only; there is no room for
//! ten thousand sockets in one process, but for some hundred addresses of the loopback network.

use anyhow::Result;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Endpoint, EndpointConfig, Runtime as _, TokioRuntime, UdpPoller};
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// One for every so many hosts.
const HOSTS_A_SOCKET: usize = 50;

/// Of all sockets: payload of UDP, and datagrams.
#[derive(Debug, Default)]
pub struct Traffic {
    sent: AtomicU64,
    sent_datagrams: AtomicU64,
    received: AtomicU64,
    received_datagrams: AtomicU64,
}

/// [`Traffic`] at one moment, seen from the hosts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    pub bytes: u64,
    pub datagrams: u64,
}

impl Traffic {
    /// Both ways.
    pub fn now(&self) -> Counted {
        let sum = |a: &AtomicU64, b: &AtomicU64| a.load(Ordering::Relaxed) + b.load(Ordering::Relaxed);
        Counted {
            bytes: sum(&self.sent, &self.received),
            datagrams: sum(&self.sent_datagrams, &self.received_datagrams),
        }
    }
}

impl Counted {
    pub fn since(self, before: Self) -> Self {
        Self { bytes: self.bytes - before.bytes, datagrams: self.datagrams - before.datagrams }
    }
}

/// Sockets for so many hosts. To be called within a runtime.
pub fn open(n_hosts: usize, traffic: &Arc<Traffic>) -> Result<Vec<Endpoint>> {
    let one = |n: usize| {
        let [_, b, c, d] = u32::try_from(n + 1)?.to_be_bytes();
        // 127.1.0.1 and up: a machine's own services are at 127.0.0.x.
        let socket = UdpSocket::bind((Ipv4Addr::new(127, b + 1, c, d), 0))?;
        let inner = TokioRuntime.wrap_udp_socket(socket)?;
        let counting = Arc::new(Counting { inner, traffic: Arc::clone(traffic) });
        Ok(Endpoint::new_with_abstract_socket(EndpointConfig::default(), None, counting, Arc::new(TokioRuntime))?)
    };
    (0..n_hosts.div_ceil(HOSTS_A_SOCKET)).map(one).collect()
}

/// A socket that counts.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn AsyncUdpSocket>,
    traffic: Arc<Traffic>,
}

impl AsyncUdpSocket for Counting {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.inner.try_send(transmit)?;
        let len = transmit.contents.len();
        self.traffic.sent.fetch_add(len as u64, Ordering::Relaxed);
        let n = transmit.segment_size.map_or(1, |size| len.div_ceil(size));
        self.traffic.sent_datagrams.fetch_add(n as u64, Ordering::Relaxed);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let polled = self.inner.poll_recv(cx, bufs, meta);
        if let Poll::Ready(Ok(n)) = &polled {
            for meta in meta.iter().take(*n) {
                self.traffic.received.fetch_add(meta.len as u64, Ordering::Relaxed);
                let n = meta.len.div_ceil(meta.stride.max(1));
                self.traffic.received_datagrams.fetch_add(n as u64, Ordering::Relaxed);
            }
        }
        polled
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}
