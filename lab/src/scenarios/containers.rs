//! Ordinary life: containers, one of which fails again and again, a service in another, and an engine's administrator.
//!
//! Hard because: containers come and go, each with mounts and rights of its own, and one of them sees the host's folders.

use crate::Lab;
use crate::life::{containers, host_tasks, remote, status};
use crate::program::user;
use anyhow::Result;
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("box-2")?;
    let (people, admin) = (lab.outsider("people")?, lab.outsider("admin")?);
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    containers::serve(&host)?;
    containers::cleaner(&host)?;
    containers::restart_loop(lab, &host, "worker")?;
    status::contain(&host, user::WWW_DATA, "/var/log", &["/var/log:/var/log:ro"])?;
    status::look(lab, &people, &host, "uptime.log,sums.log,ports.log")?;
    remote::work(lab, &admin, &host, "deploy")?;
    for _ in 0..3 {
        lab.wait(12..18);
        containers::look_after(lab, &host)?;
        lab.wait(3..6);
        let hours = lab.number(3..15);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    }
    lab.wait(10..15);
    Ok(())
}
