//! Ordinary life: a host where a C project is compiled, and packages are installed.
//!
//! Hard because: a build writes programs and runs them, and packages bring scripts that run as root.

use crate::Lab;
use crate::life::{compile, host_tasks, packages};
use anyhow::Result;
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("build-2")?;
    let mirror = lab.outsider("mirror")?;
    host_tasks::start(lab, &host)?;
    compile::prepare(lab, &host)?;
    packages::mirror(&mirror)?;
    for _ in 0..4 {
        compile::once(lab, &host)?;
        lab.wait(3..8);
        let name = format!("lab-{}", lab.word(5));
        packages::build(
            &mirror,
            &name,
            packages::VERSION,
            &format!("mkdir -p /var/lib/{name}\ndate > /var/lib/{name}/installed\n"),
        )?;
        packages::install(&host, &mirror, &name)?;
        packages::set_up(&host, &mirror)?;
        lab.wait(3..8);
        let hours = lab.number(1..6);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    }
    compile::once(lab, &host)?;
    lab.wait(3..6);
    Ok(())
}
