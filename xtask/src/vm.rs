//! `cargo xtask vm`: the kernel tests as the only program of virtual machines with other kernels (`docs/kernels.md`).

mod disk;
mod initramfs;
pub mod kernel;
pub mod power;
mod qemu;

use crate::ebpf::{self, Warnings};
use crate::packages;
use crate::test_output::Counts;
use crate::workspace::{Workspace, run as run_command};
use anyhow::{Context, Result, bail};
use initramfs::Entry;
use kernel::{KERNELS, Kernel};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The kernel of `cargo xtask test`.
const USUAL: &str = "6.1";
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What a machine said and how it ended.
struct Outcome {
    series: &'static str,
    release: String,
    counts: Counts,
    /// What each tier came to, by its name.
    tiers: Vec<(String, Counts)>,
    not_attached: Vec<String>,
    said: String,
    time: Duration,
}

/// Runs the kernel tests on each kernel named, or on all, with a table at the end. Returns whether all passed.
pub fn run(workspace: &Workspace, series: &[String], arguments: &[String]) -> Result<bool> {
    let kernels = choose(series)?;
    ebpf::setup(workspace);
    if !ebpf::build(workspace, Warnings::Shown)? {
        bail!("without the eBPF programs there is nothing to run");
    }
    let program = build(workspace)?;
    let mut outcomes = Vec::new();
    for kernel in kernels {
        let parts = fetch(workspace, kernel)?;
        eprintln!("\n== Linux {}", kernel.series);
        let outcome = boot(workspace, kernel, &parts, &program, arguments)?;
        eprint!("{}", outcome.said);
        outcomes.push(outcome);
    }
    println!("\n| Kernel | Tier | Passed | Failed | Not attached | Time of all |\n|---|---|---|---|---|---|");
    outcomes.iter().flat_map(rows).for_each(|row| println!("{row}"));
    Ok(outcomes.iter().all(|outcome| outcome.counts.failed == 0))
}

/// The kernel tests on this machine, as a step of `cargo xtask test`. Skipped, with the reason, where it forbids them.
pub fn test_here(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let mut skip = |reason: &str| {
        println!("SKIPPED: kernel tests on this machine: {reason}");
        counts.skipped += 1;
    };
    if !workspace.ebpf_object().is_file() {
        skip("the eBPF programs could not be built");
        return Ok(());
    }
    if !packages::is_root() {
        skip("only root may watch a machine");
        return Ok(());
    }
    workspace.build_programs()?;
    let output =
        Command::new(workspace.target.join("debug/kernel-tests")).output().context("starting the kernel tests")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if let Some(reason) = said.lines().find_map(|line| line.strip_prefix("SKIPPED: ")) {
        skip(reason);
    }
    let counted = self::counts(&said).with_context(|| format!("{said}the kernel tests ended without a result"))?;
    *counts += counted;
    if counted.failed > 0 {
        bail!("{said}on this machine");
    }
    Ok(())
}

/// One machine as a step of `cargo xtask test`. Skipped, with the reason, where none can be had.
pub fn test(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let [kernel] = choose(&[USUAL.into()])?[..] else { bail!("Linux {USUAL} is not in the list of kernels") };
    let parts = if workspace.ebpf_object().is_file() {
        fetch(workspace, kernel).map_err(|error| format!("{error:#}"))
    } else {
        Err("the eBPF programs could not be built".into())
    };
    match parts {
        Ok(parts) => {
            let outcome = boot(workspace, kernel, &parts, &build(workspace)?, &[])?;
            *counts += outcome.counts;
            if outcome.counts.failed > 0 {
                bail!("{}on Linux {}", outcome.said, outcome.release);
            }
        }
        Err(reason) => {
            println!("SKIPPED: virtual machine with Linux {USUAL}: {reason}");
            counts.skipped += 1;
        }
    }
    Ok(())
}

fn choose(series: &[String]) -> Result<Vec<&'static Kernel>> {
    if series.is_empty() {
        return Ok(KERNELS.iter().collect());
    }
    let known = || KERNELS.iter().map(|kernel| kernel.series).collect::<Vec<_>>().join(", ");
    let find = |series: &String| {
        let kernel = KERNELS.iter().find(|kernel| kernel.series == series);
        kernel.with_context(|| format!("there is no Linux {series} here; there are {}", known()))
    };
    series.iter().map(find).collect()
}

/// What a machine is made of besides our program.
struct Parts {
    qemu: qemu::Qemu,
    image: PathBuf,
}

fn fetch(workspace: &Workspace, kernel: &Kernel) -> Result<Parts> {
    if !cfg!(target_arch = "x86_64") {
        bail!("only for x86-64 so far");
    }
    let folder = folder(workspace);
    let qemu = qemu::find(&folder).context("no QEMU for x86-64 can be had")?;
    let image = kernel.image(&folder).with_context(|| format!("Linux {} cannot be had", kernel.series))?;
    Ok(Parts { qemu, image })
}

