//! Which cgroups are over their budget, from when to when.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How long a cgroup must stay within its budget until its throttling has ended, in ns: so that a load around the budget is
/// one throttling and not four a second.
pub const QUIET_NS: u64 = 2_000_000_000;
/// Cgroups whose throttling is followed at once: as many as the kernel side counts.
const RUNNING_MAX: usize = 1024;
/// Folders looked at to find the path of a cgroup.
const FOLDERS_MAX: usize = 16_384;

/// A cgroup that is over its budget, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// Its number in the unified hierarchy.
    pub cgroup: u64,
    /// Its path there; `None` where it is not found.
    pub path: Option<String>,
    /// ns of `CLOCK_BOOTTIME`.
    pub since: u64,
    /// When it was last over its budget.
    pub last: u64,
    /// Operations lost so.
    pub n_operations: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Started(Throttled),
    Ended(Throttled),
}

#[derive(Debug, Default)]
pub struct Throttling {
    running: BTreeMap<u64, Throttled>,
    changes: Vec<Change>,
    pub n_started: u64,
    pub n_ended: u64,
}

impl Throttling {
    /// A cgroup was over its budget in the generation that ended at `now`. `path` is asked for those that were not before.
    pub fn add(&mut self, cgroup: u64, n_operations: u64, now: u64, path: impl FnOnce(u64) -> Option<String>) {
        if let Some(throttled) = self.running.get_mut(&cgroup) {
            (throttled.last, throttled.n_operations) = (now, throttled.n_operations + n_operations);
        } else if self.running.len() < RUNNING_MAX {
            let throttled = Throttled { cgroup, path: path(cgroup), since: now, last: now, n_operations };
            self.changes.push(Change::Started(throttled.clone()));
            self.n_started += 1;
            self.running.insert(cgroup, throttled);
        }
    }

    /// Ends those that have been quiet for long enough at `now` (`u64::MAX` for all).
    pub fn turn(&mut self, now: u64) {
        let is_over = |throttled: &Throttled| throttled.last.saturating_add(QUIET_NS) <= now;
        for (_, throttled) in self.running.extract_if(.., |_, throttled| is_over(throttled)) {
            self.changes.push(Change::Ended(throttled));
            self.n_ended += 1;
        }
    }

    /// Those under way.
    pub fn running(&self) -> impl Iterator<Item = &Throttled> {
        self.running.values()
    }

    /// What began and ended since the last time.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }
}

/// The path of a cgroup: its number is that of its folder (kernel/cgroup/cgroup.c, `cgroup_id`). Reads the whole
/// hierarchy, so it is for what happens seldom.
pub fn path_of(cgroup: u64) -> Option<String> {
    let unified = unified_hierarchy()?;
    let found = folder_with(&unified, cgroup)?;
    Some(Path::new("/").join(found.strip_prefix(&unified).ok()?).to_string_lossy().into_owned())
}

/// Where the unified hierarchy of cgroups is mounted.
pub fn unified_hierarchy() -> Option<PathBuf> {
    let mounts = procfs::process::Process::myself().and_then(|process| process.mountinfo()).ok()?;
    mounts.into_iter().find(|mount| mount.fs_type == "cgroup2").map(|mount| mount.mount_point)
}

fn folder_with(top: &Path, inode: u64) -> Option<PathBuf> {
    let mut folders = vec![top.to_owned()];
    for _ in 0..FOLDERS_MAX {
        let folder = folders.pop()?;
        if fs::metadata(&folder).is_ok_and(|metadata| metadata.ino() == inode) {
            return Some(folder);
        }
        let inside = fs::read_dir(&folder).into_iter().flatten().flatten();
        folders
            .extend(inside.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttling_ends_once_it_was_quiet_for_long_enough() {
        let mut throttling = Throttling::default();
        let add = |throttling: &mut Throttling, n, now| {
            throttling.add(7, n, now, |_| Some("/a".into()));
            throttling.turn(now);
        };
        let told =
            |since, last, n_operations| Throttled { cgroup: 7, path: Some("/a".into()), since, last, n_operations };
        add(&mut throttling, 3, 10);
        assert_eq!(throttling.take_changes(), [Change::Started(told(10, 10, 3))]);
        add(&mut throttling, 2, 10 + QUIET_NS - 1);
        throttling.turn(10 + QUIET_NS);
        assert_eq!(throttling.take_changes(), []);
        assert_eq!(throttling.running().count(), 1);
        throttling.turn(9 + 2 * QUIET_NS);
        assert_eq!(throttling.take_changes(), [Change::Ended(told(10, 9 + QUIET_NS, 5))]);
        assert_eq!((throttling.n_started, throttling.n_ended), (1, 1));
        add(&mut throttling, 1, u64::MAX - 1);
        throttling.turn(u64::MAX);
        assert_eq!((throttling.n_started, throttling.n_ended), (2, 2));
    }

    #[test]
    fn a_folder_is_found_by_its_number() {
        let top = std::env::current_dir().unwrap();
        let inside = top.join("src");
        assert_eq!(folder_with(&top, fs::metadata(&inside).unwrap().ino()), Some(inside));
        assert_eq!(folder_with(&top.join("src"), 0), None);
    }
}
