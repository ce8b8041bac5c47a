//! Credentials of the machine, asked for at 169.254.169.254.
//!
//! Severity: high below a network service, medium by a shell's tools, low by other programs, as software development kits do.
//! Known false alarms: software that runs on the machine's own identity, which is low.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Cloud metadata read",
    techniques: ["T1552.005"],
    triggers: [on(Operations::CONNECT).ports([80..=80]).given(Conditions::OTHER_MACHINE)],
    reach: at_hand(),
    detect,
}

const AGENTS: &[&str] =
    &["cloud-init", "amazon-ssm-agent", "google_guest_agent", "waagent", "systemd-networkd", "chronyd"];
const BY_HAND: &[&str] = &["curl", "wget", "nc", "ncat", "bash", "sh", "socat", "php", "perl"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, socket)) = seen.doer().zip(seen.object()) else { return vec![] };
    let remote = seen.socket(socket).and_then(|socket| socket.remote);
    if remote.is_none_or(|remote| remote.ip().to_string() != "169.254.169.254") || is_any(process.name(), AGENTS) {
        return vec![];
    }
    let severity = match () {
        () if process.under_server || process.serves => Severity::High,
        () if is_any(process.name(), BY_HAND) => Severity::Medium,
        () => Severity::Low,
    };
    let reason = format!("{} asks for the machine's credentials: {}", process.name(), short(process.command()));
    vec![finding(severity, "asks the cloud's metadata service", reason, [seen.subject(), socket])]
}
