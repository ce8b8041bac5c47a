//! Users and groups, written by hand.
//!
//! Severity: high: the programs that do it keep their own locks and formats. Known false alarms: configuration management without
//! useradd, editors of administrators.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Accounts changed by hand",
    techniques: ["T1136.001", "T1098"],
    triggers: [on(Operations::WRITE | Operations::RENAME | Operations::CREATE | Operations::TRUNCATE)
        .paths(["/etc/{passwd,shadow,group,gshadow,subuid,subgid}"])],
    reach: at_hand(),
    detect,
}

const MANAGERS: &[&str] = &[
    "useradd",
    "usermod",
    "userdel",
    "groupadd",
    "groupmod",
    "groupdel",
    "gpasswd",
    "passwd",
    "chage",
    "chpasswd",
    "chsh",
    "chfn",
    "adduser",
    "vipw",
    "vigr",
    "pwconv",
    "systemd-sysusers",
    "systemd-homed",
    "dpkg",
    "rpm",
    "shadowconfig",
    "newusers",
    "accounts-daemon",
];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    if is_any(process.name(), MANAGERS) {
        return vec![];
    }
    let reason = format!("{} changed {}", process.name(), seen.object_path().unwrap_or("it"));
    vec![finding(Severity::High, "changes accounts by hand", reason, [seen.subject(), file])]
}
