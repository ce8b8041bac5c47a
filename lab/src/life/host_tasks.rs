//! What every Debian host does by itself: cron with the small jobs of packages, and logrotate.

use crate::Lab;
use crate::host::Host;
use crate::program::Program;
use anyhow::Result;

const TASKS: &str = include_str!("../../files/host-tasks");

/// Goes on until the scenario ends. Cron knows minutes only, so that a short scenario has its jobs from a loop beside it.
pub fn start(lab: &mut Lab, host: &Host) -> Result<()> {
    host.put("/etc/crontab", "* * * * * root cd / && run-parts --report /etc/cron.minutely\n", 0o644)?;
    host.put("/etc/cron.minutely/uptime", "#!/bin/sh\ncut -d' ' -f1 /proc/uptime >> /var/log/uptime.log\n", 0o755)?;
    host.put(
        "/etc/logrotate.d/lab",
        "/var/log/uptime.log /var/log/*.log {\n rotate 4\n copytruncate\n missingok\n}\n",
        0o644,
    )?;
    host.put("/usr/local/sbin/host-tasks", TASKS, 0o755)?;
    host.start("cron.service", &Program::new(["/usr/sbin/cron", "-f"]))?;
    host.start("host-tasks.service", &Program::new(["/usr/local/sbin/host-tasks", &lab.seed()]))
}
