//! Connections from this machine: each on a thread of its own, so many at once and no more, none for ever.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Connections served at once by each server. Further ones are closed at once.
const CLIENTS_MAX: usize = 8;
/// Bytes of a client's stack.
const STACK_BYTES: usize = 256 << 10;
/// How long a server that cannot accept (no descriptors are left) waits before it tries again.
const BREATH: Duration = Duration::from_millis(200);

pub trait Connection: Read + Write + Send + 'static {
    /// Bounds each of the coming reads and writes.
    fn set_timeout(&self, timeout: Duration) -> io::Result<()>;
}

impl Connection for UnixStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout)).and_then(|()| self.set_write_timeout(Some(timeout)))
    }
}

impl Connection for TcpStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout)).and_then(|()| self.set_write_timeout(Some(timeout)))
    }
}

/// Serves connections on threads until the program ends.
///
/// # Errors
/// When no thread can be started.
pub fn serve<C: Connection>(
    name: &'static str,
    accept: impl Fn() -> io::Result<C> + Send + 'static,
    client: impl Fn(&mut C) -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<()> {
    let client = Arc::new(client);
    let serve = move || loop {
        let Ok(mut connection) = accept() else {
            thread::park_timeout(BREATH);
            continue;
        };
        // Each client holds the function once, and so does this loop.
        if Arc::strong_count(&client) > CLIENTS_MAX {
            continue;
        }
        let client = Arc::clone(&client);
        // A client that breaks off is no concern of ours.
        let serve_one = move || drop(client(&mut connection));
        let _ = thread::Builder::new().name(name.into()).stack_size(STACK_BYTES).spawn(serve_one);
    };
    thread::Builder::new().name(name.into()).stack_size(STACK_BYTES).spawn(serve).map(drop)
}

/// Reads on until `is_whole`, at most `bytes_max` bytes and for `patience` in all. `false` if the client closed before.
///
/// # Errors
/// When it takes too long or is too much.
pub fn read_until(
    connection: &mut impl Connection,
    read: &mut Vec<u8>,
    bytes_max: usize,
    patience: Duration,
    is_whole: impl Fn(&[u8]) -> bool,
) -> io::Result<bool> {
    let deadline = Instant::now() + patience;
    while !is_whole(read) {
        if read.len() >= bytes_max {
            return Err(ErrorKind::InvalidData.into());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        connection.set_timeout(left)?;
        let mut bytes = [0; 1024];
        let room = bytes.len().min(bytes_max - read.len());
        match connection.read(&mut bytes[..room]) {
            Ok(0) => return Ok(false),
            Ok(n) => read.extend_from_slice(&bytes[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
