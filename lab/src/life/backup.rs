//! Backup: one host packs a folder, the other fetches it by rsync over ssh.

use crate::Lab;
use crate::host::Host;
use crate::life::remote::{OPTIONS, make_key};
use crate::program::{Program, user};
use anyhow::Result;

/// Lets a keeper of backups into another host.
pub fn prepare(keeper: &Host, of: &Host) -> Result<()> {
    make_key(keeper, "/root/.ssh/backup", user::ROOT, &[(of, "/root", user::ROOT)])
}

/// One backup of a folder.
pub fn once(lab: &mut Lab, keeper: &Host, of: &Host, folder: &str) -> Result<()> {
    let (name, n) = (&of.name, lab.number(1..8));
    let pack = format!("tar -czf /var/backups/day-{n}.tgz {folder} && sha256sum /var/backups/day-{n}.tgz");
    let line = format!(
        "ssh -i /root/.ssh/backup {OPTIONS} root@{name} '{pack}' && \
         rsync -a -e 'ssh -i /root/.ssh/backup {OPTIONS}' root@{name}:{folder}/ /srv/backup/{name}/ && \
         rsync -a -e 'ssh -i /root/.ssh/backup {OPTIONS}' root@{name}:/var/backups/ /srv/backup/{name}-packed/ && \
         find /srv/backup -type f | wc -l > /srv/backup/count"
    );
    keeper.prepare(&Program::shell("mkdir -p /srv/backup"))?;
    keeper.run("backup.service", &Program::new(["/bin/sh", "-c", &line])).map(drop)
}
