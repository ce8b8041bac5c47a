//! A way back to root that waits.
//!
//! Where a source tells modes, what counts is that a file that is no folder has such a bit and did not have it before, whoever sets it.
//! Where it does not, this looks at the command line of those that set modes; a program's own call is not seen then.
//!
//! Severity: critical for a shell or interpreter, or a file that its own lineage wrote; high outside of folders for programs, below a
//! service, or in a container; low for copies that keep the mode of what they copy; else medium. Known false alarms: administrators who
//! install such programs by hand; package managers and what unpacks images of containers are not meant.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Set-user-id bit set",
    techniques: ["T1548.001"],
    triggers: [
        on(Operations::CHMOD).given(Conditions::SET_ID),
        on(Operations::CHMOD).executables(["**/{chmod,install,busybox,python*,perl}"])
            // What may hold such a mode; `sets_id` looks closer.
            .command_lines(["*[246][0-7][0-7][0-7]*", "*[+=]*s*"]),
    ],
    reach: at_hand(),
    detect,
}

/// Set-user-id and set-group-id.
const SET_ID: u16 = 0o6000;
const SET_USER_ID: u16 = 0o4000;

/// What sets modes beside package managers.
const BUILDERS: &[&str] = &["dpkg-statoverride", "make", "debootstrap", "mmdebstrap", "lxc-create", "machinectl"];
/// What unpacks images, in which such programs lie.
const UNPACKERS: &[&str] =
    &["dockerd", "containerd", "podman", "buildah", "buildkitd", "crio", "skopeo", "umoci", "ostree", "unsquashfs"];
/// What gives a copy the mode of what it copies.
const COPIERS: &[&str] = &["cp", "mv", "tar", "bsdtar", "cpio", "rsync", "restic", "borg", "unzip"];
const SHELLS: &[&str] = &[
    "sh", "ash", "bash", "dash", "zsh", "ksh", "busybox", "python", "perl", "ruby", "vim", "find", "env", "cp", "nmap",
    "tclsh",
];

/// Of 4 or 5 octal digits the one that stands for set-user-id and set-group-id; `u+s`, `g+xs` and the like.
fn sets_id(argument: &str) -> bool {
    let argument = argument.strip_prefix("--mode=").or(argument.strip_prefix("-m")).unwrap_or(argument);
    let digits = argument.trim_start_matches('0');
    let is_octal = !digits.is_empty() && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    if is_octal {
        return digits.len() == 4 && matches!(digits.as_bytes()[0], b'2' | b'4' | b'6');
    }
    argument.split(',').any(|clause| {
        let change = clause.find(['+', '=']).map(|at| clause.split_at(at));
        let Some((who, change)) = change else { return false };
        // For the others it means nothing.
        let is_who = who.is_empty() || who.chars().all(|who| "ugoa".contains(who)) && who != "o";
        is_who && change[1..].chars().all(|bit| "rwxXstugo".contains(bit)) && change.contains('s')
    })
}

/// Whether the file can have such a bit set, and did not have it, as far as can be told.
fn is_set(seen: &Neighbourhood, process: &Process<'_>, kind: FileKind) -> bool {
    // A folder's set-group-id bit hands on its group; that is no program. What is not known to be a file may be a folder.
    let bits = match kind {
        FileKind::Regular | FileKind::Memory => SET_ID,
        FileKind::Unknown => SET_USER_ID,
        FileKind::Directory | FileKind::Device | FileKind::Pipe => return false,
    };
    match seen.mode() {
        Some(mode) => mode.gains(bits) != 0,
        None => process.arguments().skip(1).any(sets_id),
    }
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, object)) = seen.doer().zip(seen.object()) else { return vec![] };
    let Some(file) = seen.file(object) else { return vec![] };
    let name = process.name();
    let mut names = process.ancestor_names().chain([name]);
    let is_meant = |name: &str| [PACKAGE_MANAGERS, BUILDERS, UNPACKERS].iter().any(|names| is_any(name, names));
    if names.any(is_meant) || !is_set(seen, &process, file.kind) {
        return vec![];
    }
    let path = file.path.unwrap_or("a file");
    let is_program = [
        "/usr/bin/*",
        "/usr/sbin/*",
        "/usr/lib/**",
        "/usr/libexec/**",
        "/bin/*",
        "/sbin/*",
        "/usr/local/*bin/*",
        "/opt/**",
    ]
    .iter()
    .any(|glob| fits(glob, path));
    let lineage: Vec<_> = seen.lineage(seen.subject()).map(|(kin, _)| kin).collect();
    let is_sibling = |writer: NodeIndex| {
        let parent = seen.process(writer).and_then(|writer| writer.parent);
        lineage.contains(&writer) || parent.is_some_and(|parent| lineage.contains(&parent))
    };
    let writer = file.writer.filter(|&writer| is_sibling(writer));
    let is_copy = writer == Some(seen.subject()) && is_any(name, COPIERS);
    let severity = match () {
        () if is_any(base_name(path), SHELLS) => Severity::Critical,
        () if is_copy && !process.is_served() && process.container().is_none() => Severity::Low,
        () if writer.is_some() && !is_program => Severity::Critical,
        () if !is_program || process.is_served() || process.container().is_some() => Severity::High,
        () => Severity::Medium,
    };
    let reason = format!("{path} runs as its owner from now on, set by {}", short(process.command()));
    let writer = writer.filter(|&writer| writer != seen.subject());
    let nodes = [seen.subject(), object].into_iter().chain(writer);
    vec![finding(severity, "sets the set-user-id bit of a program", reason, nodes)]
}

#[cfg(test)]
mod tests {
    use super::sets_id;

    #[test]
    fn modes() {
        for mode in [
            "4755",
            "04755",
            "2755",
            "6755",
            "u+s",
            "g+s",
            "ug+s",
            "a+xs",
            "+s",
            "u=rwxs",
            "-m4755",
            "--mode=u+s",
            "o-w,u+s",
        ] {
            assert!(sets_id(mode), "{mode}");
        }
        for mode in ["755", "0755", "1777", "u+x", "o+s", "u-s", "+x", "-R", "/srv/4755", "users", "go-rwx", "x+s"] {
            assert!(!sets_id(mode), "{mode}");
        }
    }
}
