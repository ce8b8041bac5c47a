//! Documents are encrypted by somebody who imitates the office: by the program that edits documents all the time, as it replaces
//! them, at its pace, under their own names.
//!
//! Hard because: a variant of `ransom`; no program but those of the office runs, nothing is deleted, no name is new but those
//! that last for a moment.

use crate::Lab;
use crate::life::remote::{self, Thief, make_key};
use crate::life::{documents, host_tasks};
use crate::program::user;
use anyhow::{Result, ensure};

const SCRIPT: &str = include_str!("../../files/replace.py");

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("files-5")?;
    let (admin, attacker) = (lab.outsider("admin")?, lab.outsider("attacker")?);
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    documents::make(lab, &host)?;
    documents::edit(lab, &host)?;
    make_key(&attacker, "/root/.ssh/stolen", user::ROOT, &[(&host, "/home/alice", user::ALICE)])?;
    remote::work_beside(lab, &admin, &host, "alice")?;
    lab.wait(15..25);

    let attack = lab.attack("ransom that imitates the office")?;
    let thief = Thief { from: &attacker, key: "/root/.ssh/stolen", account: "alice", to: &host };
    let step = attack.step("a login like the owner's", &["T1078.003", "T1083"]);
    step.remote(&host, &attacker);
    let look = *lab.pick(&["ls -la; df -h / | tail -1; uptime", "find . -name \"*.txt\" -newer /etc/hostname"]);
    thief.log_in(&format!("{} {look}", step.mark(&host)?))?;
    drop(step);
    lab.wait(5..10);

    let step = attack.step("documents are replaced one by one", &["T1059.006", "T1486", "T1036.005"]);
    step.remote(&host, &attacker);
    let (n, seed) = (lab.number(14..20), lab.seed());
    attacker.put("/opt/replace.py", SCRIPT, 0o644)?;
    let run = format!("{} python3 - {} {n} {seed}", step.mark(&host)?, documents::FOLDER);
    let said = thief.feed("/opt/replace.py", &run)?;
    ensure!(said.contains("done"), "the documents were not replaced: {said}");
    drop(step);
    lab.wait(3..8);

    let step = attack.step("the note is left in a document", &["T1491.001"]);
    step.remote(&host, &attacker);
    let about = format!("{}/about", documents::FOLDER);
    step.file(&host, &about);
    thief.log_in(&format!("{} sed -i s/Documents/Pay/ {about}; cat {about}", step.mark(&host)?))?;
    drop(step);
    lab.wait(8..14);
    Ok(())
}
