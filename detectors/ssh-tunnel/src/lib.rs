//! Tunnels and forwarded ports by ssh.
//!
//! Severity: high below a network service, medium for a remote forward or a tunnel, low for a local forward, as developers make
//! them all day. Known false alarms: autossh of a monitoring.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Tunnel by ssh",
    techniques: ["T1572", "T1090"],
    triggers: [on(Operations::EXEC).paths(["**/{ssh,autossh,sshuttle,dbclient}"])],
    reach: reach(1).nodes(16),
    detect,
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    let has = |letters: &str| {
        process.arguments().skip(1).any(|argument| {
            let flags = argument.strip_prefix('-').filter(|flags| !flags.starts_with('-'));
            flags
                .and_then(|flags| flags.chars().find(|flag| "RLDwW".contains(*flag)))
                .is_some_and(|flag| letters.contains(flag))
        })
    };
    let severity = match () {
        () if !has("RLDwW") => return vec![],
        () if process.under_server && !process.ancestor_names().any(|name| name.starts_with("sshd")) => Severity::High,
        () if has("RDw") => Severity::Medium,
        () => Severity::Low,
    };
    vec![finding(severity, "ssh forwards connections", short(process.command()).to_owned(), [seen.subject()])]
}
