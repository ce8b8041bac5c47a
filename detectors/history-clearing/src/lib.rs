//! What was typed is not to be known.
//!
//! Severity: high where the file goes or is led to /dev/null, or below a network service; medium where a command line turns the
//! history off. Known false alarms: tidy people; tools that ask for secrets turn it off for one command.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "History cleared",
    techniques: ["T1070.003"],
    triggers: [
        on(Operations::UNLINK | Operations::TRUNCATE | Operations::RENAME | Operations::LINK).paths([
            "**/.{bash,zsh,sh,ash,fish,mysql,psql,sqlite,python,node_repl}_history", "**/.local/share/fish/fish_history",
            "**/.{lesshst,viminfo,histfile,rediscli_history}",
        ]),
        on(Operations::EXEC).command_lines([
            "*HISTFILE=/dev/null*", "*unset HISTFILE*", "*HISTSIZE=0*", "*HISTFILESIZE=0*", "*history -c*", "*set +o history*",
            "*ln *-s*/dev/null*_history*", "*shred *_history*", "*cp /dev/null *_history*", "*cat /dev/null*>*_history*",
        ]),
    ],
    reach: at_hand(),
    detect,
}

// They keep their own to size.
const OWNERS: &[&str] = &[
    "bash",
    "zsh",
    "sh",
    "ash",
    "dash",
    "fish",
    "mysql",
    "mariadb",
    "psql",
    "sqlite3",
    "node",
    "less",
    "vim",
    "vi",
    "nvim",
    "redis-cli",
];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    let nodes = [seen.subject()].into_iter();
    if matches!(seen.event.operation, Operation::Exec) {
        let is_led_away = process.command().contains("/dev/null ") && process.command().contains("_history");
        let severity = if process.is_served() || is_led_away { Severity::High } else { Severity::Medium };
        return vec![finding(severity, "turns a history off", short(process.command()).to_owned(), nodes)];
    }
    if is_any(process.name(), OWNERS) || process.name().starts_with("python") {
        return vec![];
    }
    let reason =
        format!("{} took away {}: {}", process.name(), seen.object_path().unwrap_or("it"), short(process.command()));
    vec![finding(Severity::High, "removes a history", reason, nodes.chain(seen.object()))]
}
