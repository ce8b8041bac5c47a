//! Fetched and read by an interpreter: no mode is changed and nothing is executed but the interpreter itself.
//!
//! Severity: high from a system folder or below a service, else medium. Known false alarms: installers that are fetched and run by hand.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Fetched script run",
    techniques: ["T1105", "T1059"],
    triggers: [on(Operations::OPEN | Operations::READ)
        .executables(["**/{sh,ash,bash,dash,zsh,ksh,perl,ruby,lua,php,node,python,python2,python3}", "**/python3.*"])
        // One that is known.
        .paths(["**"])
        .given(Conditions::WRITTEN)],
    reach: at_hand(),
    detect,
}

const FETCHERS: &[&str] =
    &["curl", "wget", "scp", "sftp", "sftp-server", "ftp", "tftp", "nc", "ncat", "netcat", "aria2c", "busybox"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    let Some((writer, path)) = seen.file(file).and_then(|file| file.writer).zip(seen.object_path()) else {
        return vec![];
    };
    let fetcher = seen.process(writer).map_or("", |writer| writer.name());
    // What it is told to run stands in its command line; what it only reads as data does not, and /dev/null is nobody's script.
    let is_device = fits("/dev/*", path);
    let is_run =
        !is_device && process.arguments().skip(1).any(|argument| !argument.is_empty() && path.ends_with(argument));
    if !is_any(fetcher, FETCHERS) || !is_run {
        return vec![];
    }
    let is_system =
        ["/usr/**", "/lib/**", "/etc/**", "/bin/**", "/sbin/**", "/var/lib/**"].iter().any(|glob| fits(glob, path));
    let severity = if is_system || process.is_served() { Severity::High } else { Severity::Medium };
    let reason = format!("{} runs {path}, which {fetcher} had fetched", process.name());
    vec![finding(severity, "runs a script that was fetched", reason, [seen.subject(), file, writer])]
}
