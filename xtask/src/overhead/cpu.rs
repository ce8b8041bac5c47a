//! Processor time: of the machine (`/proc/stat`), of a process (its clock), and of the BPF programs that a process
//! holds (`run_time_ns` in `/proc/PID/fdinfo`, kernel/bpf/syscall.c).

use super::text_of;
use anyhow::{Context, Result};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `USER_HZ` is 100 on every architecture that Linux is built for but alpha.
const TICK: Duration = Duration::from_millis(10);

const STATS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// Whether the kernel takes the time of BPF programs, for as long as this lives.
pub struct Stats {
    before: String,
}

impl Stats {
    pub fn on(is_on: bool) -> Result<Self> {
        let before = text_of(Path::new(STATS))?;
        fs::write(STATS, if is_on { "1" } else { "0" }).context("setting kernel.bpf_stats_enabled")?;
        Ok(Self { before })
    }
}

impl Drop for Stats {
    fn drop(&mut self) {
        // Nothing can be done where it cannot be put back.
        let _ = fs::write(STATS, &self.before);
    }
}

/// Processor time that the machine was not idle, since it was booted. Unit of the kernel's count: 10 ms.
pub fn busy() -> Result<Duration> {
    let text = text_of(Path::new("/proc/stat"))?;
    let fields =
        text.lines().next().and_then(|line| line.strip_prefix("cpu ")).context("/proc/stat has no line cpu")?;
    let ticks: Vec<u64> = fields.split_whitespace().map_while(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq: proc_stat(5).
    let [user, nice, system, _, _, irq, soft, ..] = ticks[..] else { anyhow::bail!("/proc/stat: {fields}") };
    Ok(TICK * u32::try_from(user + nice + system + irq + soft).context("ticks")?)
}

/// A process's own time, in user and in kernel mode, with that of its threads that ended: clock_getcpuclockid(3).
pub fn of_process(pid: u32) -> Result<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid.cast_signed())).context("a process's clock")?;
    Ok(clock.now().context("reading a process's clock")?.into())
}

/// Time of the BPF programs that a process holds, while [`Stats`] are on.
pub fn of_programs(pid: u32) -> Result<Duration> {
    let folder = proc(pid).join("fdinfo");
    let mut ns = 0;
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        // A descriptor may be closed meanwhile.
        let Ok(text) = fs::read_to_string(entry?.path()) else { continue };
        let time = text.lines().find_map(|line| line.strip_prefix("run_time_ns:")?.trim().parse::<u64>().ok());
        ns += time.unwrap_or_default();
    }
    Ok(Duration::from_nanos(ns))
}

/// The most memory that a process was resident with, in bytes.
pub fn peak_resident(pid: u32) -> Result<u64> {
    let text = text_of(&proc(pid).join("status"))?;
    let kib =
        text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(kib.context("a process without VmHWM")? * 1024)
}

fn proc(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}
