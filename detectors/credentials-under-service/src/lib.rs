//! Files with credentials, read by a descendant of a network service.
//!
//! Severity: high, since what a service itself needs it reads before it serves, and its children need none of it. Known false
//! alarms: login services of other names than those here.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Credentials read under a network service",
    techniques: ["T1552.001", "T1552.004", "T1003.008"],
    triggers: [on(Operations::OPEN | Operations::READ).paths([
        "/etc/{shadow,gshadow,shadow-,master.passwd,security/opasswd}",
        "**/.ssh/id_*",
        "**/.{aws,docker,kube}/{credentials,config.json,config}",
        "**/{.netrc,.pgpass,.my.cnf,.git-credentials,.vault-token}",
        "/etc/ssh/ssh_host_*_key",
        "/run/secrets/kubernetes.io/**",
    ]).given(Conditions::BELOW_SERVER)],
    reach: at_hand(),
    detect,
}

const LOGINS: &[&str] =
    &["sshd", "sshd-session", "sshd-auth", "login", "su", "sudo", "unix_chkpwd", "cron", "dovecot", "vsftpd"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    let is_login = |name: &str| is_any(name, LOGINS);
    if !process.under_server || process.serves || is_login(process.name()) || process.ancestor_names().any(is_login) {
        return vec![];
    }
    let path = seen.object_path().unwrap_or("a file");
    let reason =
        format!("{} below {} read {path}", process.name(), process.ancestor_names().next().unwrap_or("a service"));
    vec![finding(Severity::High, "credentials read under a network service", reason, [seen.subject(), file])]
}
