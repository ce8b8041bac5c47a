//! What many write without being part of what the others do: not labelled, whoever writes it (docs/lab.md, "Truth").

use tracewell_model::Operation;

/// Folders that lie in nobody's storage, or that every process of a kind writes in passing, each with the reason.
const FOLDERS: &[(&str, &str)] = &[
    ("/dev/", "devices, terminals and shared memory"),
    ("/proc/", "the kernel's, not files"),
    ("/sys/", "the kernel's, not files"),
    ("/run/sudo/", "sudo notes there who asked for a password last"),
    ("/run/utmp", "who is logged in: every login"),
    ("/var/lib/engine/image/", "what runc makes anew for every container"),
    ("/var/lib/postgresql/data/", "the store of a service that writes it for every client"),
];

/// Logs: a line more is written by every login and job; taking lines out of them, removing or replacing them is an act.
const LOGS: &str = "/var/log/";

/// Operations that change a file, its name, its owner, its times or what may be done with it.
pub const CHANGES: &[Operation] = &[
    Operation::Write,
    Operation::Create,
    Operation::Rename,
    Operation::Unlink,
    Operation::Link,
    Operation::Chmod,
    Operation::Chown,
    Operation::SetTimes,
    Operation::Truncate,
    Operation::Memfd,
];

/// Whether a file that an attack changed so says nothing of it.
pub fn is_shared(path: &str, op: Operation) -> bool {
    FOLDERS.iter().any(|(folder, _)| path.starts_with(folder)) || op == Operation::Write && path.starts_with(LOGS)
}
