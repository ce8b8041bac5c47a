//! Fetched and run without ever being a file: no command line holds both programs, only the pipe between them tells.
//!
//! Severity: high below a service or a job of cron, where nobody follows instructions, and where a program between the two makes other
//! text of it, as base64 does; else medium, also for root: people who administer a machine install programs so. Known false alarms:
//! installers that say to do just that.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Piped to a shell",
    techniques: ["T1059.004", "T1105"],
    triggers: [on(Operations::READ)
        .executables(["**/{sh,ash,bash,dash,zsh,ksh,perl,ruby,php,node,python,python2,python3}", "**/python3.*"])
        .given(Conditions::PIPE)],
    reach: reach(3).nodes(48).operations(Operations::READ | Operations::WRITE | Operations::CONNECT | Operations::RECEIVE),
    detect,
}

const FETCHERS: &[&str] = &["curl", "wget", "fetch", "aria2c", "nc", "ncat", "netcat", "openssl", "ftp", "tftp", "ssh"];
/// What may stand between them.
const FILTERS: &[&str] = &[
    "base64", "gzip", "gunzip", "zcat", "xz", "xzcat", "zstd", "tar", "sed", "tr", "openssl", "xxd", "rev", "head",
    "tail", "tee",
];

/// What runs jobs at their time.
const JOBS: &[&str] = &["cron", "crond", "anacron", "atd"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, pipe)) = seen.doer().zip(seen.object()) else { return vec![] };
    let is_pipe = |node: NodeIndex| seen.file(node).is_some_and(|file| matches!(file.kind, FileKind::Pipe));
    // A script that stands in a file, or in its command line, reads its input as data.
    let is_script = process
        .arguments()
        .skip(1)
        .any(|argument| !argument.is_empty() && !is_any(argument, &["-", "-s", "--", "-i", "-x", "-e"]));
    if !is_pipe(pipe) || is_script {
        return vec![];
    }
    let name = |node: NodeIndex| seen.process(node).map_or("", |process| process.name());
    let (mut front, mut passed) = (vec![pipe], Vec::new());
    while let Some(pipe) = front.pop() {
        passed.push(pipe);
        for (edge, writer) in seen.done_to(pipe) {
            if edge.operation != Operation::Write || writer == seen.subject() {
                continue;
            }
            let peer = seen
                .deeds(writer)
                .find(|(_, other)| seen.socket(*other).is_some_and(|socket| socket.other_machine().is_some()));
            if is_any(name(writer), FETCHERS) && (peer.is_some() || name(writer) != "openssl") {
                let is_job = process.ancestor_names().any(|name| is_any(name, JOBS));
                // More than one pipe was passed.
                let is_bad = passed.len() > 1 || process.is_served() || is_job;
                let severity = if is_bad { Severity::High } else { Severity::Medium };
                let reason = format!(
                    "{} runs what {} hands it: {}",
                    process.name(),
                    name(writer),
                    seen.process(writer).map_or("", |writer| short(writer.command()))
                );
                let nodes = [seen.subject(), writer, pipe].into_iter().chain(peer.map(|(_, socket)| socket));
                return vec![finding(severity, "runs what it is handed from the network", reason, nodes)];
            }
            if is_any(name(writer), FILTERS) {
                let pipes = seen.objects(writer, &[Operation::Read]);
                front.extend(pipes.into_iter().filter(|other| is_pipe(*other) && !passed.contains(other)));
            }
        }
    }
    vec![]
}
