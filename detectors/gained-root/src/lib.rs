//! User 0 out of nowhere.
//!
//! Severity: critical: set-user-id programs act before their first event, and this one did not come by one. Known false alarms:
//! services that keep a saved user 0 and were first seen without it; sources that do not tell the user that an exec gave, for programs
//! that are not known here.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Became root",
    techniques: ["T1068"],
    triggers: [on(Operations::CHANGE_CREDENTIALS).users([0]).facts(Facts::GAINED_PRIVILEGE)],
    reach: at_hand(),
    detect,
}

/// Made to become root; some sources tell of it only when they do so by a call of their own.
const MADE_TO: &[&str] = &[
    "sudo",
    "su",
    "doas",
    "pkexec",
    "sshd",
    "sshd-session",
    "login",
    "cron",
    "crond",
    "atd",
    "passwd",
    "chsh",
    "chfn",
    "newgrp",
    "gpasswd",
    "mount",
    "umount",
    "fusermount",
    "fusermount3",
    "ping",
    "at",
    "crontab",
    "snap-confine",
    "polkit-agent-helper-1",
    "dbus-daemon-launch-helper",
    "unix_chkpwd",
    "ssh-keysign",
    "newuidmap",
    "newgidmap",
    "gdm-session-worker",
    "lightdm",
    "systemd",
    "(systemd)",
];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer().filter(|process| process.facts.contains(Facts::GAINED_PRIVILEGE)) else {
        return vec![];
    };
    let path = process.executable().unwrap_or("");
    let is_of_system =
        !path.contains('/') || ["/usr/**", "/bin/**", "/sbin/**", "/lib/**"].iter().any(|glob| fits(glob, path));
    if is_of_system && is_any(process.name(), MADE_TO) {
        return vec![];
    }
    let reason = format!(
        "{} became user 0 while it ran, started by {}",
        process.name(),
        process.ancestor_names().next().unwrap_or("?")
    );
    vec![finding(Severity::Critical, "became root without a way to", reason, [seen.subject()])]
}
