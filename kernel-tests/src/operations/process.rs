use super::{IDLE, Operation, WAIT};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "start a process",
        edges: &["p0 fork p1", "p1 exec itself with idle", "p1 exit"],
        run: |_| itself().arg(IDLE).status().map(drop),
    },
    Operation {
        name: "start a process with long arguments",
        edges: &["p0 fork p1", "p1 exec itself with 5005 B of arguments", "p1 exit"],
        run: |_| itself().args([IDLE, &"a".repeat(5000)]).status().map(drop),
    },
    Operation {
        name: "start a process with more arguments than are kept",
        edges: &["p0 fork p1", "p1 exec itself with 8176 B of arguments, truncated", "p1 exit"],
        run: |_| itself().args([IDLE, &"a".repeat(50_000)]).status().map(drop),
    },
    Operation {
        name: "start a process as another user",
        edges: &["p0 fork p1", "p1 change-credentials to user 65534", "p1 exec itself with idle", "p1 exit"],
        run: start_as_another,
    },
    Operation {
        name: "kill a process",
        edges: &[
            "p0 fork p1",
            "p1 exec itself with wait",
            "p1 write a pipe, 1 B",
            "p0 read a pipe, 1 B",
            "p0 signal p1 with 9",
            "p1 exit",
        ],
        run: kill,
    },
];

/// The user `nobody`.
const NOBODY: u32 = 65_534;

pub fn itself() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A process that waits for the end of its stdin, which does not come.
pub fn waiting() -> io::Result<Child> {
    let mut child = itself().arg(WAIT).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    // It says so when it waits.
    let stdout = child.stdout.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
    io::Read::read_exact(stdout, &mut [0])?;
    Ok(child)
}

fn start_as_another(_: &Path) -> io::Result<()> {
    // A folder may forbid the other user to reach the program; the user was changed before.
    let _ = itself().arg(IDLE).gid(NOBODY).uid(NOBODY).status();
    Ok(())
}

fn kill(_: &Path) -> io::Result<()> {
    let mut child = waiting()?;
    child.kill()?;
    child.wait().map(drop)
}
