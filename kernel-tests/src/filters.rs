//! What is left out in the kernel: it is counted as filtered, and nothing else goes missing.

use crate::watch::{Taking, Watched, watch};
use anyhow::{Context, Result, ensure};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, getpid};
use rustix::thread::{Uid, set_thread_uid};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use tracewell_agent::sensor::throttle::unified_hierarchy;
use tracewell_agent::sensor::{Ignored, Options};
use tracewell_event_abi::head::Op;
use tracewell_model::{Event, FileKind, FileRef, Object, Operation, Record};

/// Argument of the processes that do what is left out and what is not, and which they do.
pub const DO: &str = "filtered";

/// Names of the tests.
pub const OPERATIONS: &str = "an operation is left out";
pub const CGROUPS: &str = "a cgroup is left out, with those below it";
pub const USERS: &str = "a user is left out";
pub const FOLDERS: &str = "a folder is left out, with all below it";
pub const REPEATS: &str = "what is repeated in a folder is left out";

/// Files that are made where they are left out, and where they are not.
const LEFT_OUT: u64 = 300;
const TOLD: u64 = 200;

/// The user `nobody`.
const NOBODY: u32 = 65_534;

/// Does first what is left out, then what is not.
pub fn act(what: &str, place: &Path) -> Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    print!("{}", std::process::id());
    match what {
        OPERATIONS => {
            make_in_memory(LEFT_OUT)?;
            (0..TOLD).try_for_each(|n| File::create(place.join(n.to_string())).map(drop))?;
        }
        CGROUPS => {
            enter(&place.join("inner"))?;
            make_in_memory(LEFT_OUT)?;
            enter(place.parent().context("a cgroup has one around it")?)?;
            make_in_memory(TOLD)?;
        }
        USERS => {
            make_in_memory(TOLD)?;
            // Of this thread alone, and the last thing it does.
            set_thread_uid(Uid::from_raw(NOBODY))?;
            make_in_memory(LEFT_OUT)?;
        }
        REPEATS => {
            repeat(&place.join("inside/a/b/f"), LEFT_OUT)?;
            repeat(&place.join("outside/f"), TOLD)?;
        }
        _ => {
            let (inside, outside) = (place.join("inside/a/b"), place.join("outside"));
            (0..LEFT_OUT).try_for_each(|n| File::create(inside.join(n.to_string())).map(drop))?;
            (0..TOLD).try_for_each(|n| File::create(outside.join(n.to_string())).map(drop))?;
            fs::remove_dir_all(inside)?;
        }
    }
    Ok(())
}

fn make_in_memory(n: u64) -> Result<()> {
    (0..n).try_for_each(|_| Ok(memfd_create("filtered", MemfdFlags::CLOEXEC).map(drop)?))
}

/// Writes to a file again and again, which is summed in the kernel.
fn repeat(path: &Path, n: u64) -> Result<()> {
    let mut file = File::create(path)?;
    (0..n).try_for_each(|_| Ok(file.write_all(b"text")?))
}

fn enter(cgroup: &Path) -> Result<()> {
    let id = Pid::as_raw(Some(getpid())).to_string();
    fs::write(cgroup.join("cgroup.procs"), id).with_context(|| format!("entering {}", cgroup.display()))
}

