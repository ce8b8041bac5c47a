//! Many private files into one archive, and the archive out.
//!
//! Severity: high, medium below a login, where it may be a backup that is fetched. One file is enough below a network service, where
//! nobody packs anything. Known false alarms: backups by hand; tools that make backups are not archivers here.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Archived and sent",
    techniques: ["T1560.001", "T1041"],
    triggers: [on(Operations::OPEN | Operations::READ)
        .paths(["**/*.{tar,tgz,gz,bz2,xz,zst,zip,7z,rar}", "/{tmp,dev/shm}/**", "/var/tmp/**"])
        .executables(["**/{curl,wget,scp,sftp,rsync,ssh,nc,ncat,netcat,ftp,socat,openssl,python*,perl,php*,rclone,aws}"])
        .given(Conditions::WRITTEN)],
    // Only the way of the data: what else the packer and its kin did would take the room.
    reach: reach(4).nodes(200).operations(Operations::OPEN | Operations::READ | Operations::WRITE | Operations::CREATE | Operations::RENAME),
    detect,
}

const ARCHIVERS: &[&str] = &["tar", "bsdtar", "zip", "7z", "7za", "7zz", "rar", "gzip", "bzip2", "xz", "zstd", "cpio"];
const MIN: usize = 3;

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(archive) = seen.object() else { return vec![] };
    let Some(writer) = seen.file(archive).and_then(|file| file.writer) else { return vec![] };
    // The archiver may hand it to a compressor that writes it.
    let is_archiver = |&node: &NodeIndex| seen.process(node).is_some_and(|process| is_any(process.name(), ARCHIVERS));
    let makers: Vec<_> = std::iter::once(writer)
        .chain(seen.upstream(writer))
        .chain(seen.lineage(writer).map(|(maker, _)| maker))
        .filter(is_archiver)
        .collect();
    if makers.first() != Some(&writer) {
        return vec![];
    }
    let is_private = |path: &str| {
        ["/home/**", "/root/**", "/etc/**", "/var/lib/**", "/srv/**", "/opt/**", "/var/www/**"]
            .iter()
            .any(|glob| fits(glob, path))
            && !fits("/etc/ld.so*", path)
    };
    let read = makers.iter().flat_map(|&maker| seen.objects(maker, &[Operation::Open, Operation::Read]));
    let is_private = |&file: &NodeIndex| seen.file(file).and_then(|file| file.path).is_some_and(is_private);
    let private: Vec<_> = read.filter(is_private).collect();
    let is_served = seen.doer().is_some_and(|process| process.is_served());
    if private.len() < if is_served { 1 } else { MIN } {
        return vec![];
    }
    let sender = seen.doer().map_or("", |process| process.name());
    let reason =
        format!("{} holds {} private files, and {sender} takes it", seen.object_path().unwrap_or("it"), private.len());
    let nodes = [seen.subject(), archive, writer].into_iter().chain(private.into_iter().take(5));
    // Who logged in to fetch a backup does it as well.
    let is_fetched = seen.doer().is_some_and(|process| process.ancestor_names().any(|name| name.starts_with("sshd")));
    let severity = if is_fetched { Severity::Medium } else { Severity::High };
    vec![finding(severity, "takes out an archive of private files", reason, nodes)]
}
