//! Into another process by ptrace or through its memory file.
//!
//! Severity: high below a network service, or through /proc/PID/mem; medium else. Known false alarms: debuggers that attach by
//! number, of which the usual ones are known here.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Reached into another process",
    techniques: ["T1055.008", "T1055.009"],
    triggers: [
        on(Operations::PTRACE),
        on(Operations::WRITE).paths(["/proc/*/{mem,task/*/mem}"]),
    ],
    reach: reach(1).nodes(16),
    detect,
}

const DEBUGGERS: &[&str] =
    &["gdb", "gdbserver", "strace", "ltrace", "lldb", "lldb-server", "perf", "rr", "criu", "dlv"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, other)) = seen.doer().zip(seen.object()) else { return vec![] };
    let is_memory = !matches!(seen.event.operation, Operation::Ptrace);
    let is_stranger = process.facts.contains(Facts::ENTERED_PROCESS)
        && seen.lineage(other).all(|(ancestor, _)| ancestor != seen.subject());
    if is_any(process.name(), DEBUGGERS) || !is_memory && !is_stranger {
        return vec![];
    }
    let severity = if is_memory || process.under_server { Severity::High } else { Severity::Medium };
    let target = seen.object_process().map_or("another process", |target| target.name());
    let reason = format!("{} reached into {target}: {}", process.name(), short(process.command()));
    vec![finding(severity, "reaches into another process", reason, [seen.subject(), other])]
}
