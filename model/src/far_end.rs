use crate::{EventNs, Protocol};
use std::net::SocketAddr;

/// One end of a connection whose other end stands in an alert of another host. `local` and `remote` are as the host at this
/// end sees them, times as the other host saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FarEnd {
    pub protocol: Protocol,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub first: EventNs,
    pub last: EventNs,
}
