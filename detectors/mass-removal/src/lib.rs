//! Data goes, file after file.
//!
//! Severity: medium, high where the removed were read by a process of the same parent just before, as encryption does. Known false
//! alarms: people who tidy up; uninstallers.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Mass removal",
    techniques: ["T1485"],
    triggers: [on(Operations::UNLINK)
        .executables(["**/{rm,shred,unlink,srm,wipe,find,perl,python*,busybox,sh,bash,dash}", "/{tmp,home,root,dev,opt,srv}/**"])
        .paths(["/{home,srv,root,mnt,media,data,opt}/**", "/var/{www,lib,mail,spool}/**"])],
    reach: reach(3).nodes(128).operations(Operations::FORK | Operations::UNLINK | Operations::READ | Operations::OPEN),
    detect,
}

const MIN: usize = 8;
const WITHIN_NS: u64 = 120 * 1_000_000_000;

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    let since = seen.event.time.saturating_sub(WITHIN_NS);
    let is_cache =
        |path: &str| ["/.cache/", "/tmp/", "~", ".swp", ".o", ".lock"].iter().any(|part| path.contains(part));
    let kin: Vec<_> = match process.parent {
        Some(parent) => seen.objects(parent, &[Operation::Fork]),
        None => vec![seen.subject()],
    };
    let mut removed = Vec::new();
    for &kin in kin.iter().chain([&seen.subject()]) {
        for (edge, file) in
            seen.deeds(kin).filter(|(edge, _)| edge.operation == Operation::Unlink && edge.last >= since)
        {
            let path = seen.file(file).and_then(|file| file.path).unwrap_or("/tmp/");
            let is_own = seen.file(file).and_then(|file| file.writer).is_some_and(|writer| kin == writer);
            if !is_cache(path) && !is_own && !removed.contains(&file) && edge.count > 0 {
                removed.push(file);
            }
        }
    }
    if removed.len() < MIN {
        return vec![];
    }
    let is_read = |file: &&NodeIndex| {
        let mut readers =
            seen.done_to(**file).filter(|(edge, _)| edge.operation.flows_inward()).map(|(_, reader)| reader);
        readers.any(|reader| reader != seen.subject() && kin.contains(&reader))
    };
    let severity = if removed.iter().filter(is_read).count() * 2 >= MIN { Severity::High } else { Severity::Medium };
    let reason = format!("{} files of others are gone within two minutes, by {}", removed.len(), process.name());
    let nodes = process.parent.into_iter().chain([seen.subject()]).chain(removed.into_iter().take(5));
    vec![finding(severity, "removes files of others one by one", reason, nodes)]
}
