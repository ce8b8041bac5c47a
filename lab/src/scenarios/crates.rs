//! Ordinary life: a Rust crate is built again and again, and packages come and are upgraded by apt.
//!
//! Hard because: a build writes programs and runs them; apt fetches from the network as another user, unpacks and runs scripts as root.

use crate::Lab;
use crate::life::{apt, crates, host_tasks, names, packages};
use anyhow::Result;
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("build-3")?;
    let (mirror, resolver) = (lab.outsider("mirror")?, lab.outsider("resolver")?);
    host_tasks::start(lab, &host)?;
    names::serve(&resolver)?;
    names::ask(lab, &host, &resolver)?;
    crates::prepare(&host)?;
    apt::repository(&mirror)?;
    apt::prepare(&host, &mirror)?;
    let mut installed = Vec::new();
    for n in 2..5 {
        crates::once(lab, &host)?;
        lab.wait(3..6);
        let name = format!("lab-{}", lab.word(5));
        installed.push(name.clone());
        for name in &installed {
            apt::publish(
                &mirror,
                name,
                &format!("1.{n}"),
                &format!("mkdir -p /var/lib/{name}\ndate > /var/lib/{name}/since\n"),
            )?;
        }
        apt::install(&host, &name)?;
        packages::set_up(&host, &mirror)?;
        lab.wait(2..5);
        crates::once(lab, &host)?;
        apt::upgrade(&host)?;
        let hours = lab.number(5..20);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    }
    crates::once(lab, &host)?;
    lab.wait(4..8);
    Ok(())
}
