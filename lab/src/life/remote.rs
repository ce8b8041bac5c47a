//! ssh: the server, keys, and people who work on other machines.

use crate::Lab;
use crate::host::Host;
use crate::program::{Program, user};
use anyhow::{Context, Result};
use std::fs;

const WORK: &str = include_str!("../../files/work.sh");

/// Options of every client: the lab's hosts are new each time.
pub const OPTIONS: &str = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";

pub fn serve(host: &Host) -> Result<()> {
    host.prepare(&Program::new([
        "/usr/bin/ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-f",
        "/etc/ssh/ssh_host_ed25519_key",
    ]))?;
    let configuration = "HostKey /etc/ssh/ssh_host_ed25519_key\nUsePAM no\nPasswordAuthentication yes\nPrintMotd no\n\
                         PermitRootLogin prohibit-password\nMaxStartups 100\nMaxAuthTries 20\n\
                         Subsystem sftp /usr/lib/openssh/sftp-server\n";
    host.put("/etc/ssh/sshd_config", configuration, 0o644)?;
    host.start("ssh.service", &Program::new(["/usr/sbin/sshd", "-D", "-E", "/var/log/auth.log"]))?;
    host.wait_for_port(22)
}

/// Makes a key in a file of one host, and lets its owner into accounts of others.
pub fn make_key(from: &Host, file: &str, owner: u32, into: &[(&Host, &str, u32)]) -> Result<()> {
    from.put_as(&format!("{file}.keep"), "", 0o600, owner)?;
    from.prepare(
        &Program::new(["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "key", "-f", file]).user(owner),
    )?;
    let public = format!("{file}.pub");
    let text = from.inside(move || fs::read_to_string(&public).context("reading a public key"))?;
    into.iter()
        .try_for_each(|(host, home, owner)| host.put_as(&format!("{home}/.ssh/authorized_keys"), &text, 0o600, *owner))
}

/// A command line that runs commands on another host with a key.
pub fn ssh(key: &str, account: &str, to: &Host, commands: &str) -> String {
    format!("ssh -n -i {key} {OPTIONS} {account}@{} {}", to.name, quoted(commands))
}

/// Somebody with a stolen key, from a machine of their own.
pub struct Thief<'a> {
    pub from: &'a Host,
    pub key: &'a str,
    pub account: &'a str,
    pub to: &'a Host,
}

impl Thief<'_> {
    /// Runs commands in a session of its own, and gives what they said.
    ///
    /// # Errors
    /// When the login or the commands fail.
    pub fn log_in(&self, commands: &str) -> Result<String> {
        self.feed("/dev/null", commands)
    }

    /// The same, with a file of the thief's machine for them to read.
    ///
    /// # Errors
    /// As [`Self::log_in`].
    pub fn feed(&self, file: &str, commands: &str) -> Result<String> {
        let Self { from, key, account, to } = self;
        let line = format!("ssh -i {key} {OPTIONS} {account}@{} {} < {file}", to.address, quoted(commands));
        from.run("attack.scope", &Program::shell(&line))
    }
}

/// As one word of a shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Sets a password, as an administrator would long before.
pub fn set_password(host: &Host, account: &str, password: &str) -> Result<()> {
    let hash = host.prepare(&Program::new(["/usr/bin/openssl", "passwd", "-6", password]))?;
    let line = format!("s|^{account}:[^:]*|{account}:{}|", hash.trim());
    host.prepare(&Program::new(["/usr/bin/sed", "-i", &line, "/etc/shadow"])).map(drop)
}

/// Somebody works on a host from outside until the scenario ends: looks, edits, copies, now and then as root.
pub fn work(lab: &mut Lab, from: &Host, to: &Host, account: &str) -> Result<()> {
    let (home, owner) = home_of(account);
    let key = format!("/root/.ssh/{}-{account}", to.name);
    make_key(from, &key, user::ROOT, &[(to, &home, owner)])?;
    start_work(lab, from, to, account, &key)
}

/// The same with a key beside one that the account has already, as that of a thief.
pub fn work_beside(lab: &mut Lab, from: &Host, to: &Host, account: &str) -> Result<()> {
    let (home, owner) = home_of(account);
    let keys = format!("{home}/.ssh/authorized_keys");
    let read = keys.clone();
    let before = to.inside(move || fs::read_to_string(&read).context("reading the keys of an account"))?;
    let key = format!("/root/.ssh/{}-{account}", to.name);
    make_key(from, &key, user::ROOT, &[(to, &home, owner)])?;
    let read = keys.clone();
    let own = to.inside(move || fs::read_to_string(&read).context("reading the keys of an account"))?;
    to.put_as(&keys, &(before + &own), 0o600, owner)?;
    start_work(lab, from, to, account, &key)
}

fn home_of(account: &str) -> (String, u32) {
    (format!("/home/{account}"), if account == "deploy" { user::DEPLOY } else { user::ALICE })
}

fn start_work(lab: &mut Lab, from: &Host, to: &Host, account: &str, key: &str) -> Result<()> {
    from.put("/opt/work.sh", WORK, 0o755)?;
    let (seed, address) = (lab.seed(), to.address.to_string());
    from.start("work.service", &Program::new(["/bin/bash", "/opt/work.sh", &address, account, key, &seed]))
}
