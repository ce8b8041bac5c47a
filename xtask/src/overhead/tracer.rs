//! What watches: started before a load, asked at its begin, stopped after it.

mod auditd;
mod perf;
mod tracewell;

use super::{Place, cpu};
use anyhow::{Context, Result};
use std::process::{Child, Command};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Tracer {
    /// Nothing
    Bare,
    Tracewell,
    /// The same system calls
    Auditd,
    /// The same without reading, writing, sending and receiving, as auditd is mostly used
    AuditdUsual,
    /// The same system calls
    Perf,
}

/// What a tracer saw and took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Operations that reached the tracer's user side, one by one or as part of a count.
    pub events: u64,
    /// Of those that it should have seen; `None` where it does not tell.
    pub lost: Option<u64>,
    /// Processor time of its own processes and, where [`cpu::Stats`] are on, BPF programs.
    pub own: Duration,
    pub peak_resident: u64,
}

pub trait Watching {
    /// Counts from now on.
    fn begin(&mut self) -> Result<()>;
    /// Returns when all that was seen is taken.
    fn settle(&mut self) -> Result<()>;
    fn stop(self: Box<Self>) -> Result<Seen>;
}

impl Tracer {
    pub const WATCHING: &[Self] = &[Self::Tracewell, Self::Auditd, Self::AuditdUsual, Self::Perf];

    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Tracewell => "Tracewell",
            Self::Auditd => "auditd",
            Self::AuditdUsual => "auditd, no reads and writes",
            Self::Perf => "perf trace",
        }
    }

    /// Why it cannot be had here.
    pub fn obstacle(self, place: &Place) -> Option<String> {
        match self {
            Self::Bare | Self::Tracewell => None,
            Self::Auditd | Self::AuditdUsual => auditd::obstacle(place),
            Self::Perf => perf::obstacle(place),
        }
    }

    pub fn start(self, place: &Place) -> Result<Box<dyn Watching>> {
        Ok(match self {
            Self::Bare => Box::new(Bare),
            Self::Tracewell => Box::new(tracewell::start(place)?),
            Self::Auditd => Box::new(auditd::start(place, auditd::Rules::Equivalent)?),
            Self::AuditdUsual => Box::new(auditd::start(place, auditd::Rules::Usual)?),
            Self::Perf => Box::new(perf::start(place)?),
        })
    }
}

struct Bare;

impl Watching for Bare {
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    fn stop(self: Box<Self>) -> Result<Seen> {
        Ok(Seen::default())
    }
}

/// A tracer's process; killed if it is not ended.
struct Process {
    child: Child,
    /// Works for nothing but this tracer.
    kernel_thread: Option<u32>,
    at_begin: Duration,
}

impl Process {
    fn start(command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("starting {:?}", command.get_program()))?;
        Ok(Self { child, kernel_thread: None, at_begin: Duration::ZERO })
    }

    fn own(&self) -> Result<Duration> {
        let kernel_thread = self.kernel_thread.map_or(Ok(Duration::ZERO), cpu::of_process)?;
        Ok(cpu::of_process(self.child.id())? + cpu::of_programs(self.child.id())? + kernel_thread)
    }

    fn begin(&mut self) -> Result<()> {
        self.at_begin = self.own()?;
        Ok(())
    }

    /// What it took since [`Self::begin`].
    fn seen(&self) -> Result<Seen> {
        let own = self.own()?.saturating_sub(self.at_begin);
        Ok(Seen { own, peak_resident: cpu::peak_resident(self.child.id())?, ..Seen::default() })
    }

    fn end(&mut self, signal: &str) -> Result<()> {
        Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status().context("ending a tracer")?;
        self.child.wait().context("waiting for a tracer to end")?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has mostly ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// System calls that the agent has handlers for, by name; those that other tracers' tables lack are left out by each.
const CALLS: &[&str] = &[
    "fork",
    "vfork",
    "clone",
    "clone3",
    "execve",
    "execveat",
    "exit_group",
    "kill",
    "tkill",
    "tgkill",
    "open",
    "creat",
    "openat",
    "openat2",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "rmdir",
    "unlinkat",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "lchown",
    "fchown",
    "fchownat",
    "utime",
    "utimes",
    "futimesat",
    "utimensat",
    "truncate",
    "ftruncate",
    "memfd_create",
    "connect",
    "accept",
    "accept4",
    "bind",
    "listen",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "capset",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "init_module",
    "finit_module",
    "bpf",
    "mount",
    "setns",
    "unshare",
];

/// Those that read, write, send and receive.
const TRANSFERS: &[&str] = &[
    "read",
    "pread64",
    "readv",
    "preadv",
    "preadv2",
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "pwritev2",
    "sendfile",
    "splice",
    "tee",
    "copy_file_range",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
];
