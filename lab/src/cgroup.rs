//! Cgroups of hosts and their services: `<root>/tracewell-lab/<scenario>/<host>/system.slice/<unit>`, as systemd would lay them out, so that
//! the agent tells workloads apart as on any machine.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

const FOLDER: &str = "tracewell-lab";

/// The unified hierarchy, and where the lab itself is in it.
pub struct Cgroups {
    root: PathBuf,
    own: PathBuf,
    /// A process is in one cgroup at a time, with all its threads: whoever starts something waits for the others.
    moving: Mutex<()>,
}

impl Cgroups {
    /// # Errors
    /// When no unified hierarchy is mounted.
    pub fn find() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").context("reading the mounts")?;
        let root = mounts.lines().find_map(|line| {
            let mut words = line.split(' ');
            let (place, kind) = (words.nth(1)?, words.next()?);
            (kind == "cgroup2").then(|| PathBuf::from(place))
        });
        let root = root.context("no unified hierarchy of cgroups is mounted")?;
        let own = fs::read_to_string("/proc/self/cgroup").context("reading the lab's own cgroup")?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
        let own = root.join(own);
        let cgroups = Self { root, own, moving: Mutex::new(()) };
        cgroups.clear();
        Ok(cgroups)
    }

    /// Does something in the cgroup of a host, the root of all that the host sees of cgroups.
    pub fn within_host<T>(&self, host: &str, act: impl FnOnce() -> Result<T>) -> Result<T> {
        self.inside(&self.root.join(FOLDER).join(host), act)
    }

    /// Does something in the cgroup of a host's unit: what is started there stays there.
    pub fn within<T>(&self, host: &str, unit: &str, act: impl FnOnce() -> Result<T>) -> Result<T> {
        self.inside(&self.root.join(FOLDER).join(host).join("system.slice").join(unit), act)
    }

    fn inside<T>(&self, folder: &Path, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let _moving = self.moving.lock().expect("nobody panics with it");
        fs::create_dir_all(folder).context("making a cgroup")?;
        enter(folder)?;
        let done = act();
        enter(&self.own)?;
        done
    }

    /// Ends all that runs in a host.
    pub fn end(&self, host: &str) {
        // Since Linux 5.14; what is in the host's pid namespace ends with its first process all the same.
        let _ = fs::write(self.root.join(FOLDER).join(host).join("cgroup.kill"), "1");
    }

    /// Removes what an earlier run left, as far as nothing runs there.
    fn clear(&self) {
        remove(&self.root.join(FOLDER));
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        self.clear();
    }
}

fn enter(folder: &Path) -> Result<()> {
    let file = folder.join("cgroup.procs");
    fs::write(&file, std::process::id().to_string()).with_context(|| format!("writing {}", file.display()))
}

/// A cgroup is a folder that can be removed while its files are there.
fn remove(folder: &Path) {
    let inner = fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir());
    inner.for_each(|entry| remove(&entry.path()));
    let _ = fs::remove_dir(folder);
}
