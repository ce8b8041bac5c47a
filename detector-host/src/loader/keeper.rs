//! Which files are loaded.

use super::watch::Watch;
use super::{Settings, Update};
use crate::admission::{self, Refusal};
use crate::cache::Cache;
use crate::library::Library;
use crate::limits::DETECTORS_MAX;
use rustix::process::geteuid;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub struct Keeper {
    settings: Settings,
    library: Library,
    /// Loaded by whoever asked.
    by_hand: Vec<PathBuf>,
    /// Hashes of files that were removed by whoever asked.
    removed: HashSet<blake3::Hash>,
    files: BTreeMap<PathBuf, Known>,
    watch: Watch,
    /// The watch stands.
    is_watched: bool,
}

/// What is known of a file.
#[derive(Clone)]
struct Known {
    stamp: Stamp,
    /// Of the file as it is loaded.
    loaded: Option<blake3::Hash>,
    refusal: Option<String>,
}

/// What changes when a file does: device, inode, size, and times of its last changes in seconds and nanoseconds.
type Stamp = (u64, u64, u64, (i64, i64), (i64, i64));

impl Keeper {
    pub fn new(library: Library, settings: Settings, watch: Watch) -> Self {
        let (by_hand, removed, files) = Default::default();
        let mut keeper =
            Self { settings: Settings::default(), library, by_hand, removed, files, watch, is_watched: false };
        keeper.set(settings);
        keeper
    }

    pub fn folder(&self) -> Option<&Path> {
        self.settings.folder.as_deref()
    }

    /// Whether a change of the folder will be told.
    pub fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Whether a folder that was not there can be watched now.
    pub fn can_be_watched(&mut self) -> bool {
        self.watch().is_ok()
    }

    pub fn set(&mut self, settings: Settings) {
        // Each file is judged anew, since others may be trusted now.
        self.files.clear();
        self.library.set_policy(settings.policy.clone());
        if settings.cache != self.settings.cache {
            let cache = settings.cache.as_deref().map(|path| (path, Cache::open(path)));
            let cache = cache.and_then(|(path, cache)| match cache {
                Ok(cache) => Some(cache),
                Err(error) => {
                    tracing::warn!(folder = %path.display(), %error, "machine code of detectors is not kept");
                    None
                }
            });
            self.library.set_cache(cache);
        }
        self.settings = settings;
    }

    pub fn load(&mut self, file: PathBuf) {
        if let Ok(bytes) = admission::read(&file, self.settings.bytes_max) {
            self.removed.remove(&blake3::hash(&bytes));
        }
        if !self.by_hand.contains(&file) {
            self.by_hand.push(file);
        }
    }

    pub fn remove(&mut self, id: &str, version: Option<&str>) {
        let is_meant =
            |of: &crate::Metadata| of.id == id && version.is_none_or(|known| of.version.to_string() == known);
        self.removed.extend(self.library.hashes(is_meant));
    }

    pub fn reload(&mut self) {
        self.removed.clear();
        self.files.clear();
    }

    /// Looks at all files and loads what has changed.
    pub fn look(&mut self, n_done: u64) -> Update {
        let (mut paths, error) = match self.paths() {
            Ok(paths) => (paths, None),
            // What was loaded of it stays.
            Err(error) => (self.files.keys().cloned().collect(), Some(error.to_string())),
        };
        self.is_watched &= error.is_none();
        let folder = self.settings.folder.as_deref().and_then(|folder| std::fs::metadata(folder).ok());
        let exposed = folder.and_then(|folder| exposure(folder.uid(), folder.mode(), geteuid().as_raw()));
        paths.extend(self.by_hand.iter().cloned());
        let mut next = self.library.without_detectors();
        let mut files = BTreeMap::new();
        for path in paths {
            let known = self.file(&path, &mut next);
            files.insert(path, known);
        }
        self.tell(&next, &files);
        (self.library, self.files) = (next, files);
        self.library.tidy_cache();
        let refused = self.files.iter().filter_map(|(path, known)| Some((path.clone(), known.refusal.clone()?)));
        Update {
            library: self.library.clone(),
            runner: self.library.runner(),
            refused: refused.collect(),
            error,
            exposed,
            n_done,
        }
    }

