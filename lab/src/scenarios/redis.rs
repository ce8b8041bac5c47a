//! Ordinary life: a cache, the service that uses it, and somebody who looks after both.
//!
//! Hard because: the cache forks to save, replaces its file each time, and its administrator copies that file away.

use crate::Lab;
use crate::life::{cache, host_tasks};
use anyhow::Result;
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("cache-1")?;
    let app = lab.host("app-1")?;
    cache::serve(&host)?;
    host_tasks::start(lab, &host)?;
    host_tasks::start(lab, &app)?;
    cache::use_it(lab, &app, &host)?;
    for _ in lab.rounds(3) {
        lab.wait(10..20);
        cache::look_after(lab, &host)?;
        lab.wait(5..10);
        let hours = lab.number(2..9);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    }
    cache::benchmark(lab, &app, &host)?;
    lab.wait(5..10);
    Ok(())
}
