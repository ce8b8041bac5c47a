//! Frames as another process would send and get them.

mod arbitrary;
mod golden;
mod limits;
#[cfg(feature = "quic")]
mod quic;
mod round_trip;
mod session;
mod transport;
