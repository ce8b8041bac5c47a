//! Ordinary life: a web site with scripts and uploads, and its administrator.
//!
//! Hard because: scripts start shells with what visitors send, and uploads are made executable.

use crate::Lab;
use crate::life::{host_tasks, remote, web};
use anyhow::Result;
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("web-3")?;
    let (internet, admin) = (lab.outsider("visitors")?, lab.outsider("admin")?);
    web::serve(&host)?;
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    web::visit(lab, &internet, &host)?;
    remote::work(lab, &admin, &host, "deploy")?;
    for _ in 0..2 {
        lab.wait(18..24);
        let hours = lab.number(3..9);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    }
    lab.wait(15..20);
    Ok(())
}
