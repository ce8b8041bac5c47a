use super::{IDLE, Operation};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tracewell_event_abi::head::Op;

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "start a process", ops: &[Op::Fork, Op::Exec, Op::Exit], run: start },
    Operation { name: "start a process as another user", ops: &[Op::Credentials], run: start_as_another },
    Operation { name: "kill a process", ops: &[Op::Signal], run: kill },
];

/// The user `nobody`.
const NOBODY: u32 = 65_534;

fn start(_: &Path) -> io::Result<()> {
    Command::new("/proc/self/exe").arg(IDLE).status().map(drop)
}

fn start_as_another(_: &Path) -> io::Result<()> {
    // Whether it may read the program does not matter: the user was changed before.
    let _ = Command::new("/proc/self/exe").arg(IDLE).gid(NOBODY).uid(NOBODY).status();
    Ok(())
}

fn kill(_: &Path) -> io::Result<()> {
    // It waits for the end of its stdin, which does not come before it is killed.
    let mut child = Command::new("/proc/self/exe").arg(super::ACT).stdin(Stdio::piped()).spawn()?;
    let _stdin = child.stdin.take();
    child.kill()?;
    child.wait().map(drop)
}
