//! A folder that is there whole or not at all, whoever is killed when.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Has `fill` make a folder's content beside it, for its owner alone, makes that durable, and gives it its name. What an attempt that was
/// cut off has left is cleared away.
///
/// # Errors
/// When `fill` fails, the disk does not take it, or something is there already.
pub fn make(folder: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let part = beside(folder);
    remove(&part)?;
    DirBuilder::new().recursive(true).mode(0o700).create(&part)?;
    // An empty folder gives way, any other stays.
    let made = fill(&part).and_then(|()| sync(&part)).and_then(|()| fs::rename(&part, folder));
    if made.is_err() {
        // What it holds may be a key.
        remove(&part)?;
    }
    made?;
    match folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

/// Removes a folder, if it is there.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Copies a folder's regular files and folders.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type()? {
            kind if kind.is_dir() => copy(&source, &target)?,
            kind if kind.is_file() => _ = fs::copy(&source, &target)?,
            _ => {}
        }
    }
    Ok(())
}

fn sync(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => sync(&entry.path())?,
            kind if kind.is_file() => File::open(entry.path())?.sync_all()?,
            _ => {}
        }
    }
    File::open(folder)?.sync_all()
}

/// A name that nobody else has: what lies there is cleared away.
fn beside(folder: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(folder.file_name().unwrap_or_default());
    name.push(".tracewell-part");
    folder.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("deep/folder");
        let cut_off = make(&folder, |part| {
            fs::write(part.join("a"), "half")?;
            Err(io::Error::other("cut off"))
        });
        assert!(cut_off.is_err() && !folder.exists());
        make(&folder, |part| {
            assert_eq!(fs::read_dir(part)?.count(), 0, "what was left is gone");
            fs::create_dir(part.join("b"))?;
            fs::write(part.join("b/c"), "whole")
        })
        .unwrap();
        assert_eq!(fs::read_to_string(folder.join("b/c")).unwrap(), "whole");
        assert!(make(&folder, |_| Ok(())).is_err(), "what is there stays");
        assert!(!beside(&folder).exists(), "and nothing is left beside it");
        let empty = place.path().join("empty");
        fs::create_dir(&empty).unwrap();
        make(&empty, |part| copy(&folder, part)).unwrap();
        assert_eq!(fs::read_to_string(empty.join("b/c")).unwrap(), "whole");
    }
}
