//! Code into the kernel.
//!
//! Severity: high below a network service, in a container, or of a module outside of /lib/modules; medium by anything but the programs
//! that load modules at boot. Known false alarms: drivers that administrators load by insmod.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Kernel module loaded",
    techniques: ["T1547.006", "T1014"],
    triggers: [on(Operations::MODULE_LOAD)],
    reach: at_hand(),
    detect,
}

const LOADERS: &[&str] = &["modprobe", "kmod", "systemd-modules-load", "systemd-udevd", "udevd", "systemd-modules-"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(process) = seen.doer() else { return vec![] };
    let path = seen.object_path().unwrap_or("");
    let is_elsewhere = path.starts_with('/') && !fits("/lib/modules/**", path) && !fits("/usr/lib/modules/**", path);
    let severity = match () {
        () if is_elsewhere || process.under_server || process.container().is_some() => Severity::High,
        () if !is_any(process.name(), LOADERS) => Severity::Medium,
        () => return vec![],
    };
    let reason = format!("{} loaded {}", process.name(), if path.is_empty() { "a module" } else { path });
    vec![finding(severity, "loads a kernel module", reason, [seen.subject()].into_iter().chain(seen.object()))]
}
