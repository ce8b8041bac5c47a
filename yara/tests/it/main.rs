//! Rules, files and the thread between them, on real files.

mod files;
mod reader;
mod rules;
mod watcher;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tracewell_model::{FileKind, FileRef, Inode, ProcessRef};
use tracewell_yara::{Identify, Rules};

/// What the rule of these tests looks for: nothing that anybody else has.
pub const MARKER: &str = "tracewell-marker-of-a-test";

pub fn marker_rule() -> String {
    format!("rule marker {{ meta: description = \"a test's\" strings: $m = \"{MARKER}\" condition: $m }}")
}

pub fn folder_of(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

pub fn rules(text: &str) -> Rules {
    let folder = folder_of(&[("a.yar", text)]);
    let (rules, not_run) = Rules::load(folder.path()).unwrap();
    assert!(not_run.is_empty(), "{not_run:?}");
    rules
}

/// As the source names a file at this path; its kind is left to whoever looks.
pub fn file_at(path: &Path) -> FileRef {
    let known = fs::symlink_metadata(path).unwrap();
    let (major, minor) = (rustix::fs::major(known.dev()), rustix::fs::minor(known.dev()));
    let inode = Inode { dev: u64::from(major) << 20 | u64::from(minor), ino: known.ino(), generation: 0 };
    FileRef { uuid: None, inode: Some(inode), path: Some(text(path).into()), kind: FileKind::Unknown }
}

pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// This process, which is there and sees the files of its tests.
pub fn here() -> ProcessRef {
    ProcessRef { pid: std::process::id(), start: 1, uuid: None }
}

pub fn nobody_knows() -> Identify {
    Box::new(|_| None)
}

pub fn put(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path
}
