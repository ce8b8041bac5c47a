//! What kind of address it is.

use crate::{Endpoint, IpAddress, Socket};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `0.0.0.0` and `::`: none, or all of this machine.
    Unspecified,
    Loopback,
    /// 169.254.0.0/16 and fe80::/10, cloud metadata services among them.
    LinkLocal,
    /// RFC 1918, RFC 6598 and unique local addresses.
    Private,
    Multicast,
    /// Anywhere else.
    Public,
}

impl Endpoint {
    pub fn ip(&self) -> IpAddr {
        match self.address {
            IpAddress::Ipv4(bits) => IpAddr::V4(Ipv4Addr::from_bits(bits)),
            IpAddress::Ipv6((high, low)) => IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low))),
        }
    }

    pub fn class(&self) -> Class {
        let ip = self.ip();
        match ip {
            _ if ip.is_unspecified() => Class::Unspecified,
            _ if ip.is_loopback() => Class::Loopback,
            _ if ip.is_multicast() => Class::Multicast,
            IpAddr::V4(ip) if ip.is_link_local() => Class::LinkLocal,
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Class::LinkLocal,
            IpAddr::V4(ip) if ip.is_private() || ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64 => Class::Private,
            IpAddr::V6(ip) if ip.is_unique_local() => Class::Private,
            _ => Class::Public,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::net::SocketAddr::new(self.ip(), self.port).fmt(f)
    }
}

impl Socket<'_> {
    /// The other end, if it is on another machine.
    pub fn other_machine(&self) -> Option<Endpoint> {
        let is_other = |class| matches!(class, Class::Private | Class::Public | Class::LinkLocal);
        self.remote.filter(|remote| is_other(remote.class()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        let class =
            |octets: [u8; 4]| Endpoint { address: IpAddress::Ipv4(u32::from_be_bytes(octets)), port: 1 }.class();
        assert_eq!(class([127, 0, 0, 1]), Class::Loopback);
        assert_eq!(class([169, 254, 169, 254]), Class::LinkLocal);
        assert_eq!(class([100, 64, 0, 1]), Class::Private);
        assert_eq!(class([100, 128, 0, 1]), Class::Public);
        let v6 = Endpoint { address: IpAddress::Ipv6((0x2001_0db8 << 32, 1)), port: 443 };
        assert_eq!((v6.class(), v6.to_string().as_str()), (Class::Public, "[2001:db8::1]:443"));
    }
}
