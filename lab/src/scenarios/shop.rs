//! Ordinary life: a shop in PHP with a database on another host, a service in Node beside it, and an administrator with tcpdump.
//!
//! Hard because: PHP starts shells with what customers send, and asks the database by the same program as its administrator; a
//! program reads all that goes over the wire.

use crate::Lab;
use crate::life::{database, shop, status};
use anyhow::Result;
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let ((host, db), people) = (shop::company(lab, "shop-2", "db-5")?, lab.outsider("people")?);
    status::serve(&host, "/var/log")?;
    status::look(lab, &people, &host, "uptime.log,sums.log,php.log")?;
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
