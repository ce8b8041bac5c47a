//! Bytes as text: compressed with zstd, then base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{self, Serialize, Serializer};
use std::fmt;
use std::io::Read;
use std::sync::Arc;
use tracewell_model::CheckpointRecord;

/// At most [`CheckpointRecord::BYTES_MAX`] of them.
pub(super) struct Packed(pub Arc<[u8]>);

/// Half a second for a megabyte buys nothing; this takes some milliseconds.
const LEVEL: i32 = 3;

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let compressed = zstd::encode_all(&*self.0, LEVEL).map_err(ser::Error::custom)?;
        serializer.serialize_str(&STANDARD.encode(compressed))
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Packed;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("zstd in base64")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Packed, E> {
                unpack(text).map(Packed).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

fn unpack(text: &str) -> Result<Arc<[u8]>, String> {
    let compressed = STANDARD.decode(text).map_err(|error| format!("expected zstd in base64: {error}"))?;
    let broken = |error: std::io::Error| format!("expected zstd in base64: {error}");
    let mut decoder = zstd::Decoder::new(compressed.as_slice()).map_err(broken)?;
    // What it was compressed with asks for no larger window.
    decoder.window_log_max(23).map_err(broken)?;
    let (mut bytes, max) = (Vec::new(), CheckpointRecord::BYTES_MAX);
    decoder.take(max as u64 + 1).read_to_end(&mut bytes).map_err(broken)?;
    if bytes.len() > max {
        Err(format!("expected at most {max} bytes under the compression"))
    } else {
        Ok(bytes.into())
    }
}
