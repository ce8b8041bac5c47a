//! Frames from a stream, in bounded memory and time.

use super::QuicError;
use super::limits::{FRAME_PATIENCE, SMALL_FRAME_BYTES};
use crate::session::framing::{Framer, delimited};
use quinn::{RecvStream, SendStream};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// Bytes that are taken from a stream at once.
const PIECE_BYTES: usize = 16 << 10;

pub struct Frames {
    stream: RecvStream,
    framer: Framer,
    /// Shared by the streams of a connection: who may read a large frame.
    large: Option<Arc<Semaphore>>,
    /// Held until the next frame is asked for: the last one is counted elsewhere then.
    reads_large: Option<OwnedSemaphorePermit>,
}

impl Frames {
    pub fn new(stream: RecvStream, frame_bytes_max: usize) -> Self {
        Self { stream, framer: Framer::new(frame_bytes_max), large: None, reads_large: None }
    }

    /// Of one stream beside others that `large` is shared with: of their large frames one is read at once.
    pub fn beside(stream: RecvStream, frame_bytes_max: usize, large: Arc<Semaphore>) -> Self {
        Self { large: Some(large), ..Self::new(stream, frame_bytes_max) }
    }

    /// Waits for the next frame, however long; `None` at the stream's end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, QuicError> {
        let mut deadline = None;
        self.reads_large = None;
        loop {
            if let Some(frame) = self.framer.frame()? {
                return Ok(Some(frame));
            }
            if let Some(large) = &self.large
                && self.reads_large.is_none()
                && self.framer.begun()? > SMALL_FRAME_BYTES
            {
                let permit = Arc::clone(large).acquire_owned().await.map_err(|_| QuicError::Stopping)?;
                // It was not the host that was slow.
                (self.reads_large, deadline) = (Some(permit), None);
            }
            let piece = match self.framer.is_between_frames() {
                true => self.stream.read_chunk(PIECE_BYTES, true).await?,
                // Who begins a frame and does not end it holds memory.
                false => {
                    let until = *deadline.get_or_insert_with(|| Instant::now() + FRAME_PATIENCE);
                    let piece = timeout_at(until, self.stream.read_chunk(PIECE_BYTES, true)).await;
                    piece.map_err(|_| QuicError::Violation("only the beginning of a frame"))??
                }
            };
            match piece {
                Some(piece) => self.framer.push(&piece.bytes),
                None if self.framer.is_between_frames() => return Ok(None),
                None => return Err(QuicError::Violation("a frame without its end")),
            }
        }
    }

    /// Waits for the next frame for a while.
    pub async fn expect(&mut self, expected: &'static str) -> Result<Vec<u8>, QuicError> {
        let patience = super::limits::PATIENCE;
        let silent = |_| QuicError::Silent { seconds: patience.as_secs(), expected };
        let frame = timeout(patience, self.next()).await.map_err(silent)??;
        frame.ok_or(QuicError::Violation("an end to a stream that was needed"))
    }
}

pub async fn send(stream: &mut SendStream, frame: &[u8]) -> Result<(), QuicError> {
    Ok(stream.write_all(&delimited(frame)).await?)
}
