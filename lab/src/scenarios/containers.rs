//! Ordinary life: containers, one of which fails again and again, a service in another, and an engine's administrator.
//!
//! Hard because: containers come and go, each with mounts and rights of its own, and one of them sees the host's folders.

use crate::Lab;
use crate::life::{containers, status::Contained};
use crate::program::user;
use anyhow::Result;
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = containers::host(lab, "box-2")?;
    let status = Contained { user: user::WWW_DATA, folder: "/var/log", binds: &["/var/log:/var/log:ro"] };
    containers::service(lab, &host, &status, "uptime.log,sums.log,ports.log")?;
    for _ in lab.rounds(3) {
        lab.wait(12..18);
        containers::look_after(lab, &host)?;
        lab.wait(3..6);
        let hours = lab.number(3..15);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    }
    lab.wait(10..15);
    Ok(())
}
