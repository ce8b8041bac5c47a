//! Ordinary life: a shop in PHP with a database on another host, a service in Node beside it, and an administrator with tcpdump.
//!
//! Hard because: PHP starts shells with what customers send, and asks the database by the same program as its administrator; a
//! program reads all that goes over the wire.

use crate::Lab;
use crate::life::{database, host_tasks, remote, shop, status};
use anyhow::Result;
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let (host, db) = (lab.host("shop-2")?, lab.host("db-5")?);
    let (customers, people, admin) = (lab.outsider("customers")?, lab.outsider("people")?, lab.outsider("admin")?);
    remote::serve(&host)?;
    for host in [&host, &db] {
        host_tasks::start(lab, host)?;
    }
    database::serve(&db)?;
    shop::fill(&db)?;
    shop::serve(&host, Some(&db))?;
    shop::visit(lab, &customers, &host)?;
    status::serve(&host, "/var/log")?;
    status::look(lab, &people, &host, "uptime.log,sums.log,php.log")?;
    remote::work(lab, &admin, &host, "alice")?;
    for _ in 0..3 {
        lab.wait(8..14);
        shop::look_after(lab, &host)?;
        database::look_after(lab, &db)?;
        let hours = lab.number(4..14);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    }
    lab.wait(8..12);
    Ok(())
}
