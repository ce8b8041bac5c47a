//! A library that a program of the system loads from a home or a folder for temporary files: by LD_PRELOAD, LD_LIBRARY_PATH or a
//! changed search path.
//!
//! Severity: high for root, below a service, and from folders for temporary files, whose libraries nobody installed; else medium.
//! Known false alarms: people who build libraries and try them with programs of the system. Interpreters, which load modules of
//! their users, are not meant.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Stray library",
    techniques: ["T1574.006", "T1574.001"],
    triggers: [on(Operations::MAP_EXECUTABLE)
        .executables(["/usr/{bin,sbin,lib,libexec}/**", "/{bin,sbin,lib}/**"])
        .paths(["/{tmp,home,root,dev,run/user,srv}/**", "/var/{tmp,www,spool,log,cache}/**"])],
    reach: at_hand(),
    detect,
}

const LOADERS_OF_MODULES: &[&str] = &[
    "python", "perl", "ruby", "node", "php", "java", "lua", "R", "Rscript", "julia", "guile", "gdb", "valgrind",
    "qemu", "apache2", "cargo", "rustc", "cc1", "ld", "steam", "wine", "dotnet", "mono",
];

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, file)) = seen.doer().zip(seen.object()) else { return vec![] };
    let path = seen.object_path().unwrap_or("");
    let is_loader = LOADERS_OF_MODULES.iter().any(|name| process.name().starts_with(name));
    // Its own text is mapped too.
    if is_loader || process.executable() == Some(path) || !path.contains(".so") && !base_name(path).starts_with('.') {
        return vec![];
    }
    let is_temporary =
        ["/tmp/**", "/var/tmp/**", "/dev/shm/**", "/var/{www,spool,log}/**"].iter().any(|glob| fits(glob, path));
    let is_bad = is_temporary || process.user == Some(0) || process.is_served();
    let severity = if is_bad { Severity::High } else { Severity::Medium };
    let writer = seen.file(file).and_then(|file| file.writer);
    let by = writer.and_then(|writer| seen.process(writer)).map_or("an unknown program", |writer| writer.name());
    let reason = format!("{} loads {path}, written by {by}", process.name());
    vec![finding(
        severity,
        "loads a library from where anybody may write",
        reason,
        [seen.subject(), file].into_iter().chain(writer),
    )]
}
