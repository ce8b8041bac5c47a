//! Machine code of before is taken up, and nothing else that lies in its folder.

use crate::guest::{Guest, Said};
use crate::scene::execution;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tracewell_detector_host::{Cache, Library};
use tracewell_graph_core::neighbourhood::Detectors;
use tracewell_model::EventNs;

/// Loads a guest through the cache, and has it find what it finds.
fn finds(folder: &Path) {
    let mut library = Library::new().unwrap();
    library.set_cache(Some(Cache::open(folder).unwrap()));
    library.load(&Guest::saying("cached", vec![Said::high("found", &[0])]).build()).unwrap();
    assert_eq!(library.runner().detect(0, &execution(EventNs::SECOND)).len(), 1);
}

/// The one file of machine code.
fn code(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| !path.ends_with("key")).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[test]
fn what_was_compiled_is_taken_up_and_what_was_changed_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    finds(&cache);
    let file = code(&cache);
    let good = fs::read(&file).unwrap();
    let written = || fs::metadata(&file).unwrap().modified().unwrap();
    let first = written();
    finds(&cache);
    assert_eq!(written(), first, "it was taken up, not made anew");
    let spoil: [fn(&mut Vec<u8>); 5] = [
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        |bytes| bytes[40] ^= 1,
        |bytes| bytes[0] ^= 1,
        |bytes| bytes.truncate(bytes.len() / 2),
        Vec::clear,
    ];
    for spoil in spoil {
        let mut bytes = good.clone();
        spoil(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        finds(&cache);
        assert_eq!(fs::read(&file).unwrap(), good, "the same code was made again");
    }
}

#[test]
fn code_that_another_folder_wrote_is_refused() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let [one, other] = [one, other].map(|folder| folder.keep().join("cache"));
    finds(&one);
    finds(&other);
    // The same component and engine, but written with another key.
    let (ours, theirs) = (fs::read(code(&one)).unwrap(), fs::read(code(&other)).unwrap());
    assert_ne!(ours, theirs);
    fs::write(code(&one), &theirs).unwrap();
    finds(&one);
    assert_eq!(fs::read(code(&one)).unwrap(), ours);
    for folder in [one, other] {
        fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    }
}

#[test]
fn a_folder_or_file_that_is_not_for_its_user_alone_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let chmod = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let refused = |path: &Path| Cache::open(path).err().unwrap().to_string();
    finds(&cache);
    let (file, first) = (code(&cache), fs::read(code(&cache)).unwrap());
    // Who could have written it is not known any more: it is made anew.
    chmod(&file, 0o666);
    finds(&cache);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&file).unwrap(), first);
    chmod(&cache.join("key"), 0o644);
    assert_eq!(refused(&cache), "it is not for this user alone");
    chmod(&cache.join("key"), 0o600);
    for mode in [0o755, 0o770, 0o702] {
        chmod(&cache, mode);
        assert_eq!(refused(&cache), "it is not for this user alone");
    }
    chmod(&cache, 0o700);
    std::os::unix::fs::symlink(&cache, folder.path().join("link")).unwrap();
    Cache::open(&folder.path().join("link")).err().unwrap();
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    finds(&cache);
}
