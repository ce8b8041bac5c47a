//! The aggregator itself, beside this process: started, asked, stopped, and looked at from outside.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tracewell_wire::session::Token;

/// No answer and no start takes longer.
const PATIENCE: Duration = Duration::from_secs(480);
/// Of utime and stime in proc_pid_stat(5), as the kernel shows them everywhere (USER_HZ).
const TICKS_PER_SECOND: u64 = 100;

/// Where it keeps what it has, and where it is reached. All of it goes when this is dropped.
pub struct Place {
    folder: TempDir,
    /// Hosts connect to it.
    pub server: SocketAddr,
}

/// One run of it; killed when it is dropped.
pub struct Program {
    child: Child,
    /// From its start until it listened.
    pub started_in: Duration,
}

/// What the system says of a process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// VmRSS of proc_pid_status(5).
    pub resident_bytes: u64,
    /// In user and in kernel mode, of all threads.
    pub processor: Duration,
}

impl Place {
    /// For so many hosts. Everything else is as the program comes.
    pub fn new(n_hosts: u32) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("tracewell-fleet-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        // Taken again by each start, so that hosts find it.
        let server = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        fs::write(folder.path().join("config.toml"), format!("hosts_max = {n_hosts}\napi = \"\"\n"))?;
        Ok(Self { folder, server })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn state(&self) -> std::path::PathBuf {
        self.path().join("state")
    }

    /// Starts it, and waits until it listens.
    pub fn start(&self) -> Result<Program> {
        let path = |name: &str| self.path().join(name);
        let _ = fs::remove_file(path("notify"));
        let told = UnixDatagram::bind(path("notify"))?;
        told.set_read_timeout(Some(PATIENCE))?;
        let log = File::options().create(true).append(true).open(path("log"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_tracewell-aggregator"));
        command.arg("run").arg("--config").arg(path("config.toml")).arg("--state").arg(self.state());
        command.arg("--control").arg(self.socket()).args(["--listen", &self.server.to_string()]);
        command.env_remove("RUST_LOG").env("NOTIFY_SOCKET", path("notify"));
        let since = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let mut program = Program { child, started_in: Duration::ZERO };
        let mut state = [0; 256];
        loop {
            let n = told.recv(&mut state).context("waiting until the aggregator listens")?;
            if String::from_utf8_lossy(&state[..n]).contains("READY=1") {
                break;
            }
        }
        program.started_in = since.elapsed();
        Ok(program)
    }

    /// Asks it over its local socket (docs/api.md), and gives the answer's body.
    fn ask(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: aggregator\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { bail!("no answer to {method} {path}") };
        if !head.starts_with("HTTP/1.1 200") {
            bail!("{method} {path}: {head}\n{body}");
        }
        Ok(body.into())
    }

    /// What it counts.
    pub fn metrics(&self) -> Result<String> {
        self.ask("GET", "/metrics", "")
    }

    /// A token with which so many machines can enrol.
    pub fn token(&self, n_uses: u32) -> Result<Token> {
        let asked = json!({ "hours": 1, "uses": n_uses });
        let answer: Value = serde_json::from_str(&self.ask("POST", "/v1/tokens", &asked.to_string())?)?;
        Ok(answer["token"].as_str().context("no token in the answer")?.parse()?)
    }

    fn socket(&self) -> std::path::PathBuf {
        self.path().join("control")
    }
}

impl Program {
    pub fn usage(&self) -> Result<Usage> {
        usage(&self.child.id().to_string())
    }

    /// Stops it as a service manager does, and gives how long that took.
    pub fn stop(mut self) -> Result<Duration> {
        let since = Instant::now();
        let id = Pid::from_raw(self.child.id().cast_signed()).context("it has an id")?;
        kill_process(id, Signal::TERM)?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the aggregator ended with {status}");
        }
        Ok(since.elapsed())
    }

    /// Ends it with SIGKILL.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Of this process.
pub fn own_usage() -> Result<Usage> {
    usage("self")
}

fn usage(process: &str) -> Result<Usage> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    let resident: u64 = resident.context("no VmRSS in its status")?;
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold anything; of what is behind it, utime and stime are the 12th and 13th.
    let rest = stat.rsplit_once(')').context("no name in its stat")?.1;
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Usage { resident_bytes: resident * 1024, processor: Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND) })
}
