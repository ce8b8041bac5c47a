//! A listener on port 8888 by netcat: the example of the public RuntimeRadar guide, and the first in `docs/detectors.md`.
//!
//! Severity: high on that port, which the guide calls the attacker's; medium on any other, where an administrator may be
//! copying a file. Known false alarms: port checks and one-off transfers by hand.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Netcat listener",
    techniques: ["T1571", "T1059.004"],
    triggers: [
        on(Operations::LISTEN).executables(["**/nc", "**/ncat", "**/netcat", "**/nc.{openbsd,traditional}", "**/socat"]),
    ],
    reach: at_hand(),
    detect,
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(socket) = seen.object() else { return vec![] };
    let Some((process, local)) = seen.doer().zip(seen.socket(socket).and_then(|socket| socket.local)) else {
        return vec![];
    };
    let severity = if local.port == 8888 { Severity::High } else { Severity::Medium };
    let started_by = process.ancestor_names().next().filter(|name| !name.is_empty()).unwrap_or("an unknown program");
    let reason = format!(
        "{} listens on {local}, started by {started_by}. It hands whoever connects a file or a shell, and is no server.",
        process.name()
    );
    vec![finding(severity, format!("netcat listens on port {}", local.port), reason, [seen.subject(), socket])]
}
