//! Read, and out: credentials, and within ten minutes a connection by a tool that moves data.
//!
//! Severity: high for what another program of the same parent read, which nobody needs for a connection of one's own, and below a
//! service; medium for what the tool itself read. Known false alarms: deployment scripts that read a token and then use it. What
//! ssh and its kin read of their own user is not meant.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Secrets, then out",
    techniques: ["T1552.001", "T1552.004", "T1041", "T1048"],
    triggers: [on(Operations::CONNECT)
        .executables(["**/{curl,wget,nc,ncat,netcat,socat,scp,sftp,ftp,rsync,openssl,rclone,aws,perl,ruby,php,sh,bash,dash}", "**/python*"])
        .ports([1..=52, 54..=65535])
        .given(Conditions::OTHER_MACHINE)],
    reach: reach(3).nodes(160).operations(Operations::FORK | Operations::READ | Operations::OPEN | Operations::CONNECT),
    detect,
}

const WITHIN_NS: u64 = 600 * 1_000_000_000;
/// Ends of paths, and parts of them.
const SECRETS: &[&str] = &[
    "/etc/shadow",
    "/etc/gshadow",
    "/opasswd",
    "/.aws/credentials",
    "/.docker/config.json",
    "/.kube/config",
    "/.netrc",
    "/.pgpass",
    "/.my.cnf",
    "/.git-credentials",
    "/.vault-token",
    ".kdbx",
    "/wallet.dat",
    "/logins.json",
    "/key4.db",
    "/Login Data",
];
const SECRET_PLACES: &[&str] = &["/.ssh/id_", "/.config/gcloud/", "/private-keys-v1.d/", "/etc/ssh/ssh_host_"];
/// What reads them to log somebody in, or as their owner's tool.
const KEEPERS: &[&str] = &[
    "sshd",
    "sshd-session",
    "su",
    "sudo",
    "login",
    "unix_chkpwd",
    "passwd",
    "ssh",
    "ssh-add",
    "ssh-agent",
    "ssh-keygen",
    "gpg",
    "gpg-agent",
    "git",
    "cron",
];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, socket)) = seen.doer().zip(seen.object()) else { return vec![] };
    let Some(remote) = seen.socket(socket).and_then(|socket| socket.other_machine()) else { return vec![] };
    let since = seen.event.time.saturating_sub(WITHIN_NS);
    let is_secret = |file: NodeIndex| {
        let path = seen.file(file).and_then(|file| file.path).unwrap_or("");
        !path.ends_with(".pub")
            && (SECRETS.iter().any(|end| path.ends_with(end)) || SECRET_PLACES.iter().any(|place| path.contains(place)))
    };
    let siblings = process.parent.map_or_else(Vec::new, |parent| seen.objects(parent, &[Operation::Fork]));
    let kin = std::iter::once(seen.subject()).chain(process.parent).chain(siblings);
    let read =
        kin.filter(|&kin| seen.process(kin).is_some_and(|process| !is_any(process.name(), KEEPERS))).find_map(|kin| {
            let read = seen
                .deeds(kin)
                .find(|(edge, file)| edge.operation.flows_inward() && edge.last >= since && is_secret(*file));
            read.map(|(_, file)| (kin, file))
        });
    let Some((reader, file)) = read else { return vec![] };
    let path = seen.file(file).and_then(|file| file.path).unwrap_or("");
    let severity = if reader != seen.subject() || process.is_served() { Severity::High } else { Severity::Medium };
    let by = seen.process(reader).map_or("", |reader| reader.name());
    let reason =
        format!("{by} read {path}, then {} connects to {remote}: {}", process.name(), short(process.command()));
    vec![finding(severity, "reads secrets, then connects out", reason, [seen.subject(), socket, file, reader])]
}
