//! What one connection may cost, and when it counts as lost.

use quinn::{TransportConfig, VarInt};
use std::sync::Arc;
use std::time::Duration;

/// A stream for each class, and what the aggregator answers.
const CLASS_STREAMS: u32 = 4;
/// Bytes of a stream that may wait to be read. A host sends some hundred bytes a second at most; over a path of 100 ms this is 640 KB a
/// second and class.
const STREAM_BYTES: u32 = 64 << 10;
/// Bytes of all streams that may wait to be read: as many as there are streams, so that no class holds up another.
const CONNECTION_BYTES: u32 = (CLASS_STREAMS + 1) * STREAM_BYTES;
/// Bytes that may wait for the other side's receipt.
const SEND_BYTES: u64 = 256 << 10;
/// Of a frame that is larger than this, one may be read at once on a connection: the others of that size wait.
pub const SMALL_FRAME_BYTES: usize = 64 << 10;
/// How long an aggregator keeps a connection on which nothing comes. A host's own keep-alive is the shorter.
const SERVER_IDLE: Duration = Duration::from_secs(1800);
/// Each step of the way to a session may take this long.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// After so long without an answer to a frame a host says it again, and then after twice as long each time, up to the longest: the
/// aggregator may have been killed since, or know the host by a port that it has no more, and sends where nobody listens.
pub const UNANSWERED: Duration = Duration::from_secs(10);
pub const UNANSWERED_LONGEST: Duration = Duration::from_secs(120);
/// A frame whose beginning has come is to be whole within this.
pub const FRAME_PATIENCE: Duration = Duration::from_secs(60);

/// Of a host, which says something at least this often, so that both sides and what lies between know that it is there.
pub fn client(keep_alive: Duration) -> Arc<TransportConfig> {
    let mut config = common();
    // Nobody may ask anything of a host.
    config.max_concurrent_bidi_streams(VarInt::from_u32(0)).max_concurrent_uni_streams(VarInt::from_u32(0));
    config.keep_alive_interval(Some(keep_alive)).max_idle_timeout(idle(keep_alive.mul_f64(2.5)));
    Arc::new(config)
}

pub fn server() -> Arc<TransportConfig> {
    let mut config = common();
    config.max_concurrent_bidi_streams(VarInt::from_u32(1));
    config.max_concurrent_uni_streams(VarInt::from_u32(CLASS_STREAMS));
    config.max_idle_timeout(idle(SERVER_IDLE));
    Arc::new(config)
}

fn common() -> TransportConfig {
    let mut config = TransportConfig::default();
    config.stream_receive_window(VarInt::from_u32(STREAM_BYTES)).receive_window(VarInt::from_u32(CONNECTION_BYTES));
    config.send_window(SEND_BYTES).datagram_receive_buffer_size(None);
    config
}

fn idle(time: Duration) -> Option<quinn::IdleTimeout> {
    Some(time.try_into().expect("it is less than 2^62 ms"))
}
