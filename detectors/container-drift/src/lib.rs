//! What a container writes and then runs.
//!
//! Severity: high below a network service, medium else. Known false alarms: images that install at their start.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Container drift",
    techniques: ["T1610", "T1204.003"],
    triggers: [on(Operations::EXEC).given(Conditions::IN_CONTAINER | Conditions::WRITTEN)],
    reach: at_hand(),
    detect,
}

const MANAGERS: &[&str] = &[
    "dpkg", "apk", "rpm", "runc", "pip", "npm", "cp", "install", "ld", "collect2", "cc", "gcc", "go", "rustc", "link",
];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    let Some(container) = process.container() else { return vec![] };
    let Some(writer) = seen.file(file).and_then(|file| file.writer) else { return vec![] };
    let wrote = seen.process(writer).map_or("", |writer| writer.name());
    if is_any(wrote, MANAGERS) || wrote.contains("ld.") || wrote.ends_with("-ld") {
        return vec![];
    }
    let severity = if process.under_server { Severity::High } else { Severity::Medium };
    let reason =
        format!("{} in {container} was written by {wrote} after it began", seen.object_path().unwrap_or("a file"));
    vec![finding(severity, "a container runs what its image did not hold", reason, [seen.subject(), file, writer])]
}
