use super::Operation;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use tracewell_event_abi::head::Op;

const TCP: &[Op] = &[Op::Bind, Op::Listen, Op::Connect, Op::Accept, Op::Send, Op::Receive];

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "TCP over IPv4", ops: TCP, run: |_| tcp(Ipv4Addr::LOCALHOST.into()) },
    Operation { name: "TCP over IPv6", ops: TCP, run: |_| tcp(Ipv6Addr::LOCALHOST.into()) },
    Operation { name: "UDP over IPv4", ops: &[Op::Send, Op::Receive], run: |_| udp(Ipv4Addr::LOCALHOST.into()) },
    Operation { name: "UDP over IPv6", ops: &[Op::Send, Op::Receive], run: |_| udp(Ipv6Addr::LOCALHOST.into()) },
    Operation { name: "a Unix socket", ops: TCP, run: unix },
];

fn tcp(address: IpAddr) -> io::Result<()> {
    let listener = TcpListener::bind((address, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    exchange(client, server)
}

fn udp(address: IpAddr) -> io::Result<()> {
    let (one, other) = (UdpSocket::bind((address, 0))?, UdpSocket::bind((address, 0))?);
    one.send_to(b"text", other.local_addr()?)?;
    other.recv_from(&mut [0; 4]).map(drop)
}

fn unix(folder: &Path) -> io::Result<()> {
    let path = folder.join("socket");
    let listener = UnixListener::bind(&path)?;
    let client = UnixStream::connect(&path)?;
    let (server, _) = listener.accept()?;
    exchange(client, server)
}

fn exchange(mut from: impl Write, mut to: impl Read) -> io::Result<()> {
    from.write_all(b"text")?;
    to.read_exact(&mut [0; 4])
}
