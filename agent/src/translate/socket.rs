use super::parse::Parsed;
use super::{Translator, text};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tracewell_event_abi::body::Socket;
use tracewell_event_abi::head::Op;
use tracewell_event_abi::segment::Kind;
use tracewell_model::{Detail, Object, Operation, ProcessRef, Protocol, SocketRef, Str};

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// include/uapi/linux/in.h.
const IPPROTO_TCP: u16 = 6;
const IPPROTO_UDP: u16 = 17;

impl Translator {
    pub(super) fn socket(&mut self, parsed: &Parsed<'_>, subject: ProcessRef) {
        let Some(socket) = parsed.body::<Socket>() else { return };
        let path = parsed.segment(Kind::Label).map(text::until_zero).filter(|path| !path.is_empty());
        let object = Object::Socket(self.socket_ref(&socket, path.map(Str::from)));
        if let Some(op) = self.socket_operation(parsed.op) {
            self.push(&parsed.head, subject, op, object, Detail::None);
        }
    }

    pub(super) fn socket_operation(&self, op: Op) -> Option<Operation> {
        Some(match op {
            Op::Connect => Operation::Connect,
            Op::Accept => Operation::Accept,
            Op::Bind => Operation::Bind,
            Op::Listen => Operation::Listen,
            Op::Send => Operation::Send,
            Op::Receive => Operation::Receive,
            Op::IoUring => Operation::IoUring,
            _ => return None,
        })
    }

    /// Identified by its number in sockfs, which /proc shows too; the kernel's cookie is only given on demand.
    pub(super) fn socket_ref(&self, socket: &Socket, path: Option<Str>) -> SocketRef {
        let protocol = match (socket.family, socket.protocol) {
            (AF_UNIX, _) => Protocol::Unix,
            (AF_INET | AF_INET6, IPPROTO_TCP) => Protocol::Tcp,
            (AF_INET | AF_INET6, IPPROTO_UDP) => Protocol::Udp,
            _ => Protocol::Other,
        };
        SocketRef {
            cookie: Some((u64::from(socket.net_namespace), socket.ino)),
            protocol,
            local: address(socket.family, &socket.local, socket.local_port),
            remote: address(socket.family, &socket.remote, socket.remote_port),
            path,
            ..SocketRef::default()
        }
    }
}

/// `None` where the socket has no address yet. Addresses of IPv4 within IPv6 are those of IPv4.
fn address(family: u16, bytes: &[u8; 16], port: u16) -> Option<SocketAddr> {
    if port == 0 && bytes.iter().all(|&byte| byte == 0) {
        return None;
    }
    let address = match family {
        AF_INET => IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])),
        AF_INET6 => Ipv6Addr::from(*bytes).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families() {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&[127, 0, 0, 1]);
        assert_eq!(address(AF_INET, &bytes, 80).unwrap().to_string(), "127.0.0.1:80");
        let mapped = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().octets();
        assert_eq!(address(AF_INET6, &mapped, 5).unwrap().to_string(), "10.0.0.1:5");
        assert_eq!(address(AF_INET6, &Ipv6Addr::LOCALHOST.octets(), 5).unwrap().to_string(), "[::1]:5");
        assert_eq!(address(AF_INET, &[0; 16], 0), None);
        assert_eq!(address(AF_INET, &[0; 16], 22).unwrap().to_string(), "0.0.0.0:22");
        assert_eq!(address(AF_UNIX, &bytes, 1), None);
    }
}
