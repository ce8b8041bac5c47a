//! Ordinary life: a database under load from another host, its administrator, and dumps.
//!
//! Hard because: a process is forked for each connection, and a dump takes everything out and packs it.

use crate::Lab;
use crate::life::{database, host_tasks};
use anyhow::Result;
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let (host, app) = (lab.host("db-2")?, lab.host("app-2")?);
    for host in [&host, &app] {
        host_tasks::start(lab, host)?;
    }
    database::serve(&host)?;
    database::fill(&app, &host)?;
    for _ in lab.rounds(3) {
        database::load(lab, &app, &host)?;
        lab.wait(3..6);
        database::look_after(lab, &host)?;
        lab.wait(2..5);
        let hours = lab.number(2..9);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    }
    database::load(lab, &app, &host)?;
    lab.wait(3..6);
    Ok(())
}
