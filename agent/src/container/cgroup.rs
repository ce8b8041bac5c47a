//! Which container or systemd unit a process is in, read off its cgroup path. Pure.
//!
//! Nothing but the path is looked at, so this works for processes that live a millisecond. Runtimes name their cgroups
//! as follows; `<id>` is 64 hexadecimal digits, and what stands before is any parent.
//!
//! | Runtime | with systemd | with cgroupfs | Source |
//! |---|---|---|---|
//! | containerd | `cri-containerd-<id>.scope`, `nerdctl-<id>.scope` | `pod<uid>/<id>` | containerd `getCgroupsPath` and its test |
//! | CRI-O | `crio-<id>.scope[/container]` | `crio-<id>` | cri-o `internal/config/cgmgr` |
//! | Docker | `docker-<id>.scope` | `docker/<id>` | moby `daemon/oci_linux.go` |
//! | podman | `libpod-<id>.scope[/container]` | `libpod_parent/libpod-<id>` | podman `libpod/container_internal_common.go` |
//! | runc | `runc-<name>.scope` | `<name>`, as its caller says | runc `libcontainer/specconv`, `ScopePrefix = "runc"` |
//! | LXC | `lxc.payload.<name>` | `lxc/<name>` | lxc `src/lxc/cgroups/cgfsng.c` |
//! | nspawn | `systemd-nspawn@<name>.service/payload`, `machine-<name>.scope` | – | systemd `src/nspawn/nspawn-cgroup.c` |
//!
//! The kubelet's slices are `kubepods[-<class>]-pod<uid>.slice` with the hyphens of the uid as underscores, or the
//! folder `pod<uid>` (kubernetes `pkg/kubelet/cm/cgroup_manager_linux.go`). Where the runtime is told a systemd path but
//! uses cgroupfs, the last folder is `<slice>:cri-containerd:<id>`. The monitors that runtimes start beside a container
//! (`crio-conmon-<id>`, `libpod-conmon-<id>`, `lxc.monitor.<name>`, nspawn's `supervisor` in its service) are on the
//! host, not in it.
//!
//! A path is what its writer wanted it to be: whoever may make cgroups below its own can give them the name of any
//! container. The innermost is therefore who a process *is*, while names of pods and images are looked up for the
//! outermost only ([`Place::accountable`]), and for nothing below a user's own systemd.

mod segment;
#[cfg(test)]
mod tests;

use segment::{Segment, pod_uid};
use std::fmt;
use tracewell_model::Str;

/// Longest path that is looked at, in bytes: the kernel's own `PATH_MAX`.
const PATH_LEN_MAX: usize = 4096;

/// Lines of `/proc/<pid>/cgroup` that are looked at; there is one for each hierarchy, at most some 15.
const LINES_MAX: usize = 64;

/// What a runtime calls a container: 64 hexadecimal digits, or a name of 1 to 128 bytes of `[A-Za-z0-9_.+-]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(Str);

impl ContainerId {
    /// `None` when it has neither form.
    pub fn new(id: &str) -> Option<Self> {
        segment::is_name(id).then(|| Self(id.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it was drawn rather than chosen by a person.
    pub fn is_hash(&self) -> bool {
        segment::is_hash(&self.0)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who runs a container, as far as its cgroup's name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// Also cri-dockerd and others that leave a bare id in a pod's folder.
    Containerd,
    CriO,
    Docker,
    Podman,
    Runc,
    Lxc,
    Nspawn,
    /// A bare id in a folder that says nothing.
    Unknown,
}

impl Runtime {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Runc => "runc",
            Self::Lxc => "lxc",
            Self::Nspawn => "nspawn",
            Self::Unknown => "container",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InContainer {
    pub id: ContainerId,
    pub runtime: Runtime,
    /// With hyphens, as the API server and `/var/log/pods` write it.
    pub pod_uid: Option<Str>,
    /// The user whose own systemd the container is below (rootless podman or Docker).
    pub rootless: Option<u32>,
}

/// A systemd unit of the host or of one of its users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// With its type, escaped as systemd has it: `nginx.service`, `session-3.scope`.
    pub name: Str,
    /// The user in whose slice it is.
    pub user: Option<u32>,
}

/// What a cgroup path says. All `None`: the host itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The innermost container.
    pub container: Option<InContainer>,
    /// The outermost container, where there are several.
    pub within: Option<InContainer>,
    /// The unit of the host or of a user's systemd; units inside a container are the container's business.
    pub unit: Option<Unit>,
}

impl Place {
    /// The container whose names the host's own sources know: the outermost, unless a user runs it.
    pub fn accountable(&self) -> Option<&InContainer> {
        self.within.as_ref().or(self.container.as_ref()).filter(|container| container.rootless.is_none())
    }
}

/// Reads one path. `given` says which plain names are those of runc containers.
///
/// A path of more than 4096 bytes says nothing. O(length).
pub fn of_path(path: &str, given: &dyn Fn(&str) -> bool) -> Place {
    let mut place = Place::default();
    if path.len() > PATH_LEN_MAX {
        return place;
    }
    let (mut uid, mut user) = (None, None);
    let (mut was_user_manager, mut is_users) = (false, false);
    let mut before = "";
    for segment in path.split('/').flat_map(segment::halves).filter(|segment| !matches!(*segment, "" | "." | "..")) {
        uid = pod_uid(segment).or(uid);
        match segment::read(before, segment, uid.is_some(), given) {
            Segment::Container(id, runtime) => {
                let rootless = user.filter(|_| is_users);
                let container = InContainer { id, runtime, pod_uid: uid.take(), rootless };
                let outer = place.container.replace(container);
                place.within = place.within.or(outer);
            }
            // Units stand side by side, but for those of a user's own systemd. What looks like one below another was
            // made by whoever may, and names nothing.
            Segment::Unit if place.container.is_none() && (place.unit.is_none() || was_user_manager) => {
                place.unit = Some(Unit { name: segment.strip_prefix('_').unwrap_or(segment).into(), user });
                was_user_manager = user.is_some() && segment.starts_with("user@");
                is_users |= was_user_manager;
            }
            Segment::UserSlice(number) if place.container.is_none() => user = Some(number),
            Segment::Unit | Segment::UserSlice(_) | Segment::Other => {}
        }
        before = segment;
    }
    if place.container.is_some() {
        place.unit = None;
    }
    place
}

/// Reads `/proc/<pid>/cgroup`: the first line that names a container, else the first that names a unit. The unified
/// hierarchy comes first, then systemd's own, then the rest as they stand.
pub fn of_proc(text: &str, given: &dyn Fn(&str) -> bool) -> Place {
    let mut lines: Vec<(u8, &str)> = text
        .lines()
        .take(LINES_MAX)
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            let rank = match controllers {
                "" => 0,
                "name=systemd" => 1,
                _ => 2,
            };
            Some((rank, path.strip_suffix(" (deleted)").unwrap_or(path)))
        })
        .collect();
    lines.sort_by_key(|(rank, _)| *rank);
    let mut places: Vec<Place> = lines.iter().map(|(_, path)| of_path(path, given)).collect();
    let best = places.iter().position(|place| place.container.is_some());
    let best = best.or_else(|| places.iter().position(|place| place.unit.is_some()));
    best.map(|best| places.swap_remove(best)).unwrap_or_default()
}
