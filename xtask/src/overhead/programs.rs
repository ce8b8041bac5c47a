//! Programs of Debian that the machine has, or that are unpacked into a folder: nothing is installed, no service starts.

use crate::apt::{Apt, Installed, Sources};
use crate::workspace::runs;
use anyhow::{Result, bail};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PACKAGES: &[(&str, &str)] = &[
    ("nginx", "nginx-light"),
    ("wrk", "wrk"),
    ("redis-server", "redis-server"),
    ("redis-benchmark", "redis-tools"),
    ("auditd", "auditd"),
    ("auditctl", "auditd"),
    ("perf", "linux-perf"),
];

#[derive(Clone)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    pub fn find(folder: &Path) -> Result<Self> {
        let programs = Self { folder: folder.join("programs") };
        let is_missing = |(program, _): &&(&str, &str)| programs.path(program).is_none();
        let missing: Vec<_> = PACKAGES.iter().filter(is_missing).map(|(_, package)| *package).collect();
        if !missing.is_empty() && !programs.folder.is_dir() {
            if !runs("apt-get", &["--version"]) {
                bail!("install {} for the loads and the other tracers", missing.join(", "));
            }
            let apt = Apt::new(folder.join("apt"), &Sources::System, Installed::System)?;
            let packages = apt.with_dependencies(&missing)?;
            eprintln!("fetching {} in {} packages", missing.join(", "), packages.len());
            apt.unpack(&packages, &programs.folder)?;
        }
        Ok(programs)
    }

    pub fn has(&self, program: &str) -> bool {
        self.path(program).is_some()
    }

    /// To be called without input, and with output that nobody reads.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.path(program).unwrap_or_else(|| program.into()));
        let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map(|folder| self.folder.join(folder));
        if libraries[0].is_dir() {
            command.env("LD_LIBRARY_PATH", env::join_paths(&libraries).unwrap_or_else(|_| OsString::new()));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn path(&self, program: &str) -> Option<PathBuf> {
        let own = ["usr/bin", "usr/sbin", "bin", "sbin"].map(|folder| self.folder.join(folder));
        let path = env::var_os("PATH").unwrap_or_default();
        // The path of many users lacks the folders of administrators.
        let folders = own.into_iter().chain(env::split_paths(&path)).chain(["/usr/sbin".into(), "/sbin".into()]);
        folders.map(|folder| folder.join(program)).find(|file| file.is_file())
    }
}
