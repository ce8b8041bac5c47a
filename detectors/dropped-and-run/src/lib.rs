//! Download, make executable, run: in any order of helpers.
//!
//! Severity: high if whoever wrote the file, or a process that it took data from, had talked to another machine before; medium
//! if nobody in sight had. Known false alarms: installers that unpack and run their parts; build trees under /home.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Dropped and run",
    techniques: ["T1105", "T1204.002"],
    triggers: [on(Operations::EXEC)
        .paths(["/{tmp,home,root,dev,run,srv,opt}/**", "/var/{tmp,www,lib,run,spool}/**"])
        .facts(Facts::RAN_OWN_WRITE)
        .given(Conditions::WRITTEN)],
    reach: reach(3).nodes(64),
    detect,
}

const BUILDERS: &[&str] =
    &["cc1", "ld", "collect2", "rustc", "go", "link", "cargo", "make", "ninja", "dpkg", "rpm", "apt-get"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    let Some(writer) = seen.file(file).and_then(|file| file.writer) else { return vec![] };
    let is_built = |name: &str| BUILDERS.iter().any(|builder| name == *builder || name.starts_with("ld."));
    let is_own = process.facts.contains(Facts::RAN_OWN_WRITE);
    if !is_own || seen.process(writer).is_none_or(|writer| is_built(writer.name())) {
        return vec![];
    }
    let path = seen.object_path().unwrap_or("a file");
    let sources = std::iter::once(writer).chain(seen.upstream(writer));
    let peer = sources
        .flat_map(|source| seen.deeds(source))
        .find(|(_, socket)| seen.socket(*socket).is_some_and(|socket| socket.other_machine().is_some()));
    let name = seen.process(writer).map_or("", |writer| writer.name());
    match peer {
        Some((_, socket)) => {
            let reason = format!("{path} was written by {name}, with data from another machine, and is run");
            vec![finding(
                Severity::High,
                "ran what had come over the network",
                reason,
                [seen.subject(), file, writer, socket],
            )]
        }
        None => {
            let reason = format!("{path} was written by {name} of the same lineage and is run");
            vec![finding(Severity::Medium, "ran what its lineage had written", reason, [seen.subject(), file, writer])]
        }
    }
}
