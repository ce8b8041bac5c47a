//! The directory a replay leaves behind.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Written in this order; `summary.json` comes last and names the digest of `alerts.json`, so that a reader can tell
/// whether a crash left files of two replays.
pub const NAMES: [&str; 3] = ["alerts.json", "run.json", "summary.json"];

#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("output directory {path}: {source}")]
    Create { path: PathBuf, source: io::Error },
    #[error("output directory {path} is a file, expected a directory or a name that is free")]
    NotDirectory { path: PathBuf },
    #[error("output directory {path}: {name} is a directory, expected a file that may be replaced")]
    InTheWay { path: PathBuf, name: &'static str },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
}

/// Where a replay writes. Only the files of [`NAMES`] are ever touched; others in the directory stay as they are.
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes the directory if need be, so that a replay of an hour does not fail at its end.
    ///
    /// # Errors
    /// When it cannot be made or written to, or something else stands in its place.
    pub fn create(path: &Path) -> Result<Self, DirectoryError> {
        if path.exists() && !path.is_dir() {
            return Err(DirectoryError::NotDirectory { path: path.to_owned() });
        }
        let failed = |source| DirectoryError::Create { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        if let Some(name) = NAMES.into_iter().find(|name| path.join(name).is_dir()) {
            return Err(DirectoryError::InTheWay { path: path.to_owned(), name });
        }
        let probe = temporary(path, "probe");
        File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(failed)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Replaces all three files. Each appears whole or not at all.
    ///
    /// # Errors
    /// When one cannot be written; none is then half-written, and no temporary file is left.
    pub fn write(&self, contents: [(&'static str, &[u8]); 3]) -> Result<(), DirectoryError> {
        let result = contents.iter().try_for_each(|(name, bytes)| self.prepare(name, bytes)).and_then(|()| {
            NAMES.into_iter().try_for_each(|name| {
                self.attempt(name, || fs::rename(temporary(&self.path, name), self.path.join(name)))
            })
        });
        if result.is_err() {
            for name in NAMES {
                let _ = fs::remove_file(temporary(&self.path, name));
            }
        }
        result
    }

    fn prepare(&self, name: &'static str, bytes: &[u8]) -> Result<(), DirectoryError> {
        debug_assert!(NAMES.contains(&name), "an output file has one of the names");
        self.attempt(name, || {
            let mut file = File::create(temporary(&self.path, name))?;
            file.write_all(bytes)?;
            file.sync_all()
        })
    }

    fn attempt(&self, name: &str, action: impl FnOnce() -> io::Result<()>) -> Result<(), DirectoryError> {
        action().map_err(|source| DirectoryError::Write { path: self.path.join(name), source })
    }
}

fn temporary(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!(".{name}.{}.tmp", std::process::id()))
}

/// Writes one file under a temporary name beside it and renames it.
///
/// # Errors
/// When it cannot be written; what stood there before is then still there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), DirectoryError> {
    let failed = |source| DirectoryError::Write { path: path.to_owned(), source };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
    let part = temporary(parent, &name.to_string_lossy());
    let written = File::create(&part).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.and_then(|()| fs::rename(&part, path)).map_err(|source| {
        let _ = fs::remove_file(&part);
        failed(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(path: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_the_three_files_are_replaced() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a/b");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("mine.txt"), "keep").unwrap();
        let directory = Directory::create(&path).unwrap();
        for content in [b"one".as_slice(), b"two"] {
            directory.write(NAMES.map(|name| (name, content))).unwrap();
            assert_eq!(listing(&path), ["alerts.json", "mine.txt", "run.json", "summary.json"]);
            assert_eq!(fs::read(path.join("summary.json")).unwrap(), content);
        }
        assert_eq!(fs::read(path.join("mine.txt")).unwrap(), b"keep");
    }

    #[test]
    fn what_stands_in_the_way_is_named_before_anything_is_written() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(Directory::create(&file), Err(DirectoryError::NotDirectory { .. })));
        let blocked = base.path().join("blocked");
        fs::create_dir_all(blocked.join("run.json")).unwrap();
        assert!(matches!(Directory::create(&blocked), Err(DirectoryError::InTheWay { name: "run.json", .. })));
        assert!(matches!(Directory::create(&file.join("below")), Err(DirectoryError::Create { .. })));
    }

    #[test]
    fn a_failed_write_leaves_what_was_there() {
        let base = tempfile::tempdir().unwrap();
        let directory = Directory::create(base.path()).unwrap();
        directory.write(NAMES.map(|name| (name, b"old".as_slice()))).unwrap();
        // A directory where a temporary file should go makes the second file fail.
        fs::create_dir(temporary(base.path(), "run.json")).unwrap();
        directory.write(NAMES.map(|name| (name, b"new".as_slice()))).unwrap_err();
        assert_eq!(fs::read(base.path().join("alerts.json")).unwrap(), b"old");
        assert!(!temporary(base.path(), "alerts.json").exists());
    }
}
