use super::{IDLE, Operation, WAIT};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, fs::Permissions, io};

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
        name: "start a script",
        edges: &[
            "p0 create ~/a",
            "p0 write ~/a, 256 B",
            "p0 chmod ~/a from 0644 to 0755 | p0 chmod ~/a to 0755",
            "p0 fork p1",
            "p1 exec itself with idle ~/a",
            "p1 map-executable ~/a",
            "p1 exit",
        ],
        run: start_script,
    },
    Operation {
        name: "start a process under the number of one that ended",
        edges: &[
            "p0 fork p1",
            "p1 exec itself with idle",
            "p1 exit",
            "p0 fork p2",
            "p2 exec itself with idle",
            "p2 exit",
        ],
        run: reuse_number,
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

/// Its interpreter is this program, which is told to do nothing; the file always has the same length.
fn start_script(folder: &Path) -> io::Result<()> {
    let (script, interpreter) = (folder.join("a"), env::current_exe()?);
    fs::write(&script, format!("{:<256}", format!("#!{} {IDLE}\n", interpreter.display())))?;
    fs::set_permissions(&script, Permissions::from_mode(0o755))?;
    Command::new(script).status().map(drop)
}

/// The kernel is told which number it gave last (man 5 proc, `ns_last_pid`). Others may take it in between.
fn reuse_number(_: &Path) -> io::Result<()> {
    const LAST: &str = "/proc/sys/kernel/ns_last_pid";
    let mut first = itself().arg(IDLE).spawn()?;
    first.wait()?;
    // Starts are told apart by clock ticks of 10 ms.
    #[expect(clippy::disallowed_methods, reason = "the time is what it is about")]
    std::thread::sleep(Duration::from_millis(30));
    match fs::write(LAST, (first.id() - 1).to_string()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        outcome => outcome?,
    }
    itself().arg(IDLE).status().map(drop)
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
