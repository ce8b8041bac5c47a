//! Mail by exim: people write to each other, and another host delivers to them.

use crate::Lab;
use crate::host::Host;
use crate::program::{Program, user};
use anyhow::Result;

const CONFIGURATION: &str = include_str!("../../files/exim.conf");
const WRITE: &str = include_str!("../../files/mail.py");

/// A server that takes mail for its own users, and passes on what is for users of other hosts.
pub fn serve(host: &Host) -> Result<()> {
    host.put("/etc/exim4/exim4.conf", CONFIGURATION, 0o640)?;
    host.prepare(&Program::shell(
        "mkdir -p /var/spool/exim4 /var/log/exim4 /var/mail && chown -R 106:106 /var/spool/exim4 /var/log/exim4 && \
         chown root:106 /etc/exim4/exim4.conf && chown root:8 /var/mail && chmod 2775 /var/mail && chmod 4755 /usr/sbin/exim4",
    ))?;
    host.start("exim4.service", &Program::new(["/usr/sbin/exim4", "-bdf", "-q5s"]))?;
    host.wait_for_port(25)
}

/// Somebody writes by SMTP until the scenario ends.
pub fn deliver(lab: &mut Lab, from: &Host, to: &Host) -> Result<()> {
    from.put("/opt/mail.py", WRITE, 0o644)?;
    let (address, seed) = (to.address.to_string(), lab.seed());
    from.start("mail.service", &Program::new(["/usr/bin/python3", "/opt/mail.py", &address, &to.name, &seed]))
}

/// Somebody on the host reads and answers.
pub fn answer(lab: &mut Lab, host: &Host, other: &Host) -> Result<()> {
    let (subject, to) = (lab.word(6), *lab.pick(&["alice", "deploy"]));
    let at = *lab.pick(&[host.name.as_str(), other.name.as_str()]);
    let line = format!(
        "tail -20 /var/mail/alice; frm=$(grep -c ^From: /var/mail/alice); \
         echo \"$frm letters\" | mail -s {subject} {to}@{at}; exim4 -bp | wc -l; ls -l notes 2>/dev/null; sleep 1"
    );
    let program = Program::new(["/bin/bash", "-c", &line]).user(user::ALICE).folder("/home/alice");
    host.run("session.scope", &program.set("HOME", "/home/alice")).map(drop)
}
