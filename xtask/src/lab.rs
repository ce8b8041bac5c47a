//! `cargo xtask lab`: builds the agent and the lab, fetches the Debian packages that its hosts are made of, and starts it
//! (docs/lab.md).

mod funnel;

use crate::apt::{Apt, Installed, Sources};
use crate::ebpf::{self, Warnings};
use crate::test_output::Counts;
use crate::vm::kernel::debian_list;
use crate::workspace::{Workspace, run as run_command, runs};
use crate::{packages, setup};
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What hosts are made of, with all that it needs.
const PACKAGES: &[&str] = &[
    "apt",
    "apt-utils",
    "base-files",
    "base-passwd",
    "bash",
    "bsd-mailx",
    "busybox-static",
    "cargo",
    "coreutils",
    "cron",
    "curl",
    "dash",
    "diffutils",
    "dpkg",
    "exim4-daemon-light",
    "fcgiwrap",
    "file",
    "findutils",
    "gawk",
    "gcc",
    "grep",
    "gzip",
    "hostname",
    "iproute2",
    "less",
    "libc6-dev",
    "login",
    "logrotate",
    "make",
    "netcat-openbsd",
    "nginx-light",
    "nodejs",
    "openssh-client",
    "openssh-server",
    "openssl",
    "passwd",
    "php8.2-cgi",
    "postgresql-15",
    "procps",
    "psmisc",
    "python3",
    "redis-server",
    "rsync",
    "runc",
    "rustc",
    "sed",
    "sshpass",
    "strace",
    "sudo",
    "tar",
    "tcpdump",
    "util-linux",
    "xz-utils",
];
/// The release of Debian that they are of.
const SUITE: &str = "bookworm";

