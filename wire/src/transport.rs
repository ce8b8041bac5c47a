use crate::WireError;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// One end of a connection that carries whole frames in order.
pub trait Transport {
    /// # Errors
    /// When the frame is too large or the other end does not take it.
    fn send(&mut self, frame: Vec<u8>) -> Result<(), TransportError>;
    /// The next frame that has arrived, without waiting.
    fn receive(&mut self) -> Option<Vec<u8>>;
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Make the frame smaller.
    #[error(transparent)]
    Frame(#[from] WireError),
    /// Let the other end receive first.
    #[error("{queued} frames wait for the other end, no more fit")]
    Full { queued: usize },
    /// Connect again.
    #[error("connection is closed")]
    Closed,
}

/// Frames that may wait in one direction of a memory pair.
const QUEUE_MAX: usize = 65_536;

/// One end of a connection within this process. Counts what it sends.
#[derive(Debug)]
pub struct MemoryEnd {
    outgoing: Arc<Mutex<VecDeque<Vec<u8>>>>,
    incoming: Arc<Mutex<VecDeque<Vec<u8>>>>,
    bytes_sent: u64,
    frames_sent: u64,
}

/// Two ends of one connection within this process, as a replay uses it.
pub fn memory_pair() -> (MemoryEnd, MemoryEnd) {
    let (a, b) = (Arc::default(), Arc::default());
    let end = |outgoing: &Arc<_>, incoming: &Arc<_>| MemoryEnd {
        outgoing: Arc::clone(outgoing),
        incoming: Arc::clone(incoming),
        bytes_sent: 0,
        frames_sent: 0,
    };
    (end(&a, &b), end(&b, &a))
}

impl MemoryEnd {
    /// Application bytes sent from this end.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    pub fn frames_sent(&self) -> u64 {
        self.frames_sent
    }
}

impl Transport for MemoryEnd {
    fn send(&mut self, frame: Vec<u8>) -> Result<(), TransportError> {
        crate::error::at_most("frame", frame.len(), crate::limits::FRAME_BYTES_MAX)?;
        if Arc::strong_count(&self.outgoing) == 1 {
            return Err(TransportError::Closed);
        }
        let n_bytes = frame.len() as u64;
        let mut queue = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= QUEUE_MAX {
            return Err(TransportError::Full { queued: queue.len() });
        }
        queue.push_back(frame);
        self.bytes_sent += n_bytes;
        self.frames_sent += 1;
        Ok(())
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
