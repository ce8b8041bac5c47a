//! Fetched, and now to be run.
//!
//! Severity: high below a network service, medium in folders for temporary files and of the system, low else. Known false alarms: people who install
//! single programs by hand, which is low.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Fetched and made executable",
    techniques: ["T1105", "T1222.002"],
    triggers: [on(Operations::CHMOD)
        .paths(["/{tmp,dev,home,root,run,opt,srv,usr,lib,bin,sbin,etc}/**", "/var/**"])
        .given(Conditions::WRITTEN)],
    reach: at_hand(),
    detect,
}

/// For owner, group and others.
const EXECUTABLE: u16 = 0o111;

const FETCHERS: &[&str] = &[
    "curl",
    "wget",
    "scp",
    "sftp",
    "sftp-server",
    "ftp",
    "tftp",
    "nc",
    "ncat",
    "netcat",
    "aria2c",
    "fetch",
    "busybox",
];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    let Some(writer) = seen.file(file).and_then(|file| file.writer) else { return vec![] };
    let fetcher = seen.process(writer).map_or("", |writer| writer.name());
    // Where it is told which mode is set, it is one that lets somebody run it who could not before.
    let makes_executable = seen.mode().is_none_or(|mode| mode.gains(EXECUTABLE) != 0);
    if !is_any(fetcher, FETCHERS) || is_any(process.name(), FETCHERS) || !makes_executable {
        return vec![];
    }
    let path = seen.object_path().unwrap_or("");
    let is_telling = ["/tmp/**", "/var/tmp/**", "/dev/shm/**", "/usr/**", "/lib/**", "/bin/**", "/sbin/**", "/etc/**"]
        .iter()
        .any(|glob| fits(glob, path));
    let severity = match () {
        () if process.is_served() => Severity::High,
        () if is_telling => Severity::Medium,
        () => Severity::Low,
    };
    let reason = format!("{path} was fetched by {fetcher} and its mode is changed by {}", process.name());
    vec![finding(severity, "makes executable what was fetched", reason, [seen.subject(), file, writer])]
}
