use super::Operation;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "TCP over IPv4",
        edges: &[
            "p0 bind tcp 127.0.0.1:A > *",
            "p0 listen tcp 127.0.0.1:A > *",
            "p0 connect tcp 127.0.0.1:B > 127.0.0.1:A",
            "p0 accept tcp 127.0.0.1:A > 127.0.0.1:B",
            "p0 send tcp 127.0.0.1:B > 127.0.0.1:A, 4 B",
            "p0 receive tcp 127.0.0.1:A > 127.0.0.1:B, 4 B",
        ],
        run: |_| tcp(Ipv4Addr::LOCALHOST.into()),
    },
    Operation {
        name: "TCP over IPv6",
        edges: &[
            "p0 bind tcp ::1:A > *",
            "p0 listen tcp ::1:A > *",
            "p0 connect tcp ::1:B > ::1:A",
            "p0 accept tcp ::1:A > ::1:B",
            "p0 send tcp ::1:B > ::1:A, 4 B",
            "p0 receive tcp ::1:A > ::1:B, 4 B",
        ],
        run: |_| tcp(Ipv6Addr::LOCALHOST.into()),
    },
    Operation {
        name: "TCP that nobody takes",
        edges: &[
            "p0 bind tcp 127.0.0.1:A > *",
            "p0 listen tcp 127.0.0.1:A > *",
            "p0 connect tcp * > 127.0.0.1:A fails with 111",
        ],
        run: |_| {
            let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
            match TcpStream::connect(address) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
                outcome => outcome.map(drop),
            }
        },
    },
    Operation {
        name: "UDP over IPv4",
        edges: &[
            "p0 bind udp 127.0.0.1:A > *",
            "p0 bind udp 127.0.0.1:B > *",
            "p0 send udp 127.0.0.1:A > 127.0.0.1:B, 4 B",
            "p0 receive udp 127.0.0.1:B > 127.0.0.1:A, 4 B",
        ],
        run: |_| udp(Ipv4Addr::LOCALHOST.into()),
    },
    Operation {
        name: "UDP over IPv6",
        edges: &[
            "p0 bind udp ::1:A > *",
            "p0 bind udp ::1:B > *",
            "p0 send udp ::1:A > ::1:B, 4 B",
            "p0 receive udp ::1:B > ::1:A, 4 B",
        ],
        run: |_| udp(Ipv6Addr::LOCALHOST.into()),
    },
    Operation {
        name: "a Unix socket",
        edges: &[
            "p0 bind unix ~/socket",
            "p0 listen unix ~/socket",
            "p0 connect unix ~/socket",
            "p0 accept unix ~/socket",
            "p0 send unix ~/socket, 4 B",
            "p0 receive unix ~/socket, 4 B",
        ],
        run: unix,
    },
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
