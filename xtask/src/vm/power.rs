//! `cargo xtask power`: a virtual machine that loses power in the middle of writes, again and again, on one disk.
//!
//! In it hosts find alerts as fast as their spools take them, and send them to an aggregator on the same disk
//! (`kernel-tests/src/power_loss.rs`). At a write to the disk whose number follows from a seed, QEMU is killed with -9; the next machine
//! goes on with the disk as it is then. What was not flushed is gone with the machine's memory, and what was written to the disk and not
//! flushed there is lost or kept block by block ([`disk`](super::disk)), in whatever order. In the end every alert whose spool write had
//! returned must be with the aggregator, once, and both kinds of stores must be as they should. An agent watches all of it; for each loss
//! of power the aggregator must have been told of a gap that began before the next machine did.
//!
//! Not emulated: a disk that lies about flushes or tears blocks of 4 KiB, and an aggregator that loses power alone.

use super::disk::{Disk, Lost};
use super::initramfs::{Entry, archive};
use super::kernel::Kernel;
use super::{Parts, USUAL, choose, fetch};
use crate::test_output::Counts;
use crate::workspace::{Workspace, run as run_command, runs};
use anyhow::{Context, Result, bail, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often; `cargo xtask test --full` asks for more.
pub const LOSSES: u32 = 6;
/// Of one disk, before all is let finish and looked at.
const LOSSES_A_DISK: u32 = 8;
/// Writes to the disk from the moment on at which all runs.
const WRITES: RangeInclusive<u64> = 1..=400;
/// Numbers of alerts between those of two machines.
const ALERTS: u64 = 1_000_000;
/// Sparse; programs take a third of it.
const DISK_BYTES: u64 = 1 << 30;
/// A machine that does not come to its point within this is ended.
const PATIENCE: Duration = Duration::from_secs(300);
const PROGRAMS: [&str; 3] = ["tracewell", "tracewell-agent", "tracewell-aggregator"];
const FIRST: &str = "power-loss";
/// Loaded in this order where the kernel has them as modules.
const MODULES: [&str; 6] =
    ["virtio", "virtio_ring", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk"];
const MKFS: &str = "mkfs.ext4";

/// As a step of `cargo xtask test`. Skipped, with the reason, where no such machine can be had.
pub fn test(workspace: &Workspace, n_losses: u32, counts: &mut Counts) -> Result<()> {
    let [kernel] = choose(&[USUAL.into()])?[..] else { bail!("Linux {USUAL} is not in the list of kernels") };
    let parts = fetch(workspace, kernel).and_then(|parts| mkfs().map(|mkfs| (parts, mkfs)));
    let (parts, mkfs) = match parts {
        Ok(found) => found,
        Err(error) => {
            println!("SKIPPED: power loss in a virtual machine: {error:#}");
            counts.skipped += 1;
            return Ok(());
        }
    };
    workspace.build_programs()?;
    match power_lost_in_the_middle_of_writes_loses_no_alert(workspace, &parts, &mkfs, n_losses) {
        Ok(()) => counts.passed += 1,
        Err(error) => {
            counts.failed += 1;
            return Err(error);
        }
    }
    Ok(())
}

fn power_lost_in_the_middle_of_writes_loses_no_alert(
    workspace: &Workspace,
    parts: &Parts,
    mkfs: &Path,
    n_losses: u32,
) -> Result<()> {
    let place = tempfile::tempdir().context("making a folder for the disk")?;
    let initramfs = place.path().join("initramfs");
    fs::write(&initramfs, first_files(workspace, parts)?).context("writing the initramfs")?;
    let (mut left, mut lost) = (n_losses, Lost::default());
    for seed in 0.. {
        let n_losses = left.min(LOSSES_A_DISK);
        let image = make_disk(workspace, mkfs, place.path())?;
        let machines = Machines { parts, initramfs: &initramfs, image: &image, folder: place.path() };
        let of_disk = machines.one_disk(seed, n_losses).with_context(|| format!("seed {seed}"))?;
        lost = Lost { n_lost: lost.n_lost + of_disk.n_lost, n_kept: lost.n_kept + of_disk.n_kept };
        left -= n_losses;
        if left == 0 {
            break;
        }
    }
    let Lost { n_lost, n_kept } = lost;
    println!(
        "power was lost {n_losses} times, with {n_lost} blocks of the disk's cache; {n_kept} were written after all"
    );
    Ok(())
}

/// Machines that go on, one after the other, with the same disk.
struct Machines<'a> {
    parts: &'a Parts,
    initramfs: &'a Path,
    image: &'a Path,
    folder: &'a Path,
}

/// What machines said so far.
#[derive(Default)]
struct Said {
    /// By host the alerts that its spool took.
    kept: BTreeMap<String, BTreeSet<u64>>,
    stored: BTreeMap<String, Ranges>,
    /// By host how many alerts the aggregator counts, how many frames it misses and has refused, and whether it takes it for two.
    counted: BTreeMap<String, (u64, u64, u64, bool)>,
    /// When the agent was started, in each machine, in nanoseconds since 1970.
    starts: Vec<u64>,
    /// What it told of the moments next to which nobody watched.
    gaps: Option<Vec<u64>>,
    is_checked: bool,
}

/// Numbers from one to another.
type Ranges = Vec<(u64, u64)>;

impl Machines<'_> {
    fn one_disk(&self, seed: u64, n_losses: u32) -> Result<Lost> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (mut said, mut lost) = (Said::default(), Lost::default());
        for n in 0..n_losses {
            let begun = Instant::now();
            let n_writes = random.random_range(WRITES);
            let disk = self.until_power_is_lost(u64::from(n) * ALERTS + 1, n_writes, &mut said)?;
            let of_machine = disk.lose(&mut random)?;
            lost = Lost { n_lost: lost.n_lost + of_machine.n_lost, n_kept: lost.n_kept + of_machine.n_kept };
            let (n_kept, seconds) =
                (said.kept.values().map(BTreeSet::len).sum::<usize>(), begun.elapsed().as_secs_f64());
            println!(
                "seed {seed}: lost after {n_writes} writes, {n_kept} alerts taken so far; {of_machine:?}, {seconds:.1} s"
            );
        }
        let disk = Disk::start(self.image, self.folder)?;
        let mut machine = Machine::start(self, &["end".into()], &disk)?;
        while let Some(line) = machine.next(None)? {
            said.take(&line)?;
        }
        disk.finish()?;
        said.is_as_it_should()?;
        Ok(lost)
    }

    fn until_power_is_lost(&self, first: u64, n_writes: u64, said: &mut Said) -> Result<Disk> {
        let disk = Disk::start(self.image, self.folder)?;
        let mut machine = Machine::start(self, &["find".into(), first.to_string()], &disk)?;
        while let Some(line) = machine.next(Some(&disk))? {
            if line == "ready" {
                disk.arm(n_writes);
            }
            said.take(&line)?;
        }
        if !machine.is_killed {
            bail!("the machine ended by itself: {:#?}", machine.last);
        }
        Ok(disk)
    }
}

