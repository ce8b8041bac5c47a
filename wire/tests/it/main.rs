//! Frames as another process would send and get them.

mod arbitrary;
mod golden;
mod limits;
mod round_trip;
mod transport;
