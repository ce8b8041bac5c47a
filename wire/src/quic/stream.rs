//! Frames from a stream, in bounded memory and time.

use super::QuicError;
use super::limits::FRAME_PATIENCE;
use crate::session::framing::{Framer, delimited};
use quinn::{RecvStream, SendStream};
use tokio::time::{Instant, timeout, timeout_at};

/// Bytes that are taken from a stream at once.
const PIECE_BYTES: usize = 16 << 10;

pub struct Frames {
    stream: RecvStream,
    framer: Framer,
}

impl Frames {
    pub fn new(stream: RecvStream, frame_bytes_max: usize) -> Self {
        Self { stream, framer: Framer::new(frame_bytes_max) }
    }

    /// Waits for the next frame, however long; `None` at the stream's end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, QuicError> {
        let mut deadline = None;
        loop {
            if let Some(frame) = self.framer.frame()? {
                return Ok(Some(frame));
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
