//! Many private files into one archive, and the archive out.
//!
//! Severity: high. Known false alarms: backups to another machine by hand; tools that make backups are not archivers here.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Archived and sent",
    techniques: ["T1560.001", "T1041"],
    triggers: [on(Operations::OPEN | Operations::READ)
        .paths(["**/*.{tar,tgz,gz,bz2,xz,zst,zip,7z,rar}", "/{tmp,dev/shm}/**", "/var/tmp/**"])
        .executables(["**/{curl,wget,scp,sftp,rsync,ssh,nc,ncat,netcat,ftp,socat,openssl,python*,perl,php*,rclone,aws}"])],
    reach: reach(2).nodes(128),
    detect,
}

const ARCHIVERS: &[&str] = &["tar", "bsdtar", "zip", "7z", "7za", "7zz", "rar", "gzip", "bzip2", "xz", "zstd", "cpio"];
const MIN: usize = 3;

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some(archive) = seen.object() else { return vec![] };
    let Some(writer) = seen.file(archive).and_then(|file| file.writer) else { return vec![] };
    if seen.process(writer).is_none_or(|writer| !is_any(writer.name(), ARCHIVERS)) {
        return vec![];
    }
    let is_private = |path: &str| {
        ["/home/**", "/root/**", "/etc/**", "/var/lib/**", "/srv/**", "/opt/**"].iter().any(|glob| fits(glob, path))
            && !fits("/etc/ld.so*", path)
    };
    let read = seen.objects(writer, &[Operation::Open, Operation::Read]);
    let is_private = |&file: &NodeIndex| seen.file(file).and_then(|file| file.path.as_deref()).is_some_and(is_private);
    let private: Vec<_> = read.into_iter().filter(is_private).collect();
    if private.len() < MIN {
        return vec![];
    }
    let sender = seen.doer().map_or("", |process| process.name());
    let reason =
        format!("{} holds {} private files, and {sender} takes it", seen.object_path().unwrap_or("it"), private.len());
    let nodes = [seen.subject(), archive, writer].into_iter().chain(private.into_iter().take(5));
    vec![finding(Severity::High, "takes out an archive of private files", reason, nodes)]
}
