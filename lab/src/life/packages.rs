//! Packages of the company's own, fetched from a mirror and installed by dpkg.

use crate::host::Host;
use crate::program::Program;
use anyhow::Result;

/// Of packages that [`install`] fetches.
pub const VERSION: &str = "1.2";

/// Serves what [`build`] made.
pub fn mirror(host: &Host) -> Result<()> {
    host.prepare(&Program::shell("mkdir -p /srv/mirror"))?;
    host.put("/srv/mirror/setup.sh", SETUP, 0o644)?;
    let server = Program::new(["/usr/bin/python3", "-m", "http.server", "8080", "--directory", "/srv/mirror"]);
    host.start("mirror.service", &server)?;
    host.wait_for_port(8080)
}

/// An administrator pipes a script of the mirror into a shell, as its instructions say.
pub fn set_up(host: &Host, mirror: &Host) -> Result<()> {
    let line = format!("curl -s http://{}:8080/setup.sh | sh; cat /opt/tools/made", mirror.address);
    host.run("session.scope", &Program::new(["/bin/bash", "-c", &line])).map(drop)
}

const SETUP: &str = "mkdir -p /opt/tools/bin\nuname -m > /opt/tools/made\nprintf '#!/bin/sh\\nuptime\\n' > /opt/tools/bin/up\n\
                     chmod 755 /opt/tools/bin/up\n/opt/tools/bin/up >> /opt/tools/made\n";

/// Builds a package with one program and a script that is run after it is installed.
pub fn build(mirror: &Host, name: &str, version: &str, after: &str) -> Result<()> {
    let at = format!("/tmp/{name}");
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Somebody <somebody@lab.example>\nDescription: A tool\n"
    );
    mirror.put(&format!("{at}/DEBIAN/control"), &control, 0o644)?;
    mirror.put(&format!("{at}/DEBIAN/postinst"), &format!("#!/bin/sh\nset -e\n{after}"), 0o755)?;
    mirror.put(&format!("{at}/usr/bin/{name}"), "#!/bin/sh\ndate\n", 0o755)?;
    let line =
        format!("mkdir -p /srv/mirror && dpkg-deb --root-owner-group -b {at} /srv/mirror/{name}_{version}_all.deb");
    mirror.prepare(&Program::shell(&line)).map(drop)
}

/// An administrator fetches a package and installs it.
pub fn install(host: &Host, mirror: &Host, name: &str) -> Result<()> {
    let line = format!(
        "cd /var/cache && curl -s -O http://{}:8080/{name}_{VERSION}_all.deb && dpkg -i --force-depends {name}_{VERSION}_all.deb && {name}",
        mirror.address
    );
    host.run("session.scope", &Program::new(["/bin/bash", "-c", &line])).map(drop)
}
