//! Ordinary life: two servers of mail, letters from outside, people who answer, and a backup of their letters.
//!
//! Hard because: a server of mail takes what strangers send, writes it as its users, and forks for each letter and each delivery.

use crate::Lab;
use crate::life::{backup, host_tasks, mail, remote};
use anyhow::Result;
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let (host, branch) = (lab.host("mail-1")?, lab.host("mail-2")?);
    let outside = lab.outsider("outside")?;
    remote::serve(&host)?;
    for host in [&host, &branch] {
        host_tasks::start(lab, host)?;
        mail::serve(host)?;
    }
    mail::deliver(lab, &outside, &host)?;
    backup::prepare(&branch, &host)?;
    for _ in lab.rounds(3) {
        lab.wait(6..10);
        mail::answer(lab, &host, &branch)?;
        lab.wait(4..8);
        mail::answer(lab, &branch, &host)?;
        backup::once(lab, &branch, &host, "/var/mail")?;
        let hours = lab.number(3..15);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    }
    lab.wait(8..12);
    Ok(())
}
