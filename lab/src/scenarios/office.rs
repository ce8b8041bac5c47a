//! Ordinary life: documents, people who log in and do what administrators do, and a backup to another host.
//!
//! Hard because: a backup reads everything, packs it and sends it away by ssh; administrators trace programs, look into sudoers
//! and pipe scripts into a shell.

use crate::Lab;
use crate::life::{backup, documents, host_tasks, remote};
use anyhow::Result;
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let (files, keeper) = (lab.host("files-3")?, lab.host("backup-1")?);
    let admin = lab.outsider("admin")?;
    remote::serve(&files)?;
    for host in [&files, &keeper] {
        host_tasks::start(lab, host)?;
    }
    documents::make(lab, &files)?;
    documents::edit(lab, &files)?;
    remote::work(lab, &admin, &files, "deploy")?;
    backup::prepare(&keeper, &files)?;
    for _ in lab.rounds(3) {
        lab.wait(10..16);
        backup::once(lab, &keeper, &files, documents::FOLDER)?;
        let hours = lab.number(4..12);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    }
    lab.wait(8..12);
    Ok(())
}
