//! Frames on a stream: the length as a varint, then as many bytes.

use crate::WireError;

/// Bytes of a length: what 1 MiB needs, and no more than 2 MiB could be said in.
const LENGTH_BYTES_MAX: usize = 3;

/// A frame with its length before it.
pub fn delimited(frame: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(frame.len() + LENGTH_BYTES_MAX);
    let mut len = frame.len();
    while len >= 0x80 {
        bytes.push(len as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.extend_from_slice(frame);
    bytes
}

/// Finds the frames in a stream's bytes. Holds one frame that is not whole yet, and what came in one piece with its end.
#[derive(Debug)]
pub struct Framer {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Framer {
    /// For frames of at most `bytes_max` bytes, up to 2 MiB.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_max }
    }

    /// Takes a piece of the stream. All frames in it are to be taken before the next.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// The next frame, if all of it has come.
    ///
    /// # Errors
    /// When a frame is empty or longer than it may be, which its length says before the rest has come. The stream is then of
    /// no use.
    pub fn frame(&mut self) -> Result<Option<Vec<u8>>, WireError> {
        let Some((len, n_before)) = self.length()? else { return Ok(None) };
        let end = n_before + len;
        if self.bytes.len() < end {
            return Ok(None);
        }
        // An idle connection holds nothing, and what is read once is not held twice.
        let rest = self.bytes.split_off(end);
        let mut frame = std::mem::replace(&mut self.bytes, rest);
        frame.drain(..n_before);
        Ok(Some(frame))
    }

    /// Bytes of the frame that has begun, once they are said; 0 before.
    ///
    /// # Errors
    /// As [`Self::frame`].
    pub fn begun(&self) -> Result<usize, WireError> {
        Ok(self.length()?.map_or(0, |(len, _)| len))
    }

    /// Whether the stream may end here.
    pub fn is_between_frames(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The length of the next frame, and the bytes that say it.
    fn length(&self) -> Result<Option<(usize, usize)>, WireError> {
        let mut len = 0;
        for at in 0..LENGTH_BYTES_MAX {
            let Some(byte) = self.bytes.get(at) else { return Ok(None) };
            len |= usize::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 != 0 {
                continue;
            }
            if len == 0 {
                return Err(WireError::Missing { what: "content of a frame" });
            }
            crate::error::at_most("frame", len, self.bytes_max)?;
            return Ok(Some((len, at + 1)));
        }
        Err(WireError::TooLarge { what: "length of a frame", got: LENGTH_BYTES_MAX + 1, max: LENGTH_BYTES_MAX })
    }
}
