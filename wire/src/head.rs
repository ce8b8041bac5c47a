use crate::error::at_most;
use crate::limits::FRAME_BYTES_MAX;
use crate::message::{class_from_proto, class_to_proto};
use crate::{Class, WireError, proto};
use prost::Message as _;
use tracewell_model::HostId;

/// Under which a host's frame is known, with the host: it is stored once, and acknowledged by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameKey {
    pub class: Class,
    pub epoch: u32,
    pub sequence: u64,
}

/// What a frame says of itself: enough to keep and to send it without reading its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub host: HostId,
    pub key: FrameKey,
    pub content_hash: u64,
}

/// Reads a frame's head. The payload is neither read nor held against its hash.
///
/// # Errors
/// When the bytes are not an envelope of a known class or pass the frame's limit.
pub fn head(frame: &[u8]) -> Result<Head, WireError> {
    let envelope = envelope(frame)?;
    let got = u64::from(envelope.class.unsigned_abs());
    let class = proto::Class::try_from(envelope.class).ok().and_then(class_from_proto);
    let class = class.ok_or(WireError::Invalid { what: "class", got, expected: "a class" })?;
    let key = FrameKey { class, epoch: envelope.epoch, sequence: envelope.sequence };
    Ok(Head { host: HostId(envelope.host), key, content_hash: envelope.content_hash })
}

/// The same content under another key, for a host that starts anew with what it has not got rid of.
///
/// # Errors
/// When the bytes are not an envelope or would pass the frame's limit.
pub fn readdress(frame: &[u8], key: FrameKey) -> Result<Vec<u8>, WireError> {
    let class = class_to_proto(key.class).into();
    let envelope = proto::Envelope { epoch: key.epoch, sequence: key.sequence, class, ..envelope(frame)? };
    let frame = envelope.encode_to_vec();
    at_most("frame", frame.len(), FRAME_BYTES_MAX)?;
    Ok(frame)
}

fn envelope(frame: &[u8]) -> Result<proto::Envelope, WireError> {
    at_most("frame", frame.len(), FRAME_BYTES_MAX)?;
    Ok(proto::Envelope::decode(frame)?)
}
