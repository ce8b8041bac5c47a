//! In here, out there: a pivot.
//!
//! Severity: high by a tool made for it, and by programs from homes and folders for temporary files; low by an interpreter, by which many an
//! application is run that asks another server. Servers of the system are not meant. Known false alarms: developers' own servers.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Port forward",
    techniques: ["T1090.001", "T1572"],
    triggers: [
        on(Operations::CONNECT)
            .executables([
                "**/{socat,socat1,nc,ncat,netcat,nc.*,rinetd,redir,chisel,gost,frpc,frps,ngrok,ligolo*,iox,earthworm,3proxy,microsocks,simpletun}",
                "/{tmp,home,root,dev,run,srv}/**", "/var/{tmp,www,lib,spool}/**", "memfd:*",
                "**/{python*,perl,ruby,node,php*,bash,sh,dash}",
            ])
            .ports([1..=52, 54..=65535])
            .given(Conditions::OTHER_MACHINE),
        on(Operations::EXEC).command_lines([
            "*socat *-LISTEN:* TCP*:*", "*socat *-listen:* tcp*:*", "*ncat *-l*--sh-exec*ncat *", "*iptables *DNAT*--to-destination*",
            "*nft *dnat to*", "*netsh *portproxy*",
        ]),
    ],
    reach: reach(2).nodes(64).operations(Operations::FORK | Operations::ACCEPT | Operations::CONNECT | Operations::LISTEN),
    detect,
}

const TOOLS: &[&str] = &[
    "socat",
    "socat1",
    "nc",
    "ncat",
    "netcat",
    "rinetd",
    "redir",
    "chisel",
    "gost",
    "frpc",
    "frps",
    "ngrok",
    "iox",
    "earthworm",
    "3proxy",
    "microsocks",
    "iptables",
    "nft",
];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    let title = "passes connections on to another machine";
    if matches!(seen.event.operation, Operation::Exec) {
        let severity = if process.is_served() { Severity::High } else { Severity::Medium };
        return vec![finding(severity, title, short(process.command()).to_owned(), [seen.subject()])];
    }
    let Some(outward) = seen.object() else { return vec![] };
    let Some(to) = seen.socket(outward).and_then(|socket| socket.other_machine()) else { return vec![] };
    // Some fork for each connection that they take.
    let kin = std::iter::once(seen.subject()).chain(process.parent);
    let inward = kin.flat_map(|kin| seen.deeds(kin)).find(|(edge, socket)| {
        let from = seen.socket(*socket).and_then(|socket| socket.remote);
        edge.operation == Operation::Accept && from.is_some_and(|from| from.ip() != to.ip())
    });
    let Some((_, inward)) = inward else { return vec![] };
    let path = process.executable().unwrap_or("");
    let is_stray = ["/tmp/**", "/home/**", "/root/**", "/dev/shm/**", "/var/tmp/**", "/run/**", "memfd:*"]
        .iter()
        .any(|glob| fits(glob, path));
    let is_tool = TOOLS.iter().any(|tool| process.name().starts_with(tool));
    let severity = if is_tool || is_stray { Severity::High } else { Severity::Low };
    let from =
        seen.socket(inward).and_then(|socket| socket.remote).map_or_else(String::new, |remote| remote.to_string());
    let reason = format!("{} took a connection of {from} and connects to {to}", process.name());
    vec![finding(severity, title, reason, [seen.subject(), outward, inward])]
}
