//! Requests through io_uring, carried out by the process itself or by a worker of the kernel: the same edges.

use super::{Exception, Operation};
use crate::raw::{By, Ring};
use nix::errno::Errno;
use rustix::net::{AddressFamily, SocketType, socket};
use std::ffi::CString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const FILES: &[&str] = &["p0 io_uring", "p0 create ~/a", "p0 write ~/a, 4 B", "p0 open ~/a", "p0 read ~/a, 4 B"];
const SOCKETS: &[&str] = &[
    "p0 io_uring",
    "p0 bind tcp 127.0.0.1:A > *",
    "p0 listen tcp 127.0.0.1:A > *",
    "p0 connect tcp 127.0.0.1:B > 127.0.0.1:A",
    "p0 accept tcp 127.0.0.1:A > 127.0.0.1:B",
    "p0 send tcp 127.0.0.1:B > 127.0.0.1:A, 4 B",
    "p0 receive tcp 127.0.0.1:A > 127.0.0.1:B, 4 B",
];

pub const OPERATIONS: &[Operation] = &[
    Operation { name: FILE_NAMES[0], edges: FILES, run: |folder| files(folder, By::Submitter) },
    Operation { name: FILE_NAMES[1], edges: FILES, run: |folder| files(folder, By::Worker) },
    Operation { name: SOCKET_NAMES[0], edges: SOCKETS, run: |_| sockets(By::Submitter) },
    Operation { name: SOCKET_NAMES[1], edges: SOCKETS, run: |_| sockets(By::Worker) },
];

const FILE_NAMES: [&str; 2] = ["a file through a ring", "a file through a ring, by a worker of the kernel"];
const SOCKET_NAMES: [&str; 2] = ["TCP through a ring", "TCP through a ring, by a worker of the kernel"];

pub const EXCEPTIONS: &[Exception] = &[
    unseen_files(FILE_NAMES[0]),
    unseen_files(FILE_NAMES[1]),
    unseen_sockets(SOCKET_NAMES[0]),
    unseen_sockets(SOCKET_NAMES[1]),
];

const BECAUSE: &str = "before Linux 6.0 only that there is a ring is seen";

const fn unseen_files(operation: &'static str) -> Exception {
    Exception { operation, applies: is_before_6, because: BECAUSE, edges: &["p0 io_uring"] }
}

const fn unseen_sockets(operation: &'static str) -> Exception {
    let edges = &["p0 io_uring", "p0 bind tcp 127.0.0.1:A > *", "p0 listen tcp 127.0.0.1:A > *"];
    Exception { operation, applies: is_before_6, because: BECAUSE, edges }
}

fn is_before_6() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    release.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major < 6)
}

fn ring(by: By) -> io::Result<Ring> {
    let reason = match Ring::new(by).map_err(|error| error.raw_os_error().map(Errno::from_raw)) {
        Ok(ring) => return Ok(ring),
        Err(Some(Errno::ENOSYS)) => "this kernel has no io_uring",
        Err(Some(Errno::EPERM)) => "io_uring is forbidden here: kernel.io_uring_disabled",
        Err(error) => return Err(error.map_or(io::ErrorKind::Other.into(), io::Error::from)),
    };
    Err(io::Error::new(io::ErrorKind::Unsupported, reason))
}

fn files(folder: &Path, by: By) -> io::Result<()> {
    let path = CString::new(folder.join("a").as_os_str().as_bytes())?;
    let mut ring = ring(by)?;
    let file = ring.open(&path, libc::O_WRONLY | libc::O_CREAT)?;
    ring.write(&file, b"text")?;
    let file = ring.open(&path, libc::O_RDONLY)?;
    ring.read(&file, &mut [0; 4]).map(drop)
}

fn sockets(by: By) -> io::Result<()> {
    let mut ring = ring(by)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let SocketAddr::V4(address) = listener.local_addr()? else { return Err(io::ErrorKind::InvalidData.into()) };
    let client = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    ring.connect(&client, address)?;
    let server = ring.accept(&listener)?;
    ring.send(&client, b"text")?;
    ring.receive(&server, &mut [0; 4]).map(drop)
}
