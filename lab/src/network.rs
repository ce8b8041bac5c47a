//! A switch in a network namespace of its own that all hosts hang on. No cable leads out of it: the machine's own network is
//! not touched, and no address outside the lab can be reached.

use crate::host::Host;
use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, unshare};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Hosts of the company, and the world outside it (TEST-NET-2 of RFC 5737). Each sees the other's addresses directly.
pub const INSIDE: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 20, 0, 0), 24);
pub const OUTSIDE: (Ipv4Addr, u8) = (Ipv4Addr::new(198, 51, 100, 0), 24);

type Job = Box<dyn FnOnce() + Send>;

pub struct Switch {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    n_cables: usize,
}

impl Switch {
    /// # Errors
    /// When the kernel refuses, or `ip` (iproute2) is missing.
    pub fn make() -> Result<Self> {
        let (jobs, to_do) = channel::<Job>();
        let (tell, told) = channel();
        let thread = std::thread::Builder::new().name("switch".into()).spawn(move || {
            let made = unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace");
            let made = made.and_then(|()| ip("link add name bridge type bridge"));
            let _ = tell.send(made.and_then(|()| ip("link set bridge up")));
            to_do.iter().for_each(|job| job());
        });
        told.recv().context("the switch's thread ended")??;
        Ok(Self { jobs: Some(jobs), thread: Some(thread.context("starting the switch's thread")?), n_cables: 0 })
    }

    /// Lays a cable to the host whose thread has this number; there it is `eth0`.
    pub fn plug_in(&mut self, host_thread: u32) -> Result<()> {
        self.n_cables += 1;
        let port = format!("port{}", self.n_cables);
        let (tell, told) = channel();
        let job: Job = Box::new(move || {
            let made = ip(&format!("link add name {port} type veth peer name eth0 netns {host_thread}"));
            let _ = tell.send(made.and_then(|()| ip(&format!("link set {port} master bridge up"))));
        });
        self.jobs.as_ref().context("the switch has ended")?.send(job).ok().context("the switch has ended")?;
        told.recv().context("the switch has ended")?
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whether an address belongs to the lab.
pub fn is_in_lab(address: Ipv4Addr) -> bool {
    [INSIDE, OUTSIDE].iter().any(|(net, bits)| {
        let mask = u32::MAX << (32 - bits);
        u32::from(address) & mask == u32::from(*net) & mask
    })
}

fn ip(line: &str) -> Result<()> {
    let output = Command::new("ip").args(line.split(' ')).stdin(Stdio::null()).output().context("starting ip")?;
    if !output.status.success() {
        bail!("ip {line}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Asks a web server in the lab from a host that the launcher acts for, and gives the body.
///
/// # Errors
/// When there is no answer within ten seconds.
pub fn get(from: &Host, to: Ipv4Addr, port: u16, path: &str) -> Result<String> {
    http(from, to, port, &format!("GET {} HTTP/1.0\r\nHost: {to}\r\n\r\n", escaped(path)), Vec::new())
}

/// Like [`get`], with something to post.
///
/// # Errors
/// As [`get`].
pub fn post(from: &Host, to: Ipv4Addr, port: u16, path: &str, body: &[u8]) -> Result<String> {
    let length = body.len();
    let head = format!("POST {} HTTP/1.0\r\nHost: {to}\r\nContent-Length: {length}\r\n\r\n", escaped(path));
    http(from, to, port, &head, body.to_vec())
}

fn http(from: &Host, to: Ipv4Addr, port: u16, head: &str, body: Vec<u8>) -> Result<String> {
    let head = head.to_owned();
    from.inside(move || {
        let mut stream = TcpStream::connect((to, port)).context("connecting")?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)?;
        let mut answer = Vec::new();
        stream.take(1 << 20).read_to_end(&mut answer).context("waiting for the answer")?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(answer))
    })
}

fn escaped(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/?=.-_;&".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