    /// Puts a file's detector into `next`: as it was loaded before, if the file has not changed or has become none.
    fn file(&self, path: &Path, next: &mut Library) -> Known {
        let before = self.files.get(path);
        let stamp = std::fs::metadata(path).map(|metadata| stamp(&metadata)).unwrap_or_default();
        if let Some(Known { stamp: known, loaded: Some(hash), refusal: None }) = before
            && *known == stamp
            && (self.removed.contains(hash) || next.adopt(&self.library, hash))
        {
            return Known { stamp, loaded: Some(*hash), refusal: None };
        }
        match self.take_up(path, next) {
            Ok(hash) => Known { stamp, loaded: Some(hash), refusal: None },
            Err(refusal) => {
                let loaded = before.and_then(|known| known.loaded).filter(|hash| next.adopt(&self.library, hash));
                Known { stamp, loaded, refusal: Some(refusal.to_string()) }
            }
        }
    }

    fn take_up(&self, path: &Path, next: &mut Library) -> Result<blake3::Hash, Refusal> {
        let bytes = admission::read(path, self.settings.bytes_max)?;
        let hash = blake3::hash(&bytes);
        if self.removed.contains(&hash) {
            return Ok(hash);
        }
        let (_, signer) = self.settings.policy.check(&bytes)?;
        // With another signer it is told anew.
        if !self.library.is_vouched_for(&hash, signer) || !next.adopt(&self.library, &hash) {
            next.load(&bytes)?;
        }
        Ok(hash)
    }

    /// The files of the folder, by name.
    fn paths(&mut self) -> io::Result<BTreeSet<PathBuf>> {
        // Before it is read, so that no change is missed in between.
        self.watch()?;
        let mut paths = BTreeSet::new();
        let Some(folder) = &self.settings.folder else { return Ok(paths) };
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !is_hidden && path.extension().is_some_and(|extension| extension == "wasm") {
                paths.insert(path);
            }
            // Of more than that none could be loaded in any case.
            if paths.len() > 2 * DETECTORS_MAX {
                break;
            }
        }
        Ok(paths)
    }

    /// The folder may be another one under the same path.
    fn watch(&mut self) -> io::Result<()> {
        let watched = self.watch.set(self.settings.folder.as_deref());
        self.is_watched = watched.is_ok();
        watched
    }

    fn tell(&self, next: &Library, files: &BTreeMap<PathBuf, Known>) {
        let (before, after) = (self.library.status(), next.status());
        for status in &after {
            if before.iter().all(|known| known.hash != status.hash) {
                let (id, version) = (&status.metadata.id, status.metadata.version.to_string());
                let signer = status.signer.map(|signer| signer.to_string());
                tracing::info!(detector = id, version, hash = status.hash, signer, "loaded");
                if signer.is_none() && self.settings.policy.trust == crate::signature::Trust::Warn {
                    tracing::warn!(detector = id, version, "not signed by a key of detectors.keys");
                }
            }
        }
        for status in &before {
            if after.iter().all(|known| known.hash != status.hash) {
                let (id, version) = (&status.metadata.id, status.metadata.version.to_string());
                tracing::info!(detector = id, version, hash = status.hash, "removed");
            }
        }
        for (path, known) in files {
            let before = self.files.get(path).and_then(|before| before.refusal.as_ref());
            if let Some(refusal) = known.refusal.as_ref().filter(|refusal| before != Some(refusal)) {
                let still = known.loaded.map(|_| "what it was before stays loaded");
                tracing::error!(file = %path.display(), refusal, still, "no detector");
            }
        }
    }
}

/// How others than root and this user can put detectors into a folder, if they can.
fn exposure(owner: u32, mode: u32, user: u32) -> Option<String> {
    let group_or_others = match (mode & 0o020 != 0, mode & 0o002 != 0) {
        (_, true) => Some("everybody"),
        (true, false) => Some("its group"),
        (false, false) => None,
    };
    match owner {
        _ if group_or_others.is_some() => group_or_others.map(|who| format!("{who} may write there")),
        _ if owner == 0 || owner == user => None,
        _ => Some(format!("it belongs to user {owner}")),
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        (metadata.mtime(), metadata.mtime_nsec()),
        (metadata.ctime(), metadata.ctime_nsec()),
    )
}

#[cfg(test)]
mod tests {
    use super::exposure;

    #[test]
    fn who_else_may_write_is_told() {
        let cases = [
            (0, 0o755, 0, None),
            (0, 0o755, 1000, None),
            (1000, 0o700, 1000, None),
            (1000, 0o755, 0, Some("it belongs to user 1000")),
            (0, 0o775, 0, Some("its group may write there")),
            (0, 0o1777, 0, Some("everybody may write there")),
            (1000, 0o777, 0, Some("everybody may write there")),
        ];
        for (owner, mode, user, expected) in cases {
            assert_eq!(exposure(owner, mode, user).as_deref(), expected, "{owner} {mode:o} {user}");
        }
    }
}
