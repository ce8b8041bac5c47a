//! The cgroups of processes, also of those that have ended by the time they are asked for.

use crate::sensor::throttle::unified_hierarchy;
use lru::LruCache;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use tracewell_model::Str;

/// Cgroups of which the path is remembered, the least recently asked for forgotten first.
const PATHS_MAX: NonZeroUsize = NonZeroUsize::new(1_024).expect("it is not zero");
/// Longer paths are not remembered.
const PATH_BYTES_MAX: usize = 1_024;

pub struct Cgroups {
    processes: PathBuf,
    /// Where the hierarchy is mounted whose numbers the kernel side tells.
    unified: Option<PathBuf>,
    paths: LruCache<u64, Str>,
}

impl Cgroups {
    pub fn of_this_machine() -> Self {
        Self::at("/proc".into(), unified_hierarchy())
    }

    fn at(processes: PathBuf, unified: Option<PathBuf>) -> Self {
        Self { processes, unified, paths: LruCache::new(PATHS_MAX) }
    }

    /// The paths of a process's cgroups, one for each hierarchy. Of a process that is gone, that of `cgroup`, in which it was
    /// heard of, if another was seen there before that lived longer; else none.
    pub fn paths(&mut self, tgid: u32, cgroup: u64) -> Vec<Str> {
        let Ok(lines) = fs::read_to_string(self.processes.join(format!("{tgid}/cgroup"))) else {
            return self.paths.get(&cgroup).cloned().into_iter().collect();
        };
        // cgroups(7): the number of the hierarchy, which is 0 for the unified one; its controllers; the path.
        if let Some(path) = lines.lines().find_map(|line| line.strip_prefix("0::")) {
            self.remember(cgroup, path);
        }
        lines.lines().filter_map(|line| line.splitn(3, ':').nth(2)).map(Str::from).collect()
    }

    fn remember(&mut self, cgroup: u64, path: &str) {
        let Some(unified) = &self.unified else { return };
        if path.len() > PATH_BYTES_MAX || self.paths.get(&cgroup).is_some_and(|known| **known == *path) {
            return;
        }
        // Not under `cgroup`: the process may have gone elsewhere since. A cgroup's number is that of its folder.
        if let Ok(folder) = fs::metadata(unified.join(path.trim_start_matches('/'))) {
            self.paths.put(folder.ino(), path.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_gone_was_where_one_that_lived_was() {
        let place = tempfile::tempdir().unwrap();
        let (processes, unified) = (place.path().join("proc"), place.path().join("cgroup"));
        let is_in = |tgid: u32, lines: &str| {
            fs::create_dir_all(processes.join(tgid.to_string())).unwrap();
            fs::write(processes.join(format!("{tgid}/cgroup")), lines).unwrap();
        };
        let cgroup = |path: &str| {
            fs::create_dir_all(unified.join(path)).unwrap();
            fs::metadata(unified.join(path)).unwrap().ino()
        };
        let (pod, session) = (cgroup("kubepods/pod1"), cgroup("session"));
        is_in(7, "4:memory:/m\n0::/kubepods/pod1\n");
        let mut cgroups = Cgroups::at(processes.clone(), Some(unified.clone()));
        assert!(cgroups.paths(8, pod).is_empty(), "nobody was heard of there");
        assert_eq!(cgroups.paths(7, pod), ["/m".into(), "/kubepods/pod1".into()]);
        assert_eq!(cgroups.paths(8, pod), ["/kubepods/pod1".into()]);
        // Heard of in its session, it went to the pod since: that tells nothing of the session.
        cgroups.paths(7, session);
        assert!(cgroups.paths(8, session).is_empty());
        is_in(9, "0::/session\n");
        cgroups.paths(9, 0);
        assert_eq!(cgroups.paths(8, session), ["/session".into()]);
        // Without the unified hierarchy only processes that live have paths.
        let mut cgroups = Cgroups::at(processes, None);
        cgroups.paths(7, pod);
        assert!(cgroups.paths(8, pod).is_empty());
    }
}
