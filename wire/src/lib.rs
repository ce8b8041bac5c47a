//! Protobuf messages between agent and aggregator, and their conversion.
//!
//! A [`Message`] is what one side has to say; [`encode`] makes it a frame and [`decode`] a message again, with every
//! limit of [`limits`] checked on both ways. A [`Transport`] carries frames: in a replay the in-memory pair of
//! [`memory_pair`], in a fleet QUIC. What the messages mean and which changes keep old readers working: `docs/wire.md`.
//!
//! What a connection keeps to is the [`session`], which does no I/O; only `quic`, a feature of its own, opens sockets and
//! reads a clock (ADR 0018). Who wants messages alone builds without it.

mod message;
mod head;
mod alert_encode;
mod alert_decode;
mod reason;
mod host;
mod inventory;
mod fleet;
mod follow;
pub mod limits;
mod scan;
mod error;
mod transport;
pub mod session;
#[cfg(feature = "quic")]
pub mod quic;

pub use error::WireError;
pub use fleet::view_hash;
pub use head::{FrameKey, Head, head, readdress};
pub use host::{Heartbeat, Hello};
pub use inventory::{Inventory, LoadedDetector};
pub use message::{Class, Message, Payload, VERSION, decode, decode_with_hash, encode};
pub use transport::{MemoryEnd, Transport, TransportError, memory_pair};

/// The generated protobuf types.
#[expect(clippy::all, reason = "generated code")]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/tracewell.v1.rs"));
}
