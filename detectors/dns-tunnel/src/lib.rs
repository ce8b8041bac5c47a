//! Data in the names that are asked for.
//!
//! What is seen of a question is its size and how many there were, not the name. A name is asked for in 30 to 60 bytes; one that carries
//! data fills the 255 that a name may have.
//!
//! Severity: high below a network service and from homes and folders for temporary files, medium else. Known false alarms: resolvers and
//! mail filters that ask for long names themselves; the usual ones are known here.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "DNS tunnel",
    techniques: ["T1071.004", "T1048.003", "T1572"],
    triggers: [on(Operations::SEND).ports([53..=53])],
    reach: reach(3).nodes(200).operations(Operations::SEND | Operations::FORK),
    detect,
}

const RESOLVERS: &[&str] = &[
    "systemd-resolve",
    "systemd-resolved",
    "dnsmasq",
    "unbound",
    "named",
    "coredns",
    "dnscrypt-proxy",
    "pdns_recursor",
    "kresd",
    "nscd",
    "rspamd",
    "amavisd",
    "spamd",
    "dig",
    "delv",
    "zdns",
];
const WITHIN_NS: u64 = 120 * 1_000_000_000;
/// Questions, and bytes of each on average.
const MIN: u64 = 20;
const BYTES_MIN: u64 = 100;

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    if is_any(process.name(), RESOLVERS) {
        return vec![];
    }
    let since = seen.event.time.saturating_sub(WITHIN_NS);
    // One program of its own for each question is asked by the same script.
    let siblings = process.parent.map_or_else(Vec::new, |parent| seen.objects(parent, &[Operation::Fork]));
    let is_kin = |&kin: &NodeIndex| {
        kin != seen.subject() && seen.process(kin).is_some_and(|other| other.executable() == process.executable())
    };
    let (mut n, mut bytes, mut server) = (0u64, 0u64, None);
    for kin in std::iter::once(seen.subject()).chain(siblings.into_iter().filter(is_kin)) {
        for (edge, socket) in
            seen.deeds(kin).filter(|(edge, _)| edge.operation == Operation::Send && edge.last >= since)
        {
            let remote = seen.socket(socket).and_then(|socket| socket.remote).filter(|remote| remote.port == 53);
            if remote.is_some() {
                (n, bytes, server) = (n + edge.count, bytes + edge.bytes, remote);
            }
        }
    }
    let Some(server) = server.filter(|_| n >= MIN && bytes / n >= BYTES_MIN) else { return vec![] };
    let path = process.executable().unwrap_or("");
    let is_stray =
        ["/tmp/**", "/home/**", "/root/**", "/dev/shm/**", "/var/tmp/**"].iter().any(|glob| fits(glob, path));
    let severity = if process.is_served() || is_stray { Severity::High } else { Severity::Medium };
    let reason = format!("{} sent {n} questions of {} bytes each to {server}", process.name(), bytes / n);
    vec![finding(
        severity,
        "asks a name server as if to move data",
        reason,
        [seen.subject()].into_iter().chain(seen.object()),
    )]
}
