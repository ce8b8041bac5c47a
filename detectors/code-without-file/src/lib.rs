//! Execution from memfd or from a deleted file.
//!
//! Severity: high for an executable, which nobody can look at afterwards; medium for mapped code. Known false alarms: runtimes that
//! load generated code from memfd (some Java and .NET), container runtimes that run themselves from memory (runc).

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Code without a file",
    techniques: ["T1620", "T1027.011"],
    triggers: [
        on(Operations::EXEC | Operations::MAP_EXECUTABLE).paths(["memfd:*", "/memfd:*", "/dev/fd/*", "/proc/*/fd/*", "/proc/self/fd/*"]),
        on(Operations::EXEC).paths(["**/*(deleted)", "/{tmp,dev,run,home,root}/**", "/var/**"]),
    ],
    reach: at_hand(),
    detect,
}

const RUNTIMES: &[&str] = &["runc", "crun", "java", "dotnet", "systemd-executor"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    let is_nameless = seen.file(file).is_some_and(|file| {
        let path = file.path.unwrap_or("");
        matches!(file.kind, FileKind::Memory) || file.unlinked || path.contains("memfd:") || path.ends_with("(deleted)")
    });
    let parent = process.parent_executable().map_or("", base_name);
    if !is_nameless || is_any(parent, RUNTIMES) {
        return vec![];
    }
    let (severity, verb) = match seen.event.operation {
        Operation::Exec => (Severity::High, "runs"),
        _ => (Severity::Medium, "maps"),
    };
    let reason = format!("{verb} {}, started by {parent}", seen.object_path().unwrap_or("a file without a name"));
    vec![finding(severity, format!("{verb} code without a file"), reason, [seen.subject(), file])]
}
