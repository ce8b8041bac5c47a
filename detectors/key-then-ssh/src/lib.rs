//! Onward with a key that was read just before.
//!
//! Severity: high where the key is not of the client's own user's home, or below a network service; else nothing is said. Known false
//! alarms: deployments that keep keys outside of homes.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Onward with a key",
    techniques: ["T1021.004", "T1552.004"],
    triggers: [on(Operations::CONNECT).ports([22..=22])],
    reach: reach(2).nodes(96).operations(Operations::OPEN | Operations::READ | Operations::FORK | Operations::CONNECT | Operations::WRITE),
    detect,
}

const WITHIN_NS: u64 = 600 * 1_000_000_000;

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, socket)) = seen.doer().zip(seen.object()) else { return vec![] };
    let since = seen.event.time.saturating_sub(WITHIN_NS);
    let is_key = |&(edge, file): &(Edge, NodeIndex)| {
        let path = seen.file(file).and_then(|file| file.path).unwrap_or("");
        let is_key = fits("**/id_*", path) && !path.ends_with(".pub") || path.ends_with(".pem");
        edge.last >= since && edge.operation.flows_inward() && is_key
    };
    let kin = std::iter::once(seen.subject()).chain(process.parent);
    let Some((_, key)) = kin.flat_map(|kin| seen.deeds(kin)).find(is_key) else { return vec![] };
    let path = seen.file(key).and_then(|file| file.path).unwrap_or("");
    let is_own = fits("/home/*/.ssh/id_*", path) || fits("/root/.ssh/id_*", path);
    let is_served = process.under_server && !process.ancestor_names().any(|name| name.starts_with("sshd"));
    if is_own && !is_served {
        return vec![];
    }
    let reason = format!("{} goes on by ssh with {path}", process.name());
    vec![finding(Severity::High, "goes on by ssh with a key it came upon", reason, [seen.subject(), socket, key])]
}