/// One that runs; killed with -9 when it is dropped.
struct Machine {
    child: Child,
    lines: Receiver<String>,
    is_killed: bool,
    end: Instant,
    /// What it said last.
    last: Vec<String>,
}

impl Machine {
    fn start(of: &Machines<'_>, arguments: &[String], disk: &Disk) -> Result<Self> {
        let mut child = of.parts.qemu.start(&of.parts.image, of.initramfs, arguments, Some(&disk.socket))?;
        let mut output = BufReader::new(child.stdout.take().context("the machine's output is piped")?);
        let (tell, lines) = channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            // What has no end was cut off, and may have been longer.
            while let Ok(1..) = output.read_until(b'\n', &mut line)
                && line.pop() == Some(b'\n')
                && tell.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_ok()
            {
                line.clear();
            }
        });
        Ok(Self { child, lines, is_killed: false, end: Instant::now() + PATIENCE, last: Vec::new() })
    }

    /// What it says next; `None` once it has ended. When its disk has no power any more, it is killed.
    fn next(&mut self, disk: Option<&Disk>) -> Result<Option<String>> {
        const BREATH: Duration = Duration::from_millis(2);
        loop {
            if !self.is_killed && disk.is_some_and(|disk| disk.is_off.try_recv().is_ok()) {
                self.kill()?;
            }
            match self.lines.recv_timeout(BREATH) {
                Ok(line) if line.contains('\x1b') => {}
                Ok(line) => {
                    self.last.push(line.clone());
                    let n_old = self.last.len().saturating_sub(40);
                    self.last.drain(..n_old);
                    return Ok(Some(line));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.child.wait().context("waiting for the machine")?;
                    return Ok(None);
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() > self.end => {
                    bail!("the machine takes longer than {} s: {:#?}", PATIENCE.as_secs(), self.last);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn kill(&mut self) -> Result<()> {
        self.is_killed = true;
        self.child.kill().context("killing the machine")?;
        self.child.wait().map(drop).context("waiting for the machine")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

impl Said {
    fn take(&mut self, line: &str) -> Result<()> {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["kept", host, number] => _ = self.kept.entry(host.into()).or_default().insert(number.parse()?),
            ["stored", host, numbers] => _ = self.stored.insert(host.into(), ranges(numbers)?),
            ["stored", host] => _ = self.stored.insert(host.into(), Ranges::new()),
            ["counted", host, n_alerts, n_missing, n_refused, is_forked] => {
                let counted = (n_alerts.parse()?, n_missing.parse()?, n_refused.parse()?, is_forked.parse()?);
                self.counted.insert(host.into(), counted);
            }
            ["starts", time] => self.starts.push(time.parse()?),
            ["gaps"] => self.gaps = Some(Vec::new()),
            ["gaps", times] => {
                self.gaps = Some(times.split(',').map(str::parse).collect::<Result<_, _>>()?);
            }
            ["check:", ..] => self.is_checked = line.ends_with(" 0 faults"),
            ["failed:", ..] => bail!("{line}"),
            _ => {}
        }
        if line.contains(" ERROR ") || line.contains("panicked") || line.contains("EXT4-fs error") {
            bail!("{line}");
        }
        Ok(())
    }

    fn is_as_it_should(&self) -> Result<()> {
        ensure!(self.is_checked, "`tracewell-aggregator check` is not content");
        ensure!(!self.kept.is_empty(), "no spool took anything");
        for (host, kept) in &self.kept {
            let stored = self.stored.get(host).with_context(|| format!("nothing of {host} is stored"))?;
            let n_stored: u64 = stored.iter().map(|(first, last)| last - first + 1).sum();
            let is_stored = |number: &u64| stored.iter().any(|(first, last)| (first..=last).contains(&number));
            let missing: Vec<_> = kept.iter().filter(|number| !is_stored(number)).collect();
            ensure!(missing.is_empty(), "{host}: the spool took alerts that are not there: {missing:?}; {stored:?}");
            // Each machine's are there from the first on: nothing was lost in between.
            let is_begun = stored.iter().all(|(first, _)| first % ALERTS == 1);
            ensure!(is_begun, "{host}: alerts are missing before others that are there: {stored:?}");
            let counted = self.counted.get(host).with_context(|| format!("{host} is not counted"))?;
            ensure!(*counted == (n_stored, 0, 0, false), "{host}: {n_stored} alerts are there, counted: {counted:?}");
            println!("{host}: {} alerts were said to be taken, {n_stored} are there, each once", kept.len());
        }
        self.gaps_are_told()
    }

    /// The agent of each machine but the first began after a time in which nobody watched. That is told by its two ends, if not by this
    /// agent, which lost power before its word was on the disk, by one after it.
    fn gaps_are_told(&self) -> Result<()> {
        let gaps = self.gaps.as_ref().context("nothing is known of what the agent told")?;
        let untold = |start: &&u64| !gaps.windows(2).any(|ends| ends[0] < **start && **start <= ends[1]);
        let untold: Vec<_> = self.starts.iter().skip(1).filter(untold).collect();
        ensure!(untold.is_empty(), "nobody watched before {untold:?}, and that was not told: {gaps:?}");
        let n_losses = self.starts.len().saturating_sub(1);
        println!("all {n_losses} times in which nobody watched were told, by {} ends", gaps.len());
        Ok(())
    }
}

fn ranges(text: &str) -> Result<Ranges> {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').context("a range has two ends")?;
        Ok((first.parse()?, last.parse()?))
    };
    text.split(',').map(range).collect()
}

/// The first process, the libraries that our programs need, and the modules of the disk.
fn first_files(workspace: &Workspace, parts: &Parts) -> Result<Vec<u8>> {
    let mut files = BTreeMap::<String, Vec<u8>>::new();
    let first = workspace.target.join("debug").join(FIRST);
    for program in PROGRAMS.iter().map(|name| workspace.target.join("debug").join(name)).chain([first.clone()]) {
        for library in libraries(&program)? {
            let bytes = fs::read(&library).with_context(|| format!("reading {}", library.display()))?;
            files.insert(library.to_string_lossy().trim_start_matches('/').to_owned(), bytes);
        }
    }
    for (n, name) in MODULES.iter().enumerate() {
        // Others have it built in.
        if let Ok(module) = Kernel::module(&parts.image, name) {
            files.insert(format!("modules/{n}-{name}.ko"), module);
        }
    }
    let stripped = tempfile::NamedTempFile::new().context("making a file")?;
    strip(&first, stripped.path())?;
    files.insert("init".into(), fs::read(stripped.path()).context("reading the first process")?);
    let folders: BTreeSet<_> = files.keys().flat_map(|name| Path::new(name).ancestors().skip(1)).collect();
    let folders = folders.iter().filter_map(|folder| folder.to_str()).filter(|folder| !folder.is_empty());
    let folders = folders.chain(["modules"]).collect::<BTreeSet<_>>().into_iter().map(Entry::folder);
    let entries: Vec<_> = folders.chain(files.iter().map(|(name, bytes)| Entry::file(name, bytes))).collect();
    Ok(archive(&entries))
}

/// The files that a program is linked with, and what links them.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("starting ldd")?;
    ensure!(output.status.success(), "ldd {}: {}", program.display(), String::from_utf8_lossy(&output.stderr).trim());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths = said.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    Ok(paths.map(PathBuf::from).collect())
}

/// Copies a program without what only debuggers read, which is most of it.
fn strip(program: &Path, to: &Path) -> Result<()> {
    match runs("strip", &["--version"]) {
        true => run_command(Command::new("strip").arg("-o").args([to, program])),
        false => fs::copy(program, to).map(drop).with_context(|| format!("copying {}", program.display())),
    }
}

/// A disk with our programs and nothing else.
fn make_disk(workspace: &Workspace, mkfs: &Path, folder: &Path) -> Result<PathBuf> {
    let content = folder.join("content");
    let programs = content.join("programs");
    if !programs.is_dir() {
        fs::create_dir_all(&programs).context("making a folder for programs")?;
        for name in PROGRAMS {
            strip(&workspace.target.join("debug").join(name), &programs.join(name))?;
        }
    }
    let image = folder.join("image");
    File::create(&image).and_then(|file| file.set_len(DISK_BYTES)).context("making the disk's image")?;
    run_command(Command::new(mkfs).args(["-q", "-F", "-b", "4096", "-d"]).args([&content, &image]))?;
    Ok(image)
}

/// It is often only on root's path.
fn mkfs() -> Result<PathBuf> {
    let found = ["", "/usr/sbin/", "/sbin/"].map(|folder| format!("{folder}{MKFS}"));
    let found = found.into_iter().find(|path| runs(path, &["-V"]));
    found.map(PathBuf::from).with_context(|| format!("there is no {MKFS} (e2fsprogs)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_doubled_is_told() {
        let good = [
            "kept host-1 1",
            "kept host-1 2",
            "kept host-1 1000001",
            "check: 4 alert graphs: 0 faults",
            "starts 10",
            "starts 30",
            "gaps 20,31",
        ];
        let outcome = |lines: &[&str]| {
            let mut said = Said::default();
            good.iter().chain(lines).try_for_each(|line| said.take(line)).and_then(|()| said.is_as_it_should())
        };
        let told = |lines: &[&str]| outcome(lines).unwrap_err().to_string();
        outcome(&["stored host-1 1-3,1000001-1000001", "counted host-1 4 0 0 false"]).unwrap();
        assert!(told(&["stored host-1 1-1,1000001-1000001", "counted host-1 2 0 0 false"]).contains("not there: [2]"));
        assert!(told(&["stored host-1 1-2", "counted host-1 2 0 0 false"]).contains("not there: [1000001]"));
        assert!(told(&["stored host-1 1-2,1000001-1000001", "counted host-1 4 0 0 false"]).contains("counted: (4"));
        assert!(
            told(&["stored host-1 1-2,4-5,1000001-1000001", "counted host-1 5 0 0 false"]).contains("before others")
        );
        let fine = ["stored host-1 1-3,1000001-1000001", "counted host-1 4 0 0 false"];
        for gaps in ["gaps", "gaps 20", "gaps 31,40", "gaps 20,29"] {
            assert!(told(&[&fine[..], &[gaps]].concat()).contains("before [30], and that was not told"), "{gaps}");
        }
        assert!(told(&["failed: no"]).contains("failed: no"));
        assert!(told(&["check: 1 alert graphs: 1 faults"]).contains("not content"));
    }
}
