//! What is left out in the kernel, beside processes: operations, cgroups, users, folders.
//!
//! Cgroups and folders are named by paths, which the kernel side does not compare: it is told what they mean now. That is
//! looked up again every few seconds, so that what is not there yet is left out once it is, and what took the place of
//! something that is gone is not left out by its number.

use super::error::bpf_error;
use super::object::take;
use super::throttle::unified_hierarchy;
use super::{Identifier, SensorError};
use aya::maps::{HashMap as BpfHashMap, MapData};
use aya::{Ebpf, Pod};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tracewell_event_abi::config::{Folder, filter};
use tracewell_event_abi::head::Op;
use zerocopy::IntoBytes;

pub use tracewell_event_abi::config::IGNORED_MAX;

/// What is not wanted. Of cgroups, users and folders at most [`IGNORED_MAX`] each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Not forks, execs and exits: without them nobody knows who did what.
    pub operations: BTreeSet<Op>,
    /// Paths below the unified hierarchy, as `/proc/PID/cgroup` shows them, with all below them.
    pub cgroups: Vec<PathBuf>,
    /// Effective users in the initial user namespace.
    pub users: Vec<u32>,
    /// Absolute paths, with all below them. Links are followed.
    pub folders: Vec<PathBuf>,
}

pub(super) struct Filters {
    ignored: Ignored,
    cgroups: Entries<u64>,
    users: Entries<u32>,
    folders: Entries<[u8; size_of::<Folder>()]>,
    identifier: Identifier,
    absent: Vec<PathBuf>,
}

impl Filters {
    pub fn new(bpf: &mut Ebpf, identifier: Identifier) -> Result<Self, SensorError> {
        Ok(Self {
            ignored: Ignored::default(),
            cgroups: Entries::new(bpf, "IGNORED_CGROUPS")?,
            users: Entries::new(bpf, "IGNORED_UIDS")?,
            folders: Entries::new(bpf, "IGNORED_FOLDERS")?,
            identifier,
            absent: Vec::new(),
        })
    }

    pub fn set(&mut self, ignored: Ignored) {
        self.ignored = ignored;
    }

    pub fn ignored(&self) -> &Ignored {
        &self.ignored
    }

    /// Cgroups and folders that are not there, or are something else.
    pub fn absent(&self) -> &[PathBuf] {
        &self.absent
    }

    /// Looks up what the paths mean now and tells the maps. Gives which filters have entries.
    pub fn refresh(&mut self) -> Result<u32, SensorError> {
        self.absent.clear();
        let hierarchy = if self.ignored.cgroups.is_empty() { None } else { unified_hierarchy() };
        let (mut cgroups, mut folders) = (BTreeSet::new(), BTreeSet::new());
        for path in &self.ignored.cgroups {
            match hierarchy.as_deref().and_then(|hierarchy| cgroup_id(hierarchy, path)) {
                Some(id) => _ = cgroups.insert(id),
                None => self.absent.push(path.clone()),
            }
        }
        for path in &self.ignored.folders {
            match self.identifier.identify(path, true).filter(|file| file.mode & S_IFMT == S_IFDIR) {
                Some(file) => {
                    let folder = Folder { ino: file.ino, dev: file.dev, reserved: 0 };
                    folders.insert(folder.as_bytes().try_into().expect("it is as long as itself"));
                }
                None => self.absent.push(path.clone()),
            }
        }
        self.cgroups.set_to(cgroups)?;
        self.users.set_to(self.ignored.users.iter().copied().collect())?;
        self.folders.set_to(folders)?;
        let bit = |is_on: bool, bit: u32| if is_on { bit } else { 0 };
        Ok(bit(!self.cgroups.now.is_empty(), filter::CGROUPS)
            | bit(!self.users.now.is_empty(), filter::UIDS)
            | bit(!self.folders.now.is_empty(), filter::FOLDERS))
    }
}

/// File types in `st_mode` (include/uapi/linux/stat.h).
const S_IFMT: u32 = 0o170_000;
const S_IFDIR: u32 = 0o040_000;

/// A map whose keys are all that matters.
struct Entries<K: Pod> {
    map: BpfHashMap<MapData, K, u8>,
    now: BTreeSet<K>,
}

impl<K: Pod + Ord> Entries<K> {
    fn new(bpf: &mut Ebpf, name: &str) -> Result<Self, SensorError> {
        let map = BpfHashMap::try_from(take(bpf, name)?).map_err(bpf_error("a map of filters"))?;
        Ok(Self { map, now: BTreeSet::new() })
    }

    /// What stays is left out all the while.
    fn set_to(&mut self, wanted: BTreeSet<K>) -> Result<(), SensorError> {
        for gone in self.now.difference(&wanted) {
            self.map.remove(gone).map_err(bpf_error("ending a filter"))?;
        }
        for new in wanted.difference(&self.now) {
            self.map.insert(new, 1, 0).map_err(bpf_error("setting a filter"))?;
        }
        self.now = wanted;
        Ok(())
    }
}

/// The number of a cgroup is the inode of its folder (kernel/cgroup/cgroup.c, `cgroup_id`; fs/kernfs).
fn cgroup_id(hierarchy: &Path, path: &Path) -> Option<u64> {
    let folder = fs::metadata(hierarchy.join(path.strip_prefix("/").unwrap_or(path))).ok()?;
    folder.is_dir().then(|| folder.ino())
}