#[derive(clap::Subcommand)]
pub enum Lab {
    /// What can be recorded, and what is
    List,
    /// Run scenarios and record them with the live agent; needs root
    Record {
        /// Scenarios by name
        #[arg(required_unless_present = "all")]
        scenarios: Vec<String>,
        /// All scenarios
        #[arg(long, conflicts_with = "scenarios")]
        all: bool,
        /// What chance comes from
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Days of ordinary life before an attack, a minute of each
        #[arg(long, default_value_t = 0)]
        days: u32,
        /// Minutes of ordinary life alone, at a pace of its own, and no attack
        #[arg(long, value_name = "MINUTES", conflicts_with = "days")]
        life: Option<u32>,
        /// Scenarios that run beside each other, up to 32
        #[arg(long, default_value_t = 1)]
        at_once: u8,
        /// Where recordings go; those that are shipped by default
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Record scenarios anew, and hold the structure of their truth against that of the shipped recordings; needs root
    Compare {
        /// Scenarios by name
        #[arg(default_values = ["web-shell", "lateral", "ransom"])]
        scenarios: Vec<String>,
        /// What chance comes from this time
        #[arg(long, default_value_t = 7)]
        seed: u64,
    },
    /// Make the truth of recordings anew from what was noted
    Label {
        /// Folder of recordings; those that are shipped by default
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Replay the development half and sum what is left after each filter, without detectors and with the shipped ones
    Funnel,
    /// Look whether recordings are whole, their truth fits, and nothing of the recording machine is in them
    Verify {
        /// Folder of recordings; those that are shipped by default
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

pub fn run(workspace: &Workspace, command: &Lab) -> Result<()> {
    let shipped = shipped(workspace);
    match command {
        Lab::List => run_command(lab(workspace, &shipped)?.arg("list")),
        Lab::Verify { out } => run_command(lab(workspace, out.as_ref().unwrap_or(&shipped))?.arg("verify")),
        Lab::Label { out } => run_command(lab(workspace, out.as_ref().unwrap_or(&shipped))?.arg("label")),
        Lab::Funnel => funnel::run(workspace, &shipped),
        Lab::Record { scenarios, all, seed, days, life, at_once, out } => {
            prepare(workspace)?;
            let mut record = recording(workspace, out.as_ref().unwrap_or(&shipped), *seed)?;
            record.args(["--days", &days.to_string(), "--at-once", &at_once.to_string()]);
            if let Some(minutes) = life {
                record.args(["--life", &minutes.to_string()]);
            }
            if *all {
                record.arg("--all");
            }
            run_command(record.args(scenarios))
        }
        Lab::Compare { scenarios, seed } => {
            prepare(workspace)?;
            compare(workspace, scenarios, *seed)
        }
    }
}

fn prepare(workspace: &Workspace) -> Result<()> {
    if !packages::is_root() {
        bail!("only root may make namespaces and watch a machine: run it as root");
    }
    setup::run(workspace)?;
    if !ebpf::build(workspace, Warnings::Shown)? {
        bail!("without the eBPF programs nothing can be recorded (docs/ebpf.md)");
    }
    Ok(())
}

/// Records scenarios anew, and holds the truth of each against that of the shipped recording with seed 1.
fn compare(workspace: &Workspace, scenarios: &[String], seed: u64) -> Result<()> {
    let (shipped, out) = (shipped(workspace), workspace.target.join("lab/test"));
    let known = |scenario: &str| shipped.join(format!("{scenario}-1.truth.json"));
    if let Some(scenario) = scenarios.iter().find(|scenario| !known(scenario).is_file()) {
        bail!("no recording of {scenario} with seed 1 is shipped");
    }
    if out.exists() {
        fs::remove_dir_all(&out).context("removing the last comparison's recordings")?;
    }
    run_command(recording(workspace, &out, seed)?.args(["--at-once", "3"]).args(scenarios))?;
    scenarios.iter().try_for_each(|scenario| {
        println!("{scenario}:");
        let anew = out.join(format!("{scenario}-{seed}.truth.json"));
        run_command(lab(workspace, &out)?.arg("compare").args([known(scenario), anew]))
    })
}

/// One scenario recorded anew as a step of `cargo xtask test`, held against the shipped recording of it. Skipped, with the reason,
/// where that cannot be done.
pub fn test(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let obstacle = if !packages::is_root() {
        Some("only root may make namespaces and watch a machine".to_owned())
    } else if !workspace.ebpf_object().is_file() {
        Some("the eBPF programs could not be built".into())
    } else if !runs("ip", &["-V"]) {
        Some("ip is not installed (iproute2)".into())
    } else {
        root(workspace).err().map(|error| format!("{error:#}"))
    };
    if let Some(reason) = obstacle {
        println!("SKIPPED: recording a scenario anew: {reason}");
        counts.skipped += 1;
        return Ok(());
    }
    let tested = compare(workspace, &["web-shell".to_owned()], 7);
    match tested {
        Ok(()) => counts.passed += 1,
        Err(_) => counts.failed += 1,
    }
    tested
}

/// Recordings that are part of the project.
pub fn shipped(workspace: &Workspace) -> PathBuf {
    workspace.root.join("datasets/recordings")
}

fn lab(workspace: &Workspace, recordings: &Path) -> Result<Command> {
    workspace.build_programs()?;
    let mut command = Command::new(workspace.target.join("debug/tracewell-lab"));
    command.arg("--recordings").arg(recordings);
    Ok(command)
}

fn recording(workspace: &Workspace, out: &Path, seed: u64) -> Result<Command> {
    let root = root(workspace)?;
    let mut command = lab(workspace, out)?;
    command.args(["record", "--seed", &seed.to_string(), "--commit", &commit(workspace)]);
    command.arg("--agent").arg(workspace.target.join("debug/tracewell-agent"));
    command.arg("--packages").arg(root).arg("--work").arg(workspace.target.join("lab/work"));
    Ok(command)
}

/// The root of a Debian host, fetched and unpacked once, and again where other packages are wanted. To get a newer one, remove its
/// folder.
fn root(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("lab");
    let (root, list, wanted) = (folder.join("root"), folder.join("packages.txt"), PACKAGES.join("\n"));
    if root.is_dir() && fs::read_to_string(&list).is_ok_and(|has| has == wanted) {
        return Ok(root);
    }
    for old in [&root, &folder.join("unpacked")].into_iter().filter(|old| old.is_dir()) {
        fs::remove_dir_all(old).with_context(|| format!("removing {}", old.display()))?;
    }
    let apt = Apt::new(folder.join("apt"), &Sources::List(&debian_list(SUITE)?), Installed::Nothing)?;
    let names = apt.with_dependencies(PACKAGES)?;
    eprintln!("fetching the root of a Debian host, in {} packages", names.len());
    let unpacked = folder.join("unpacked");
    apt.unpack(&names, &unpacked)?;
    for name in ["bin", "sbin", "lib", "lib64"] {
        merge_into_usr(&unpacked, name)?;
    }
    fs::rename(&unpacked, &root).context("putting the root in its place")?;
    fs::write(list, wanted).context("writing what the root is made of")?;
    Ok(root)
}

/// As the package usrmerge does: what packages have at the root lies in /usr.
fn merge_into_usr(root: &Path, name: &str) -> Result<()> {
    let (from, to) = (root.join(name), root.join("usr").join(name));
    fs::create_dir_all(&to).with_context(|| format!("creating {}", to.display()))?;
    if from.is_dir() {
        run_command(Command::new("cp").arg("--archive").arg(from.join(".")).arg(&to))?;
        fs::remove_dir_all(&from).with_context(|| format!("removing {}", from.display()))?;
    }
    symlink(Path::new("usr").join(name), &from).with_context(|| format!("linking {}", from.display()))
}

fn commit(workspace: &Workspace) -> String {
    let mut git = Command::new("git");
    git.args(["rev-parse", "--short=12", "HEAD"]).current_dir(&workspace.root).stdin(Stdio::null());
    let said = git.output().ok().filter(|output| output.status.success());
    said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_else(|| "unknown".into())
}
