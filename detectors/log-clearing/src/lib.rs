//! Logs and login records that vanish.
//!
//! Severity: high for login records, medium for other logs. Known false alarms: programs that rotate their
//! own logs below /var/log, of which the usual ones are known here.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Logs cleared",
    techniques: ["T1070.002"],
    triggers: [on(Operations::UNLINK | Operations::TRUNCATE | Operations::RENAME).paths([
        "/var/log/{wtmp,btmp,lastlog,auth.log,secure,syslog,messages,kern.log,audit/audit.log,cron.log}",
        "/var/{run,log}/utmp", "/run/utmp",
    ])],
    reach: at_hand(),
    detect,
}

const ROTATORS: &[&str] = &["logrotate", "systemd-journald", "rsyslogd", "syslog-ng", "auditd", "newsyslog", "savelog"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    let path = seen.object_path().unwrap_or("");
    let is_rotator = |name: &str| is_any(name, ROTATORS);
    if is_rotator(process.name()) || process.ancestor_names().any(is_rotator) {
        return vec![];
    }
    let is_login = ["wtmp", "btmp", "lastlog", "utmp"].contains(&base_name(path));
    let severity = if is_login { Severity::High } else { Severity::Medium };
    let reason = format!("{} took away {path}: {}", process.name(), short(process.command()));
    vec![finding(severity, "clears logs", reason, [seen.subject(), file])]
}
