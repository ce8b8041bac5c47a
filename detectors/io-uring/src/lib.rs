//! Past the system calls.
//!
//! Whether a program used io_uring before is the profile's to know, and a setup has no object by which a neighbourhood could tell; this
//! knows the programs that do use it.
//!
//! Severity: high by what its own lineage wrote, from folders for temporary files, and below a network service that is no known user;
//! medium by shells, interpreters and programs of homes; low else. Known false alarms: databases and servers that are not known here,
//! which is low.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "io_uring by a newcomer",
    techniques: ["T1106", "T1562.001"],
    triggers: [on(Operations::IO_URING)],
    reach: at_hand(),
    detect,
}

const USERS: &[&str] = &[
    "qemu",
    "postgres",
    "mysqld",
    "mariadbd",
    "nginx",
    "node",
    "redis-server",
    "valkey-server",
    "ceph",
    "fio",
    "rocksdb",
    "scylla",
    "clickhouse",
    "dragonfly",
    "envoy",
    "systemd",
    "samba",
    "smbd",
    "libvirt",
    "tikv",
    "seastar",
    "cloud-hypervisor",
    "firecracker",
    "bun",
    "cargo",
    "nvim",
    "tracewell",
    "plocate",
    "updatedb",
    "tailscaled",
];
const SMALL: &[&str] = &[
    "sh", "bash", "dash", "zsh", "busybox", "cat", "cp", "curl", "wget", "nc", "ncat", "socat", "python", "perl",
    "ruby", "php",
];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    let (name, path) = (process.name(), process.executable().unwrap_or(""));
    let is_within = |globs: &[&str]| globs.iter().any(|glob| fits(glob, path));
    let is_of_system = is_within(&["/usr/**", "/bin/**", "/sbin/**", "/lib/**", "/opt/**", "/snap/**", "/nix/**"]);
    if is_of_system && USERS.iter().any(|user| name.starts_with(user)) {
        return vec![];
    }
    let is_temporary = is_within(&["/tmp/**", "/var/tmp/**", "/dev/shm/**", "memfd:*", "/memfd:*"]);
    let severity = match () {
        () if is_temporary || process.is_served() || process.facts.contains(Facts::RAN_OWN_WRITE) => Severity::High,
        () if SMALL.iter().any(|small| name.starts_with(small)) || !is_of_system => Severity::Medium,
        () => Severity::Low,
    };
    let parent = process.parent_executable().unwrap_or("an unknown program");
    let reason = format!("{name} (started by {parent}) made a ring: {}", short(process.command()));
    vec![finding(severity, "uses io_uring and is not known to", reason, [seen.subject()])]
}
