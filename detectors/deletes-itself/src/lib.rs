//! Nothing left to look at.
//!
//! Severity: high below a network service or from what its own lineage wrote, medium else. Known false alarms: installers that clean
//! up after themselves.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Deletes itself",
    techniques: ["T1070.004"],
    triggers: [on(Operations::UNLINK).paths(["/{tmp,dev,home,root,run,opt,srv}/**", "/var/**"]).given(Conditions::OWN_EXECUTABLE)],
    reach: at_hand(),
    detect,
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    let path = seen.object_path();
    if path.is_none() || path != process.executable() {
        return vec![];
    }
    let is_bad = process.under_server || process.facts.contains(Facts::RAN_OWN_WRITE);
    let severity = if is_bad { Severity::High } else { Severity::Medium };
    let reason = format!("{} runs on without its file", process.name());
    vec![finding(severity, "removes its own executable", reason, [seen.subject(), file])]
}
