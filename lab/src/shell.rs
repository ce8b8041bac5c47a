//! The attacker's end of a reverse shell.

use crate::host::Host;
use crate::lab::Step;
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Bytes of an answer that are kept.
const ANSWER_MAX: usize = 1 << 20;

/// Waits for a shell to call.
pub struct Listener {
    listener: TcpListener,
}

pub struct Shell {
    stream: TcpStream,
    n_lines: usize,
}

impl Listener {
    pub fn new(attacker: &Host, port: u16) -> Result<Self> {
        let listener =
            attacker.inside(move || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).context("listening"))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// # Errors
    /// When none has called within 20 seconds.
    pub fn accept(&self) -> Result<Shell> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
                    return Ok(Shell { stream, n_lines: 0 });
                }
                Err(_) if Instant::now() < end => crate::lab::sleep(Duration::from_millis(20)),
                Err(error) => bail!("no shell called: {error}"),
            }
        }
    }
}

impl Shell {
    /// Says which step what follows belongs to, on a host that this shell runs on.
    pub fn begin(&mut self, step: &Step, host: &Host) -> Result<()> {
        let mark = step.mark(host)?;
        self.say(&mark).map(drop)
    }

    /// Types a line, and gives what comes until it is done.
    ///
    /// # Errors
    /// When the shell is gone or does not answer within 20 seconds.
    pub fn say(&mut self, line: &str) -> Result<String> {
        self.n_lines += 1;
        let done = format!("done-{}", self.n_lines);
        // Echoed in two parts, so that what is typed is not taken for the answer.
        let (one, two) = done.split_at(4);
        writeln!(self.stream, "{line}\necho {one}''{two}").context("typing into a shell")?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&answer).contains(&done) {
            match self.stream.read(&mut buffer).context("waiting for a shell's answer")? {
                0 => bail!("the shell is gone after {line:?}"),
                _ if answer.len() > ANSWER_MAX => bail!("an answer has at most {ANSWER_MAX} bytes"),
                n => answer.extend_from_slice(&buffer[..n]),
            }
        }
        Ok(String::from_utf8_lossy(&answer).replace(&done, ""))
    }

    /// # Errors
    /// When it is gone already.
    pub fn leave(mut self) -> Result<()> {
        writeln!(self.stream, "exit").context("leaving a shell")
    }
}
