//! What crosses the boundary of a process, of a namespace or of the kernel.

use super::Operation;
use super::process::waiting;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::ptrace;
use nix::sys::uio::{RemoteIoVec, process_vm_writev};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use std::io::{self, IoSlice, Write};
use std::path::Path;
use std::{env, fs};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "trace a process",
        edges: &[
            "p0 fork p1",
            "p1 exec itself with wait",
            "p1 write a pipe, 1 B",
            "p0 read a pipe, 1 B",
            "p0 ptrace p1",
            "p0 signal p1 with 9",
            "p1 exit",
        ],
        run: trace,
    },
    Operation {
        name: "write into a process",
        edges: &[
            "p0 fork p1",
            "p1 exec itself with wait",
            "p1 write a pipe, 1 B",
            "p0 read a pipe, 1 B",
            "p0 ptrace p1, 1 B",
            "p0 signal p1 with 9",
            "p1 exit",
        ],
        run: write_memory,
    },
    Operation {
        name: "make a namespace and mount in it",
        edges: &[
            "p0 namespace namespace:mnt (by path)",
            "p0 mount / | p0 mount / (by path)",
            "p0 create ~/a/f",
            "p0 mount ~/b | p0 mount ~/b (by path)",
            "p0 open ~/b/f",
        ],
        run: bind_mount,
    },
    Operation {
        name: "read and write through an overlay",
        edges: &[
            "p0 namespace namespace:mnt (by path)",
            "p0 mount / | p0 mount / (by path)",
            "p0 create ~/lower/f",
            "p0 write ~/lower/f, 4 B",
            "p0 mount ~/m | p0 mount ~/m (by path)",
            "p0 open ~/m/f",
            "p0 read ~/m/f, 4 B",
            "p0 write ~/m/f, 4 B",
        ],
        run: overlay,
    },
];

fn trace(_: &Path) -> io::Result<()> {
    let mut child = waiting()?;
    let pid = Pid::from_raw(child.id().cast_signed());
    ptrace::attach(pid)?;
    waitpid(pid, None)?;
    ptrace::detach(pid, None)?;
    child.kill()?;
    child.wait().map(drop)
}

fn write_memory(_: &Path) -> io::Result<()> {
    let mut child = waiting()?;
    // Its stack is the one place that is surely there and may be written.
    let maps = fs::read_to_string(format!("/proc/{}/maps", child.id()))?;
    let stack = maps.lines().find(|line| line.ends_with("[stack]")).and_then(|line| line.split('-').next());
    let base = stack.and_then(|start| usize::from_str_radix(start, 16).ok()).ok_or(io::ErrorKind::NotFound)?;
    let remote = [RemoteIoVec { base, len: 1 }];
    let written = process_vm_writev(Pid::from_raw(child.id().cast_signed()), &[IoSlice::new(b"0")], &remote);
    child.kill()?;
    child.wait()?;
    match written {
        Err(Errno::ENOSYS) => Err(io::ErrorKind::Unsupported.into()),
        outcome => Ok(outcome.map(drop)?),
    }
}

/// Enters a mount namespace of its own, so that the machine is left as it was.
fn leave_mounts(folder: &Path) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    env::set_current_dir(folder)
}

fn overlay(folder: &Path) -> io::Result<()> {
    leave_mounts(folder)?;
    for name in ["lower", "upper", "work", "m"] {
        fs::create_dir(name)?;
    }
    fs::write("lower/f", "text")?;
    let options = Some("lowerdir=lower,upperdir=upper,workdir=work");
    match mount(Some("overlay"), "m", Some("overlay"), MsFlags::empty(), options) {
        Err(Errno::ENODEV) => return Err(io::ErrorKind::Unsupported.into()),
        outcome => outcome?,
    }
    fs::read("m/f")?;
    // The file moves to the upper folder; it stays the file that it was.
    fs::OpenOptions::new().append(true).open("m/f")?.write_all(b"more")?;
    Ok(umount("m")?)
}

/// The same file through a bind mount.
fn bind_mount(folder: &Path) -> io::Result<()> {
    leave_mounts(folder)?;
    fs::create_dir("a")?;
    fs::create_dir("b")?;
    fs::write("a/f", "")?;
    mount(Some("a"), "b", None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    fs::File::open("b/f")?;
    Ok(umount("b")?)
}