/// Builds the kernel tests as a static program. Named as a target, the host's own is a folder apart, which the flags are
/// for; what only builds, such as the compiler of the wire's messages, is shared with the other builds.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = workspace.cargo();
    command.args(["build", "--package", "tracewell-kernel-tests", "--bin", "kernel-tests", "--no-default-features"]);
    command.args(["--target", TARGET]);
    command.env("RUSTFLAGS", "-Ctarget-feature=+crt-static");
    run_command(&mut command)?;
    Ok(workspace.target.join(TARGET).join("debug/kernel-tests"))
}

fn boot(
    workspace: &Workspace,
    kernel: &Kernel,
    parts: &Parts,
    program: &Path,
    arguments: &[String],
) -> Result<Outcome> {
    let folder = folder(workspace);
    let initramfs = folder.join("initramfs");
    let bytes = fs::read(program).with_context(|| format!("reading {}", program.display()))?;
    // Loaded by the tests of modules (`kernel-tests/src/operations/extend.rs`); the first one also for mounts of its kind.
    let (overlay, dummy) = (Kernel::module(&parts.image, "overlay")?, Kernel::module(&parts.image, "dummy")?);
    let entries = [
        Entry::file("init", &bytes),
        Entry::file("overlay.ko", &overlay),
        Entry::folder("lib"),
        Entry::file("lib/dummy.ko", &dummy),
    ];
    fs::write(&initramfs, initramfs::archive(&entries)).context("writing the initramfs")?;
    let start = Instant::now();
    let said = parts.qemu.run(&parts.image, &initramfs, arguments)?;
    let log = folder.join(format!("{}.log", kernel.series));
    fs::write(&log, &said).with_context(|| format!("writing {}", log.display()))?;
    let counts = counts(&said)
        .with_context(|| format!("{said}Linux {} ended without a result; see {}", kernel.series, log.display()))?;
    let values = |label: &str| said.lines().filter_map(|line| line.strip_prefix(label)).map(str::to_owned).collect();
    let release: Vec<String> = values("kernel ");
    Ok(Outcome {
        series: kernel.series,
        release: release.concat(),
        counts,
        tiers: tiers(&said),
        not_attached: values("not attached: "),
        said,
        time: start.elapsed(),
    })
}

/// Reads `kernel-tests: 3 passed, 1 failed`, the last thing that is said.
fn counts(said: &str) -> Option<Counts> {
    said.lines().rev().find_map(|line| line.strip_prefix("kernel-tests: ")).and_then(counts_in)
}

/// Reads `tier base: 3 passed, 1 failed`.
fn tiers(said: &str) -> Vec<(String, Counts)> {
    let tiers = said.lines().filter_map(|line| line.strip_prefix("tier ")?.split_once(": "));
    tiers.filter_map(|(name, result)| Some((name.to_owned(), counts_in(result)?))).collect()
}

fn counts_in(result: &str) -> Option<Counts> {
    let (passed, failed) = result.strip_suffix(" failed")?.split_once(" passed, ")?;
    Some(Counts { passed: passed.parse().ok()?, failed: failed.parse().ok()?, skipped: 0 })
}

fn rows(outcome: &Outcome) -> Vec<String> {
    let Outcome { series, release, tiers, not_attached, .. } = outcome;
    let not_attached = if not_attached.is_empty() { "–".into() } else { not_attached.join(", ") };
    let seconds = outcome.time.as_secs_f64();
    let row = |(tier, counts): &(String, Counts)| {
        let Counts { passed, failed, .. } = counts;
        format!("| {series} ({release}) | {tier} | {passed} | {failed} | {not_attached} | {seconds:.1} s |")
    };
    tiers.iter().map(row).collect()
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("vm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_result_counts() {
        let counted = Counts { passed: 12, failed: 3, skipped: 0 };
        assert_eq!(counts("kernel-tests: 12 passed, 3 failed\n[    3.1] reboot: Power down\n"), Some(counted));
        assert_eq!(counts("Kernel panic - not syncing\n"), None);
        assert_eq!(counts("kernel-tests: 12 passed"), None);
        let said = "the base tier\ntier base: 5 passed, 1 failed\ntier better: 7 passed, 2 failed\n";
        let counted = |passed, failed| Counts { passed, failed, skipped: 0 };
        assert_eq!(tiers(said), [("base".into(), counted(5, 1)), ("better".into(), counted(7, 2))]);
    }

    #[test]
    fn kernels_are_chosen_by_series() {
        let names = |series: &[&str]| {
            let series: Vec<_> = series.iter().map(|series| (*series).to_owned()).collect();
            choose(&series).map(|kernels| kernels.iter().map(|kernel| kernel.series).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap(), ["5.10", "6.1", "6.12", "6.18"]);
        assert_eq!(names(&["6.12"]).unwrap(), ["6.12"]);
        assert_eq!(
            names(&["6.2"]).unwrap_err().to_string(),
            "there is no Linux 6.2 here; there are 5.10, 6.1, 6.12, 6.18"
        );
    }
}
