//! A dot in front of a program's name, where anybody may write.
//!
//! Severity: high where it runs as root or below a service, else medium. Known false alarms: build tools and self-extracting installers
//! that unpack into hidden folders are not meant, only hidden files are.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Hidden program",
    techniques: ["T1564.001"],
    triggers: [on(Operations::EXEC).paths(["/{tmp,dev,run,srv}/**/.*", "/var/{tmp,www,lib,spool,log,run}/**/.*", "/{etc,usr,lib}/**/.*"])],
    reach: at_hand(),
    detect,
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    let path = seen.object_path().unwrap_or("");
    if !base_name(path).starts_with('.') {
        return vec![];
    }
    let is_bad = process.user == Some(0) || process.is_served();
    let severity = if is_bad { Severity::High } else { Severity::Medium };
    let reason = format!("{path} runs, started by {}", process.ancestor_names().next().unwrap_or("an unknown program"));
    vec![finding(severity, "runs a hidden program", reason, [seen.subject(), file])]
}
