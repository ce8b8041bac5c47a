//! A shell whose input or output is a connection to another machine.
//!
//! Severity: critical where it came by its socket from another program (its streams were a socket when it began), else high: a
//! shell opens connections only by /dev/tcp. Known false alarms: none known; scripts that probe ports by /dev/tcp.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Reverse shell",
    techniques: ["T1059.004", "T1095"],
    triggers: [on(Operations::READ | Operations::RECEIVE | Operations::WRITE | Operations::SEND | Operations::CONNECT)
        .executables(["**/{sh,ash,bash,dash,zsh,ksh,csh,tcsh,fish}"])
        .ports([1..=65535])
        .given(Conditions::OTHER_MACHINE)],
    reach: reach(2).nodes(32),
    detect,
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, socket)) = seen.doer().zip(seen.object()) else { return vec![] };
    let Some(remote) = seen.socket(socket).filter(|socket| !socket.inbound).and_then(|socket| socket.other_machine())
    else {
        return vec![];
    };
    // Whoever opened it is in sight: another program that did hands it over.
    let opener = seen.done_to(socket).find(|(edge, by)| edge.operation == Operation::Connect && *by != seen.subject());
    let severity = if opener.is_some() { Severity::Critical } else { Severity::High };
    let reason = format!("{} talks to {remote}: {}", process.name(), short(process.command()));
    let nodes = [seen.subject(), socket].into_iter().chain(opener.map(|(_, by)| by));
    vec![finding(severity, "a shell talks to another machine", reason, nodes)]
}
