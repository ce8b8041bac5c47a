//! Programs in the kernel that see everything.
//!
//! Severity: high in a container or below a network service, medium by a loader that is not known. Known false alarms: new
//! observability tools; runtimes of containers outside of the folders of the system.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "BPF program loaded",
    techniques: ["T1014", "T1205.002"],
    triggers: [on(Operations::BPF_LOAD)],
    reach: at_hand(),
    detect,
}

const LOADERS: &[&str] = &[
    "systemd",
    "tracewell-agent",
    "bpftool",
    "bpftrace",
    "cilium-agent",
    "tetragon",
    "falco",
    "tc",
    "ip",
    "perf",
    "systemd-networkd",
    "dockerd",
    "snap-confine",
    "systemd-logind",
    "udevadm",
];

/// They load the filter of devices when they are in the container's groups already.
const RUNTIMES: &[&str] =
    &["runc", "crun", "youki", "containerd-shim-runc-v2", "conmon", "lxc-start", "systemd-nspawn"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    let is_of_system = process.executable().is_some_and(|path| fits("/usr/**", path) || fits("/*bin/*", path));
    let severity = match () {
        () if is_any(process.name(), RUNTIMES) && is_of_system => return vec![],
        () if is_any(process.name(), LOADERS) && process.container().is_none() => return vec![],
        () if process.container().is_some() || process.under_server => Severity::High,
        () => Severity::Medium,
    };
    let reason = format!("{} loaded a BPF program: {}", process.name(), short(process.command()));
    vec![finding(severity, "loads a BPF program", reason, [seen.subject()])]
}
