//! Mining on somebody else's electricity.
//!
//! Severity: high by the command line of a miner, medium by a pool's port from a program of no package. Known false alarms: other
//! services on those ports.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Miner",
    techniques: ["T1496.001"],
    triggers: [
        on(Operations::EXEC).command_lines([
            "*stratum+tcp*", "*stratum+ssl*", "*--donate-level*", "*xmrig*", "*minerd *", "*cpuminer*", "*nicehash*", "*--coin=monero*",
        ]),
        on(Operations::CONNECT)
            .executables(["/{tmp,dev,home,root,run,opt}/**", "/var/**", "memfd:*"])
            .ports([3333..=3333, 5555..=5555, 7777..=7777, 9999..=9999, 14433..=14444, 45560..=45700]),
    ],
    reach: at_hand(),
    detect,
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    let severity = if matches!(seen.event.operation, Operation::Exec) { Severity::High } else { Severity::Medium };
    let nodes = [seen.subject()].into_iter().chain(seen.object());
    vec![finding(severity, "mines, as it seems", short(process.command()).to_owned(), nodes)]
}
