//! A service's child that talks to strangers.
//!
//! Severity: medium: the service itself may, its other programs have no reason to; high if it runs what its lineage wrote. Known false
//! alarms: webhooks by helper programs, mail from a web application.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Called out below a service",
    techniques: ["T1071"],
    triggers: [on(Operations::CONNECT)
        .ports([1..=52, 54..=65535])
        .facts(Facts::CALLS_OUT)
        .given(Conditions::OTHER_MACHINE)],
    reach: at_hand(),
    detect,
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, socket)) = seen.doer().zip(seen.object()) else { return vec![] };
    let Some(remote) = seen.socket(socket).and_then(|socket| socket.other_machine()) else { return vec![] };
    if !process.facts.contains(Facts::CALLS_OUT) || process.ancestor_names().any(|name| name.starts_with("sshd")) {
        return vec![];
    }
    let severity = if process.facts.contains(Facts::RAN_OWN_WRITE) { Severity::High } else { Severity::Medium };
    let reason = format!(
        "{} below {} connects to {remote}",
        process.name(),
        process.ancestor_names().next().unwrap_or("a service")
    );
    vec![finding(severity, "calls out from below a service", reason, [seen.subject(), socket])]
}
