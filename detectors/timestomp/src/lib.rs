//! New, and as old as its neighbours.
//!
//! Where a source tells what times are set, this looks at those that lie back. Whoever wrote a file sets its times for many reasons, as
//! archives and copies do; somebody else does so for few. Where a source does not tell, and for tools that write times past the kernel,
//! this looks at command lines.
//!
//! Severity: high where the file was written by the same lineage just before, which is what it is for; medium in folders of the
//! system and of web sites, and below a service; low else. Known false alarms: builds that want equal times, people who sort photographs.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Timestomping",
    techniques: ["T1070.006"],
    triggers: [
        on(Operations::SET_TIMES).given(Conditions::SET_BACK | Conditions::OTHERS_FILE),
        on(Operations::SET_TIMES).given(Conditions::SET_BACK | Conditions::BELOW_SERVER),
        on(Operations::EXEC).paths(["**/touch"]).command_lines(["*touch *-r*", "*touch *-t*", "*touch *-d*", "*--reference*", "*--date*"]),
        on(Operations::EXEC).command_lines(["*debugfs *set_inode_field*", "*os.utime(*", "*touch -r *", "*touch -acmr *"]),
    ],
    reach: reach(3).nodes(96).operations(Operations::FORK | Operations::WRITE | Operations::CREATE | Operations::RENAME),
    detect,
}

const WITHIN_NS: u64 = 3600 * 1_000_000_000;
const BUILDERS: &[&str] = &["make", "dpkg", "dh", "ninja", "cargo", "rpm", "rpmbuild", "debhelper", "bazel", "nix"];
/// What gives files the times of what it copies, packs, unpacks, fetches or rotates.
const KEEPERS: &[&str] = &[
    "cp",
    "mv",
    "install",
    "tar",
    "bsdtar",
    "cpio",
    "rsync",
    "unzip",
    "gzip",
    "bzip2",
    "xz",
    "zstd",
    "7z",
    "7za",
    "unrar",
    "scp",
    "sftp",
    "sftp-server",
    "wget",
    "curl",
    "logrotate",
    "restic",
    "borg",
    "rclone",
    "syncthing",
    "unison",
    "ostree",
    "dockerd",
    "containerd",
    "podman",
    "buildah",
    "buildkitd",
    "crio",
    "skopeo",
    "svn",
    "git",
    "git-annex",
];
const TELLING: &[&str] = &["/usr/**", "/etc/**", "/bin/**", "/sbin/**", "/lib/**", "/var/www/**", "/srv/www/**"];
const TITLE: &str = "sets a file's times";

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    let mut names = process.ancestor_names().chain([process.name()]);
    if names.any(|name| BUILDERS.iter().any(|builder| name.starts_with(builder))) {
        return vec![];
    }
    match (seen.object(), seen.set_back_ns()) {
        (Some(object), Some(ns)) => set_back(seen, &process, object, ns).into_iter().collect(),
        _ => vec![commanded(seen, &process)],
    }
}

/// The times of a file are set, and lie back.
fn set_back(seen: &Neighbourhood, process: &Process<'_>, object: NodeIndex, ns: u64) -> Option<Finding> {
    let mut names = process.ancestor_names().chain([process.name()]);
    let is_kept = is_any(process.name(), KEEPERS) || names.any(|name| is_any(name, PACKAGE_MANAGERS));
    let file = seen.file(object).filter(|file| !is_kept && !matches!(file.kind, FileKind::Directory))?;
    let since = seen.event.time.saturating_sub(WITHIN_NS);
    let writer = file.writer.filter(|_| file.written.is_some_and(|written| written >= since));
    let is_own = writer == Some(seen.subject());
    let lineage: Vec<_> = seen.lineage(seen.subject()).map(|(kin, _)| kin).collect();
    let is_kin = |writer: &NodeIndex| {
        let parent = seen.process(*writer).and_then(|writer| writer.parent);
        lineage.contains(writer) || parent.is_some_and(|parent| lineage.contains(&parent))
    };
    let kin = writer.filter(|writer| !is_own && is_kin(writer));
    let path = file.path.unwrap_or("a file");
    let severity = match () {
        () if kin.is_some() => Severity::High,
        () if process.is_served() => Severity::Medium,
        () if is_own => return None,
        () if TELLING.iter().any(|glob| fits(glob, path)) => Severity::Medium,
        () => Severity::Low,
    };
    let days = ns / (24 * WITHIN_NS);
    let reason = format!("{path} looks {days} days old from now on, set by {}", short(process.command()));
    Some(finding(severity, TITLE, reason, [seen.subject(), object].into_iter().chain(kin)))
}

/// A command line says that times are to be set.
fn commanded(seen: &Neighbourhood, process: &Process<'_>) -> Finding {
    // What a command line names it may name without its folder.
    let is_named = |path: &str| {
        let named = |argument: &str| argument.len() > 1 && !argument.starts_with('-') && path.ends_with(argument);
        process.arguments().skip(1).any(named)
    };
    let since = seen.event.time.saturating_sub(WITHIN_NS);
    let kin = seen
        .lineage(seen.subject())
        .flat_map(|(kin, _)| std::iter::once(kin).chain(seen.objects(kin, &[Operation::Fork])));
    let written = kin.flat_map(|kin| seen.deeds(kin)).find(|(edge, file)| {
        let path = seen.file(*file).and_then(|file| file.path);
        edge.last >= since && path.is_some_and(is_named)
    });
    let is_telling = |argument: &str| TELLING.iter().any(|glob| fits(glob, argument));
    let severity = match () {
        () if written.is_some() => Severity::High,
        () if process.arguments().any(is_telling) || process.is_served() => Severity::Medium,
        () => Severity::Low,
    };
    let nodes = [seen.subject()].into_iter().chain(written.map(|(_, file)| file));
    finding(severity, TITLE, short(process.command()).to_owned(), nodes)
}