/// One filter: what it leaves out is exactly what is counted as filtered.
pub fn test(what: &str) -> Result<()> {
    let place = Place::make(what)?;
    let watched =
        watch(Command::new("/proc/self/exe").args([DO, what]).arg(&place.0), &place.options(what)?, Taking::Always)?;
    if what == REPEATS {
        return test_repeats(&watched);
    }
    let op = if what == FOLDERS { Op::Open } else { Op::Memfd };
    let (counts, told) = (watched.counts.of(op), |operation| told(&watched, operation, &place));
    let (n_memory, n_files, n_removed) = (told(Operation::Memfd)?, told(Operation::Create)?, told(Operation::Unlink)?);
    println!("{what}: {} seen, {} filtered; {n_memory} and {n_files} told", counts.kernel.seen, counts.kernel.filtered);
    // Files are opened all the time on a machine, so that opens may still be under way.
    ensure!(op == Op::Open || counts.adds_up(), "the counts do not add up: {counts:?}");
    // Others on the machine may do the same, and be told of, but not be filtered.
    ensure!(counts.kernel.filtered >= LEFT_OUT, "not all of {LEFT_OUT} are filtered: {counts:?}");
    let expected = match what {
        OPERATIONS => (0, TOLD, 0),
        // What is removed there is told all the same.
        FOLDERS => (0, TOLD, LEFT_OUT + 1),
        _ => (TOLD, 0, 0),
    };
    ensure!(
        (n_memory, n_files, n_removed) == expected,
        "told are {:?}, expected {expected:?}",
        (n_memory, n_files, n_removed)
    );
    Ok(())
}

/// A sum of what is left out would have no path, so all files of the process are counted.
fn test_repeats(watched: &Watched) -> Result<()> {
    let process: u32 = watched.output.parse().context("its process id")?;
    let written = watched.records.iter().map(|record| match record {
        Record::Event(Event { op: Operation::Write, subject, object: Object::File(file), count, .. })
            if subject.pid == process && file.kind == FileKind::Regular =>
        {
            u64::from(*count)
        }
        _ => 0,
    });
    let (written, counts) = (written.sum::<u64>(), watched.counts.of(Op::Write));
    println!("{REPEATS}: {} writes filtered; {written} told", counts.kernel.filtered);
    ensure!(counts.kernel.filtered >= LEFT_OUT, "not all of {LEFT_OUT} are filtered: {counts:?}");
    ensure!(written == TOLD, "{written} writes are told, expected {TOLD}");
    Ok(())
}

/// Of the process that did it.
fn told(watched: &Watched, operation: Operation, place: &Place) -> Result<u64> {
    let process: u32 = watched.output.parse().context("its process id")?;
    let folder = place.0.to_string_lossy();
    let is_it = |record: &&Record| {
        let Record::Event(event) = record else { return false };
        let Object::File(FileRef { path: Some(path), .. }) = &event.object else { return false };
        let is_there = operation == Operation::Memfd || path.starts_with(&*folder);
        event.subject.pid == process && event.op == operation && is_there
    };
    Ok(watched.records.iter().filter(is_it).count() as u64)
}

/// A folder, or a cgroup, of this test.
struct Place(PathBuf);

impl Place {
    fn make(what: &str) -> Result<Self> {
        let name = format!("kernel-tests-filtered-{}", std::process::id());
        let (folder, inner) = match what {
            CGROUPS => (unified_hierarchy().context("no cgroup2 is mounted")?.join(name), vec!["inner"]),
            _ => (std::env::temp_dir().join(name), vec!["inside/a/b", "outside"]),
        };
        for inner in inner {
            fs::create_dir_all(folder.join(inner)).with_context(|| format!("creating {}", folder.display()))?;
        }
        Ok(Self(folder))
    }

    fn options(&self, what: &str) -> Result<Options> {
        let path = Path::new("/").join(self.0.file_name().context("it has a name")?);
        let ignored = match what {
            OPERATIONS => Ignored { operations: [Op::Memfd].into(), ..Ignored::default() },
            CGROUPS => Ignored { cgroups: vec![path], ..Ignored::default() },
            USERS => Ignored { users: vec![NOBODY], ..Ignored::default() },
            _ => Ignored { folders: vec![self.0.join("inside")], ..Ignored::default() },
        };
        Ok(Options { ignored, ..Options::default() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Files of a cgroup cannot be removed, and need not be.
        let _ = fs::remove_dir(self.0.join("inner"));
        if fs::remove_dir(&self.0).is_err() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
