//! Ways out of a container.
//!
//! Severity: critical for what makes the kernel run a program (release_agent, core_pattern, uevent_helper, modprobe), high for the
//! runtime's socket and for disks. Known false alarms: containers that manage containers, which mount the socket on purpose.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Container reaches for its host",
    techniques: ["T1611"],
    triggers: [
        on(Operations::WRITE | Operations::CREATE).paths([
            "**/release_agent", "/proc/sys/kernel/{core_pattern,modprobe,usermodehelper/*}", "/sys/kernel/uevent_helper",
            "**/proc/sys/kernel/core_pattern",
        ]).given(Conditions::IN_CONTAINER),
        on(Operations::CONNECT).paths(["**/{docker,containerd,crio,podman}.sock"]).given(Conditions::IN_CONTAINER),
        on(Operations::OPEN | Operations::READ | Operations::WRITE).paths(["/dev/{sd*,vd*,nvme*,xvd*,dm-*,mem,kmem,port}"])
            .given(Conditions::IN_CONTAINER),
    ],
    reach: at_hand(),
    detect,
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, object)) = seen.doer().zip(seen.object()) else { return vec![] };
    let Some(container) = process.container() else { return vec![] };
    let path = seen.object_path().unwrap_or("");
    let is_helper = matches!(seen.event.operation, Operation::Write | Operation::Create) && !path.starts_with("/dev/");
    let severity = if is_helper { Severity::Critical } else { Severity::High };
    let reason = format!("{} in {container} reached for {path}", process.name());
    vec![finding(severity, "a container reaches for its host", reason, [seen.subject(), object])]
}
