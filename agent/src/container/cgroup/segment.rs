use super::{ContainerId, Runtime};
use tracewell_model::Str;

const HASH_LEN: usize = 64;
const NAME_LEN_MAX: usize = 128;

/// What comes before an id, in a scope or, with the cgroupfs driver, in a folder.
const PREFIXES: [(&str, Runtime); 5] = [
    ("cri-containerd-", Runtime::Containerd),
    ("nerdctl-", Runtime::Containerd),
    ("crio-", Runtime::CriO),
    ("docker-", Runtime::Docker),
    ("libpod-", Runtime::Podman),
];

/// What one folder of a cgroup path is.
pub(super) enum Segment {
    Container(ContainerId, Runtime),
    Unit,
    UserSlice(u32),
    Other,
}

/// A folder as it is; but `<slice>:<prefix>:<id>`, which stands for a slice and a scope in it, as both.
pub(super) fn halves(segment: &str) -> impl Iterator<Item = &str> {
    let (slice, rest) = match segment.split_once(".slice:") {
        Some((slice, rest)) => (slice, Some(rest)),
        None => (segment, None),
    };
    std::iter::once(slice).chain(rest)
}

pub(super) fn read(before: &str, segment: &str, is_in_pod: bool, given: &dyn Fn(&str) -> bool) -> Segment {
    if let Some((id, runtime)) = container(before, segment, is_in_pod, given) {
        return Segment::Container(id, runtime);
    }
    let uid = segment.strip_prefix("user-").and_then(|rest| rest.strip_suffix(".slice"));
    if let Some(uid) = uid.and_then(|uid| uid.parse().ok()) {
        return Segment::UserSlice(uid);
    }
    let types = [".service", ".scope", ".socket", ".mount", ".swap"];
    if types.iter().any(|kind| segment.ends_with(kind)) { Segment::Unit } else { Segment::Other }
}

fn container(
    before: &str,
    segment: &str,
    is_in_pod: bool,
    given: &dyn Fn(&str) -> bool,
) -> Option<(ContainerId, Runtime)> {
    let scope = segment.strip_suffix(".scope");
    let bare = scope.unwrap_or(segment);
    for (prefix, runtime) in PREFIXES {
        // The colon is that of "<slice>:cri-containerd:<id>".
        let rest = bare.strip_prefix(prefix.trim_end_matches('-'));
        if let Some(id) = rest.and_then(|rest| rest.strip_prefix(['-', ':'])).filter(|id| is_hash(id)) {
            return named(id, runtime);
        }
    }
    if is_hash(segment) {
        let runtime = match before {
            "docker" => Runtime::Docker,
            _ if is_in_pod => Runtime::Containerd,
            _ => Runtime::Unknown,
        };
        return named(segment, runtime);
    }
    if let Some(machine) = scope.and_then(|scope| scope.strip_prefix("machine-")) {
        let machine = unescaped(machine);
        return match machine.split_once('-') {
            // A virtual machine of libvirt: its processes are the host's.
            Some(("qemu", _)) => None,
            Some(("lxc", _)) => named(&machine, Runtime::Lxc),
            _ => named(&machine, Runtime::Nspawn),
        };
    }
    // Without a folder of its own (`payload`, or whatever a container's systemd makes on cgroup v1) it is nspawn itself.
    let nspawn = before.strip_prefix("systemd-nspawn@").and_then(|rest| rest.strip_suffix(".service"));
    if let Some(machine) = nspawn.filter(|_| segment != "supervisor") {
        return named(&unescaped(machine), Runtime::Nspawn);
    }
    if let Some(name) = segment.strip_prefix("lxc.payload.") {
        return named(name, Runtime::Lxc);
    }
    if let Some(name) = scope.and_then(|scope| scope.strip_prefix("runc-")) {
        return named(name, Runtime::Runc);
    }
    match before {
        "lxc" | "lxc.payload" => named(segment, Runtime::Lxc),
        "runc" => named(segment, Runtime::Runc),
        // A container called like a unit would take the unit's processes with it.
        _ if !segment.contains('.') && given(segment) => named(segment, Runtime::Runc),
        _ => None,
    }
}

fn named(id: &str, runtime: Runtime) -> Option<(ContainerId, Runtime)> {
    ContainerId::new(id).map(|id| (id, runtime))
}

/// The pod's uid if a folder is that of a pod: a UUID, or for a static pod the 32 digits of its manifest's hash.
pub(super) fn pod_uid(segment: &str) -> Option<Str> {
    let bare = segment.strip_suffix(".slice").unwrap_or(segment);
    let uid = match bare.strip_prefix("pod") {
        Some(uid) => uid,
        None => bare[bare.find("kubepods-")?..].split_once("-pod")?.1,
    };
    let is_uid = uid.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-' | b'_'));
    (is_uid && matches!(uid.len(), 32 | 36)).then(|| uid.replace('_', "-").into())
}

pub(super) fn is_hash(id: &str) -> bool {
    id.len() == HASH_LEN && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn is_name(id: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'+' | b'-');
    (1..=NAME_LEN_MAX).contains(&id.len()) && id.bytes().all(is_usual)
}

/// Undoes `systemd-escape` for ASCII: `\x2d` is a hyphen. What is not such an escape stays.
fn unescaped(name: &str) -> String {
    let mut parts = name.split("\\x");
    let mut text = String::from(parts.next().unwrap_or_default());
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(u8::is_ascii);
        match byte {
            Some(byte) => {
                text.push(char::from(byte));
                text.push_str(&part[2..]);
            }
            None => {
                text.push_str("\\x");
                text.push_str(part);
            }
        }
    }
    text
}
