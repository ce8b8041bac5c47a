//! One-liners that no daily work needs.
//!
//! Severity: high for those that hand out a shell, medium for those that run what was fetched or decoded. Known false alarms:
//! installers that are piped from the network into a shell, which is what it says.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Suspicious one-liner",
    techniques: ["T1059.004", "T1059.006", "T1140"],
    triggers: [on(Operations::EXEC).command_lines([
        "*/dev/tcp/*", "*/dev/udp/*", "*pty.spawn*", "*socket*dup2*", "*dup2*socket*", "nc *-e *", "ncat *-e *", "nc *-c *",
        "*socat*exec:*", "*socat*EXEC:*", "*mkfifo*nc *", "*telnet*|*sh*", "*fsockopen*proc_open*", "*fsockopen*exec*",
        "*curl *|*sh*", "*wget *|*sh*", "*base64 *-d*|*sh*", "*base64 *--decode*|*sh*", "*xxd -r*|*sh*", "*openssl*s_client*|*sh*",
    ])],
    reach: at_hand(),
    detect,
}

const DECODED: &[&str] = &["curl ", "wget ", "base64 ", "xxd "];

/// Whether a part of it between pipes starts a shell or an interpreter.
fn is_piped_into_shell(command: &str) -> bool {
    const BEFORE: &[&str] = &["sudo", "env", "nohup", "exec", "setsid", "command"];
    const SHELLS: &[&str] = &["sh", "ash", "bash", "dash", "zsh", "ksh", "perl", "ruby", "php", "node"];
    command.split('|').skip(1).any(|part| {
        let first = part.split_whitespace().find(|word| !is_any(word, BEFORE) && !word.contains('='));
        let name = base_name(first.unwrap_or("").trim_end_matches([';', '&', '"', '\'', ')']));
        is_any(name, SHELLS) || name.starts_with("python")
    })
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    let command = process.command();
    let hands_out = ["/dev/tcp/", "/dev/udp/", "pty.spawn", "dup2", "fsockopen", "mkfifo"]
        .iter()
        .any(|word| command.contains(word));
    let is_decoded = !hands_out && DECODED.iter().any(|word| command.contains(word));
    if is_decoded && !is_piped_into_shell(command) {
        return vec![];
    }
    let (severity, title) = match is_decoded {
        true => (Severity::Medium, "runs what it fetched or decoded"),
        false => (Severity::High, "hands a shell to another machine"),
    };
    vec![finding(severity, title, short(command).to_owned(), [seen.subject()])]
}
