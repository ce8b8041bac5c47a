//! Packages by apt from a repository of the company's own.

use crate::host::Host;
use crate::life::packages;
use crate::program::Program;
use anyhow::Result;

const FOLDER: &str = "/srv/mirror/apt";

/// Serves a repository, which [`publish`] fills.
pub fn repository(mirror: &Host) -> Result<()> {
    mirror.prepare(&Program::shell(&format!("mkdir -p {FOLDER}")))?;
    packages::mirror(mirror)
}

/// A version of a package, with a script that is run after it is installed, is there from now on.
pub fn publish(mirror: &Host, name: &str, version: &str, after: &str) -> Result<()> {
    packages::build(mirror, name, version, after)?;
    let line = format!(
        "mv /srv/mirror/{name}_{version}_all.deb {FOLDER}/ && cd {FOLDER} && apt-ftparchive packages . > Packages && \
         apt-ftparchive release . > /tmp/Release && mv /tmp/Release Release"
    );
    mirror.prepare(&Program::shell(&line)).map(drop)
}

/// Tells a host where the repository is, as its installation would have.
pub fn prepare(host: &Host, mirror: &Host) -> Result<()> {
    host.put("/etc/apt/sources.list", &format!("deb [trusted=yes] http://{}:8080/apt ./\n", mirror.address), 0o644)?;
    // Nothing here asks questions while it is installed.
    host.prepare(&Program::shell(
        "rm -f /etc/apt/apt.conf.d/70debconf; \
         mkdir -p /var/lib/apt/lists/partial /var/cache/apt/archives/partial /etc/apt/apt.conf.d /etc/apt/preferences.d /var/log/apt",
    ))
    .map(drop)
}

pub fn install(host: &Host, name: &str) -> Result<()> {
    run(host, &format!("apt-get update && apt-get install -y {name} && {name}"))
}

pub fn upgrade(host: &Host) -> Result<()> {
    run(host, "apt-get update && apt-get upgrade -y && apt-get clean")
}

fn run(host: &Host, line: &str) -> Result<()> {
    let program = Program::new(["/bin/bash", "-c", line]).set("DEBIAN_FRONTEND", "noninteractive");
    host.run("session.scope", &program).map(drop)
}
