//! A shell or an interpreter that runs below a network service.
//!
//! Severity: high below a web server, database or application server, which have no use for a shell; medium below any other
//! service that is no login service. Not told: what runs a script by its path, as CGI does; what a shell or an interpreter below
//! the service starts, since the topmost is told. Known false alarms: monitoring agents that run shell checks on request.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Shell under a network service",
    techniques: ["T1190", "T1059"],
    triggers: [on(Operations::EXEC).paths([
        "**/{sh,ash,bash,dash,zsh,ksh,csh,tcsh,fish,busybox}",
        "**/{python,python2,python3,perl,ruby,lua,php,node,nodejs}",
        "**/python3.*",
    ]).given(Conditions::BELOW_SERVER)],
    reach: at_hand(),
    detect,
}

const LOGINS: &[&str] =
    &["sshd", "sshd-session", "login", "telnetd", "in.telnetd", "rlogind", "dropbear", "cockpit-session"];
const INTERPRETERS: &[&str] = &[
    "sh", "ash", "bash", "dash", "zsh", "ksh", "csh", "tcsh", "fish", "busybox", "python", "python2", "python3",
    "perl", "ruby", "lua", "php", "node", "nodejs",
];
const SERVERS: &[&str] = &[
    "nginx",
    "apache2",
    "httpd",
    "lighttpd",
    "caddy",
    "php-fpm",
    "java",
    "mysqld",
    "mariadbd",
    "postgres",
    "redis-server",
    "mongod",
    "gunicorn",
    "uwsgi",
    "vsftpd",
    "proftpd",
    "smbd",
    "exim4",
    "named",
];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer().filter(|process| process.under_server && !process.serves) else { return vec![] };
    if process.ancestor_names().any(|name| is_any(name, LOGINS)) {
        return vec![];
    }
    if runs_script(process) || is_below_another(seen) {
        return vec![];
    }
    let server = process.ancestor_names().find(|name| SERVERS.iter().any(|server| name.starts_with(server)));
    let (severity, server) = match server {
        Some(server) => (Severity::High, server),
        None => (Severity::Medium, "a network service"),
    };
    let reason = format!("{} runs below {server}: {}", process.name(), short(process.command()));
    vec![finding(severity, "a shell under a network service", reason, [seen.subject()])]
}

/// A script's path follows the interpreter, not commands.
fn runs_script(process: Process<'_>) -> bool {
    process.arguments().nth(1).is_some_and(|argument| argument.contains('/') && !argument.starts_with('-'))
}

/// Its parent is no service itself but runs the like below one.
fn is_below_another(seen: &Neighbourhood) -> bool {
    let parent = seen.lineage(seen.subject()).nth(1);
    parent.is_some_and(|(_, parent)| parent.under_server && !parent.serves && is_any(parent.name(), INTERPRETERS))
}
