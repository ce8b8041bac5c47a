//! Debian's auditd with its own configuration folder, the kernel's rules set for as long as it runs. Where the machine already
//! has an auditd, it is left alone.

use super::{CALLS, Process, Seen, TRANSFERS, Watching};
use crate::overhead::{Place, pause, programs::Programs};
use crate::workspace::run;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    Equivalent,
    Usual,
}

pub struct Auditd {
    process: Process,
    auditctl: Auditctl,
    log: PathBuf,
    /// Length of the log and lost events at the begin.
    before: (u64, u64),
}

struct Auditctl(Programs);

impl Auditctl {
    /// A number of `auditctl -s`.
    fn status(&self, name: &str) -> Result<u64> {
        let output =
            self.0.command("auditctl").arg("-s").stdout(Stdio::piped()).output().context("starting auditctl")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = said.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        number.with_context(|| format!("auditctl -s tells no {name}: {said}"))
    }

    fn set(&self, arguments: &[&str]) -> Result<()> {
        run(self.0.command("auditctl").args(arguments).stdout(Stdio::null()))
    }
}

pub fn obstacle(place: &Place) -> Option<String> {
    if !place.programs.has("auditd") {
        return Some("Debian's auditd is not there".into());
    }
    match Auditctl(place.programs.clone()).status("pid") {
        // One that was killed stays registered until the kernel next writes to it.
        Ok(pid) if pid == 0 || !Path::new(&format!("/proc/{pid}")).exists() => None,
        Ok(pid) => Some(format!("this machine is audited by process {pid}, which is left alone")),
        Err(error) => Some(format!("the kernel does not audit: {error:#}")),
    }
}

pub fn start(place: &Place, rules: Rules) -> Result<Auditd> {
    let folder = place.folder.join("audit");
    fs::create_dir_all(folder.join("plugins.d")).context("creating auditd's folder")?;
    let log = folder.join("audit.log");
    let configuration = format!(
        "local_events = yes\nwrite_logs = yes\nlog_file = {}\nlog_group = root\nlog_format = RAW\n\
         flush = INCREMENTAL_ASYNC\nfreq = 50\nmax_log_file = 99999\nmax_log_file_action = IGNORE\nnum_logs = 2\npriority_boost = 4\n\
         name_format = NONE\nq_depth = 2000\noverflow_action = IGNORE\nspace_left = 75\nspace_left_action = IGNORE\n\
         admin_space_left = 50\nadmin_space_left_action = IGNORE\ndisk_full_action = IGNORE\ndisk_error_action = IGNORE\n\
         plugin_dir = {}\n",
        log.display(),
        folder.join("plugins.d").display()
    );
    fs::write(folder.join("auditd.conf"), configuration).context("writing auditd's configuration")?;
    let mut process = Process::start(place.programs.command("auditd").arg("-n").arg("-c").arg(&folder))?;
    process.kernel_thread = kauditd();
    let mut auditd = Auditd { process, auditctl: Auditctl(place.programs.clone()), log, before: (0, 0) };
    let end = Instant::now() + Duration::from_secs(10);
    while auditd.auditctl.status("pid")? != u64::from(auditd.process.child.id()) {
        if Instant::now() > end || auditd.process.child.try_wait()?.is_some() {
            bail!("auditd does not register with the kernel");
        }
        pause(Duration::from_millis(50));
    }
    // As Debian's package sets them.
    auditd.auditctl.set(&["-D"])?;
    auditd.auditctl.set(&["-b", "8192", "--backlog_wait_time", "60000", "-f", "1"])?;
    let transfers = if rules == Rules::Equivalent { TRANSFERS } else { &[] };
    // Its table has two of them under their older names.
    let calls: Vec<_> = CALLS.iter().chain(transfers).map(|call| call.trim_end_matches("64")).collect();
    auditd.auditctl.set(&["-a", "always,exit", "-F", "arch=b64", "-S", &calls.join(","), "-F", "success=1"])?;
    // Mapping what may be executed: PROT_EXEC is 4.
    auditd.auditctl.set(&["-a", "always,exit", "-F", "arch=b64", "-S", "mmap", "-F", "a2&4", "-F", "success=1"])?;
    auditd.auditctl.set(&["-e", "1"])?;
    Ok(auditd)
}

impl Watching for Auditd {
    fn begin(&mut self) -> Result<()> {
        self.before = (length(&self.log), self.auditctl.status("lost")?);
        self.process.begin()
    }

    fn settle(&mut self) -> Result<()> {
        self.auditctl.set(&["-e", "0"])?;
        let end = Instant::now() + Duration::from_secs(60);
        while self.auditctl.status("backlog")? > 0 && Instant::now() < end {
            pause(Duration::from_millis(50));
        }
        Ok(())
    }

    fn stop(mut self: Box<Self>) -> Result<Seen> {
        let lost = self.auditctl.status("lost")?.saturating_sub(self.before.1);
        let seen = self.process.seen()?;
        self.process.end("TERM")?;
        Ok(Seen { events: events(&self.log, self.before.0)?, lost: Some(lost), ..seen })
    }
}

impl Drop for Auditd {
    fn drop(&mut self) {
        for arguments in [["-e", "0"].as_slice(), &["-D"]] {
            // The machine was not audited before; said where it now stays so.
            if let Err(error) = self.auditctl.set(arguments) {
                eprintln!("the kernel's audit rules stay: {error:#}");
            }
        }
    }
}

/// The kernel's thread that hands records to auditd.
fn kauditd() -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "kauditd"))
}

fn length(log: &Path) -> u64 {
    fs::metadata(log).map_or(0, |metadata| metadata.len())
}

/// Audited system calls that were written since the log was so long; each has one record of this type and others beside it.
fn events(log: &Path, from: u64) -> Result<u64> {
    let file = File::open(log).context("reading what auditd wrote")?;
    let (mut lines, mut at, mut n) = (BufReader::with_capacity(1 << 20, file), 0, 0);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        n += u64::from(at >= from && line.starts_with(b"type=SYSCALL "));
        at += line.len() as u64;
        line.clear();
    }
    Ok(n)
}
