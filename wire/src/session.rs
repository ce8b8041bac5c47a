//! What both ends of a connection keep to, without the connection: bytes and times come in as arguments.
//!
//! A host opens a control stream and says which versions it speaks ([`greeting`]); after the aggregator's welcome it sends
//! frames, [delimited](framing) by their lengths, each class on a stream of its own. [`Sender`] says which frame may be sent
//! next and which have to be sent again; [`Backoff`] how long to wait before another connection, [`Bucket`] how much may pass over time. A machine that is no host
//! yet asks to become one by an [`enrolment`].

pub mod framing;
pub mod greeting;
pub mod enrolment;
mod sender;
mod backoff;
mod bucket;
mod close;
mod token;

pub use backoff::Backoff;
pub use bucket::Bucket;
pub use close::Close;
pub use sender::{IN_FLIGHT_BYTES_MAX, IN_FLIGHT_FRAMES_MAX, Sender};
pub use token::Token;

/// The protocol of a host's connection (RFC 7301).
pub const ALPN: &[u8] = b"tracewell/1";
/// The protocol of a machine that is no host yet, and has no certificate.
pub const ALPN_ENROL: &[u8] = b"tracewell-enrol/1";
