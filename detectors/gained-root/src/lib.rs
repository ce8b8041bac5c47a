//! User 0 out of nowhere.
//!
//! Severity: critical: set-user-id programs act before their first event, and this one did not come by one. Known false alarms:
//! services that keep a saved user 0 and were first seen without it.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Became root",
    techniques: ["T1068"],
    triggers: [on(Operations::CHANGE_CREDENTIALS).users([0])],
    reach: reach(2).nodes(32),
    detect,
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer().filter(|process| process.facts.contains(Facts::GAINED_PRIVILEGE)) else {
        return vec![];
    };
    let reason = format!(
        "{} became user 0 while it ran, started by {}",
        process.name(),
        process.ancestor_names().next().unwrap_or("?")
    );
    vec![finding(Severity::Critical, "became root without a way to", reason, [seen.subject()])]
}
