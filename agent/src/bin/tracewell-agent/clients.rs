//! Connections from this machine: each on a thread of its own, so many at once and no more, none for ever.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Connections open at once at each server. For a further one the oldest is closed: whoever holds connections and asks
/// nothing keeps nobody else out.
const CLIENTS_MAX: usize = 8;
/// Threads of each server. Those of connections that were closed wait for the answer of the agent's loop; at the bound a
/// connection is closed at once.
const THREADS_MAX: usize = 32;
/// Bytes of a client's stack.
const STACK_BYTES: usize = 256 << 10;
/// How long a server that cannot accept (no descriptors are left) waits before it tries again.
const BREATH: Duration = Duration::from_millis(200);

pub trait Connection: Read + Write + Send + Sized + 'static {
    /// Bounds each of the coming reads and writes.
    fn set_timeout(&self, timeout: Duration) -> io::Result<()>;
    /// The same connection once more.
    fn again(&self) -> io::Result<Self>;
    /// Ends what waits on it.
    fn close(&self) -> io::Result<()>;
}

impl Connection for UnixStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout)).and_then(|()| self.set_write_timeout(Some(timeout)))
    }

    fn again(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn close(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}

impl Connection for TcpStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout)).and_then(|()| self.set_write_timeout(Some(timeout)))
    }

    fn again(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn close(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
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
    let serve = move || {
        let open = Open::default();
        loop {
            let Ok(mut connection) = accept() else {
                thread::park_timeout(BREATH);
                continue;
            };
            // Each thread holds the function once, and so does this loop.
            if Arc::strong_count(&client) > THREADS_MAX {
                continue;
            }
            let Ok(place) = open.take(&connection) else { continue };
            let client = Arc::clone(&client);
            let serve_one = move || {
                // A client that breaks off is no concern of ours.
                let _ = client(&mut connection);
                drop(place);
            };
            let _ = thread::Builder::new().name(name.into()).stack_size(STACK_BYTES).spawn(serve_one);
        }
    };
    thread::Builder::new().name(name.into()).stack_size(STACK_BYTES).spawn(serve).map(drop)
}

/// The connections that are open.
struct Open<C>(Arc<Mutex<Connections<C>>>);

/// Oldest first, each with its number.
struct Connections<C> {
    open: VecDeque<(u64, C)>,
    n_taken: u64,
}

/// Among those that are open, until it is dropped.
struct OpenPlace<C> {
    among: Arc<Mutex<Connections<C>>>,
    number: u64,
}

impl<C> Default for Open<C> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Connections { open: VecDeque::new(), n_taken: 0 })))
    }
}

impl<C: Connection> Open<C> {
    /// Makes room for a connection.
    fn take(&self, connection: &C) -> io::Result<OpenPlace<C>> {
        let connection = connection.again()?;
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if connections.open.len() >= CLIENTS_MAX
            && let Some((_, oldest)) = connections.open.pop_front()
        {
            // It may have ended by itself.
            let _ = oldest.close();
        }
        connections.n_taken += 1;
        let number = connections.n_taken;
        connections.open.push_back((number, connection));
        Ok(OpenPlace { among: Arc::clone(&self.0), number })
    }
}

impl<C> Drop for OpenPlace<C> {
    fn drop(&mut self) {
        let mut connections = self.among.lock().unwrap_or_else(PoisonError::into_inner);
        connections.open.retain(|(number, _)| *number != self.number);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn who_holds_connections_and_says_nothing_keeps_nobody_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let echo = |stream: &mut TcpStream| {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            stream.write_all(&byte)
        };
        serve("test", move || listener.accept().map(|(stream, _)| stream), echo).unwrap();
        let silent: Vec<_> = (0..3 * CLIENTS_MAX).map(|_| TcpStream::connect(address).unwrap()).collect();
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"a").unwrap();
        let mut answer = [0];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"a");
        // The oldest was closed for a later one.
        assert_eq!((&silent[0]).read(&mut answer).unwrap(), 0);
    }
}
