//! What a package brings talks to strangers at once.
//!
//! Severity: high below dpkg, rpm and apk, whose packages hold all that they need; medium below pip, npm and gem, of which some fetch
//! a second part. Known false alarms: packages of fonts and firmware that fetch what may not be shipped.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Package script calls out",
    techniques: ["T1195.002", "T1105"],
    triggers: [on(Operations::CONNECT).ports([1..=52, 54..=65535]).given(Conditions::OTHER_MACHINE)],
    reach: at_hand(),
    detect,
}

const WHOLE: &[&str] = &["dpkg", "rpm", "apk"];
const IN_PARTS: &[&str] = &["pip", "pip3", "npm", "gem", "yarn", "cargo"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, socket)) = seen.doer().zip(seen.object()) else { return vec![] };
    let Some(remote) = seen.socket(socket).and_then(|socket| socket.other_machine()) else { return vec![] };
    let below = |managers: &'static [&'static str]| {
        process.ancestor_names().find_map(|name| managers.iter().find(|known| **known == name))
    };
    let (severity, manager) = match (below(WHOLE), below(IN_PARTS)) {
        (Some(manager), _) => (Severity::High, manager),
        (None, Some(manager)) => (Severity::Medium, manager),
        (None, None) => return vec![],
    };
    let reason = format!("{} below {manager} connects to {remote}: {}", process.name(), short(process.command()));
    vec![finding(severity, "a package's script calls out", reason, [seen.subject(), socket])]
}
