//! Cron, systemd, rc, authorized_keys, ld.so.preload, PAM, sudoers and shell profiles, changed by anything but a package manager.
//!
//! Severity: high below a network service, by what its own lineage wrote, and for ld.so.preload; else medium. Known false alarms:
//! configuration management and administrators, who are named in the reason.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Persistence",
    techniques: ["T1053.003", "T1543.002", "T1098.004", "T1546.004", "T1574.006", "T1556.003", "T1548.003"],
    triggers: [on(Operations::WRITE | Operations::CREATE | Operations::RENAME | Operations::LINK).paths([
        "/etc/cron*", "/etc/cron*/**", "/var/spool/cron/**", "/etc/{anacrontab,at.allow}",
        "/{etc,usr/lib,lib}/systemd/{system,user}/**", "**/.config/systemd/user/**",
        "/etc/{rc.local,inittab,profile,bash.bashrc,environment,ld.so.preload}", "/etc/{init.d,rc*.d,profile.d,ld.so.conf.d}/**",
        "**/.{bashrc,bash_profile,profile,zshrc,zshenv}", "**/.config/autostart/**", "**/.ssh/{authorized_keys,authorized_keys2,rc}",
        "/etc/pam.d/**", "/{usr/lib,lib}/**/security/pam_*.so", "/etc/{sudoers,doas.conf}", "/etc/sudoers.d/**",
        "/etc/{udev/rules.d,xdg/autostart,update-motd.d,NetworkManager/dispatcher.d}/**",
    ])],
    reach: at_hand(),
    detect,
}

/// What does it as its work, beside package managers.
const KEEPERS: &[&str] = &["systemd", "systemctl", "dockerd", "containerd", "cloud-init", "update-rc.d"];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    let is_manager = |name: &str| is_any(name, PACKAGE_MANAGERS) || is_any(name, KEEPERS);
    let lineage = process.ancestor_names().take_while(|name| *name != "systemd" && *name != "init");
    if is_manager(process.name()) || lineage.into_iter().any(is_manager) {
        return vec![];
    }
    let path = seen.object_path().unwrap_or("a file");
    let is_bad = process.under_server && !process.ancestor_names().any(|name| name.starts_with("sshd"))
        || process.facts.contains(Facts::RAN_OWN_WRITE)
        || path == "/etc/ld.so.preload";
    let severity = if is_bad { Severity::High } else { Severity::Medium };
    let by = process.ancestor_names().next().unwrap_or("");
    let reason = format!("{} (started by {by}) changed {path}, from which programs are started again", process.name());
    vec![finding(severity, "changes what is started again", reason, [seen.subject(), file])]
}
