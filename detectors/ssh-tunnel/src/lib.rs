//! Tunnels and forwarded ports by ssh.
//!
//! Severity: high below a network service, medium for a remote forward or a tunnel, low for a local forward, as developers make
//! them all day. Known false alarms: autossh of a monitoring.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Tunnel by ssh",
    techniques: ["T1572", "T1090"],
    triggers: [on(Operations::EXEC).paths(["**/{ssh,autossh,sshuttle,dbclient}"])],
    reach: at_hand(),
    detect,
}

/// The options of ssh(1) before the destination; what follows it is a command for the other machine.
fn flags(process: Process<'_>) -> Vec<char> {
    const WITH_VALUE: &str = "BbcDEeFIiJLlmOoPpQRSWw";
    let (mut flags, mut arguments) = (Vec::new(), process.arguments().skip(1));
    while let Some(argument) = arguments.next() {
        let Some(letters) = argument.strip_prefix('-') else { break };
        for (at, flag) in letters.char_indices() {
            flags.push(flag);
            if WITH_VALUE.contains(flag) {
                if at + 1 == letters.len() {
                    arguments.next();
                }
                break;
            }
        }
    }
    flags
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    let flags = flags(process);
    let has = |letters: &str| flags.iter().any(|flag| letters.contains(*flag));
    let severity = match () {
        () if !has("RLDwW") => return vec![],
        () if process.under_server && !process.ancestor_names().any(|name| name.starts_with("sshd")) => Severity::High,
        () if has("RDw") => Severity::Medium,
        () => Severity::Low,
    };
    vec![finding(severity, "ssh forwards connections", short(process.command()).to_owned(), [seen.subject()])]
}
