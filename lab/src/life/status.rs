//! A service in Node that shows files of a folder, and people who look at it.

use crate::Lab;
use crate::host::Host;
use crate::life::containers::{self, Container};
use crate::program::{Program, user};
use anyhow::Result;

pub const PORT: u16 = 3000;
const SERVICE: &str = include_str!("../../files/status.js");
const LOOK: &str = include_str!("../../files/look.py");

/// As a service of the host, with what is in a folder.
pub fn serve(host: &Host, folder: &str) -> Result<()> {
    host.put("/srv/status/status.js", SERVICE, 0o644)?;
    let program = Program::new(["/usr/bin/node", "/srv/status/status.js", &PORT.to_string(), folder]);
    host.start("status.service", &program.user(user::WWW_DATA).log("/var/log/status.log"))?;
    host.wait_for_port(PORT)
}

/// The service in a container.
pub struct Contained<'a> {
    pub user: u32,
    /// What it shows, as it sees it.
    pub folder: &'a str,
    pub binds: &'a [&'a str],
}

pub(super) fn contain(host: &Host, service: &Contained<'_>) -> Result<()> {
    let &Contained { user, folder, binds } = service;
    containers::put(host, "/srv/status.js", SERVICE)?;
    let command = ["node", "/srv/status.js", &PORT.to_string(), folder];
    containers::run(host, &Container { name: "status", command: &command, user, binds, restarts: 3 })?;
    host.wait_for_port(PORT)
}

/// People look at it until the scenario ends.
pub fn look(lab: &mut Lab, from: &Host, to: &Host, names: &str) -> Result<()> {
    from.put("/opt/look.py", LOOK, 0o644)?;
    let (address, seed) = (to.address.to_string(), lab.seed());
    let program = Program::new(["/usr/bin/python3", "/opt/look.py", &address, &PORT.to_string(), names, &seed]);
    from.start("look.service", &program)
}
