//! A container by runc, whose root is an overlay and which has a folder of the host: its files are the host's files, and what
//! it does is told of its container.

use crate::watch::{Taking, watch};
use anyhow::{Context, Result, bail, ensure};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};
use tracewell_agent::sensor::Options;
use tracewell_model::{Event, FileRef, Inode, Object, Operation, ProcessRef, Record};

/// Argument of the process that runs the container.
pub const CONTAIN: &str = "contain";

/// The container's only program; static, so that it needs no libraries there.
const BUSYBOX: &str = "/bin/busybox";
/// What the container writes, and where that is within the folder of the test.
const FILES: [(&str, &str); 2] = [("/data", "merged/data"), ("/shared/f", "shared/f")];
const POD: &str = "0a1b2c3d-0000-4000-8000-000000000001";
/// Where its cgroup is; removed by the test.
const CGROUP: &str = "kernel-tests-container";
/// What its cgroup says: the runtime that makes such cgroups, and a number that is another each time.
const WORKLOAD: &str = "containerd-#";

/// Why it cannot be tried here.
pub fn missing() -> Option<&'static str> {
    let has_runc = Command::new("runc").arg("--version").stdout(Stdio::null()).status().is_ok();
    match (has_runc, Path::new(BUSYBOX).exists()) {
        (true, true) => None,
        (false, _) => Some("runc is not installed: `cargo xtask setup`"),
        (_, false) => Some("busybox is not installed: `cargo xtask setup`"),
    }
}

/// Runs the container in mounts of its own, and then reads what it wrote.
pub fn contain(folder: &Path) -> Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    for name in ["lower/bin", "lower/shared", "lower/proc", "lower/dev", "upper", "work", "merged", "shared"] {
        fs::create_dir_all(folder.join(name))?;
    }
    fs::copy(BUSYBOX, folder.join("lower/bin/busybox"))?;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    env::set_current_dir(folder)?;
    let layers = Some("lowerdir=lower,upperdir=upper,workdir=work");
    mount(Some("overlay"), "merged", Some("overlay"), MsFlags::empty(), layers).context("mounting an overlay")?;
    let name = format!("{:064x}", std::process::id());
    fs::write("config.json", configuration(folder, &name))?;
    let mut runc = Command::new("runc");
    let output = runc.args(["--root", "state", "run", &name]).stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "runc: {}", String::from_utf8_lossy(&output.stderr));
    for (_, outside) in FILES {
        ensure!(fs::read(outside)? == b"text\n", "the container did not write {outside}");
    }
    Ok(())
}

/// It stays for a while: whose a process is, is asked of /proc when its events have waited for their order.
///
/// As the runtime specification of the Open Container Initiative has it, with a cgroup of the form that a kubelet would give it.
fn configuration(folder: &Path, name: &str) -> String {
    let folder = folder.display();
    format!(
        r#"{{
  "ociVersion": "1.0.2",
  "process": {{
    "user": {{"uid": 0, "gid": 0}}, "cwd": "/", "noNewPrivileges": true,
    "args": ["{BUSYBOX}", "sh", "-c", "echo text > /data; echo text > /shared/f; sleep 2"]
  }},
  "root": {{"path": "merged"}},
  "mounts": [
    {{"destination": "/proc", "type": "proc", "source": "proc"}},
    {{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}},
    {{"destination": "/shared", "type": "bind", "source": "{folder}/shared", "options": ["bind", "rw"]}}
  ],
  "linux": {{
    "cgroupsPath": "/{CGROUP}/pod{POD}/{name}",
    "namespaces": [{{"type": "pid"}}, {{"type": "ipc"}}, {{"type": "uts"}}, {{"type": "mount"}}, {{"type": "network"}}]
  }}
}}"#
    )
}

pub fn test() -> Result<()> {
    let folder = env::temp_dir().join(format!("kernel-tests-container-{}", std::process::id()));
    fs::create_dir(&folder).with_context(|| format!("creating folder {}", folder.display()))?;
    let watched = watch(Command::new("/proc/self/exe").arg(CONTAIN).arg(&folder), &Options::default(), Taking::Always);
    fs::remove_dir_all(&folder).with_context(|| format!("removing folder {}", folder.display()))?;
    remove_cgroups();
    let records = watched?.records;
    let mut writers = BTreeSet::new();
    for (inside, outside) in FILES {
        let outside = folder.join(outside);
        let outside = outside.to_str().context("the folder of temporary files is no text")?;
        let (written, writer) = find(&records, Operation::Write, inside)?;
        let (read, _) = find(&records, Operation::Read, outside)?;
        ensure!(written.is_some() && written == read, "{inside} is {written:?}, {outside} is {read:?}");
        writers.insert(writer);
    }
    for writer in writers {
        let workload = records.iter().rev().find_map(|record| match record {
            Record::Process(process) if process.process == writer => process.container.clone(),
            _ => None,
        });
        ensure!(workload.as_deref() == Some(WORKLOAD), "its workload is {workload:?}, expected {WORKLOAD}");
    }
    Ok(())
}

/// runc removes the container's own, and leaves those around it, in each hierarchy.
fn remove_cgroups() {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    for hierarchy in hierarchies.chain(["/sys/fs/cgroup".into()]) {
        for inner in [format!("{CGROUP}/pod{POD}"), CGROUP.to_owned()] {
            // Not every hierarchy has one.
            let _ = fs::remove_dir(hierarchy.join(inner));
        }
    }
}

/// The one file to which something was done by this path, and by whom.
fn find(records: &[Record], op: Operation, path: &str) -> Result<(Option<Inode>, ProcessRef)> {
    let is_it = |event: &&Event| {
        event.op == op && matches!(&event.object, Object::File(FileRef { path: Some(known), .. }) if **known == *path)
    };
    let events = records.iter().filter_map(|record| match record {
        Record::Event(event) => Some(event),
        _ => None,
    });
    match events.filter(is_it).collect::<Vec<_>>()[..] {
        [Event { object: Object::File(file), subject, .. }] => Ok((file.inode, *subject)),
        ref events => bail!("{} of {path} was seen {} times", op.name(), events.len()),
    }
}
