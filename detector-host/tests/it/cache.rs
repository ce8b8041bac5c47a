//! Machine code of before is taken up, and nothing else that lies in its folder.

use crate::guest::{Guest, Said};
use crate::scene::execution;
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tracewell_detector_host::limits::READY_MAX;
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

/// Names of the files of a folder of which this process has machine code mapped.
fn mapped(folder: &Path) -> BTreeSet<String> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let code = maps.lines().filter(|line| line.contains(" r-xp "));
    code.filter_map(|line| Some(line.split_once(folder.to_str().unwrap())?.1.to_owned())).collect()
}

/// What a library of many detectors takes of memory is that of those which were called last.
#[test]
fn code_of_detectors_that_were_not_called_lately_is_let_go_and_mapped_again() {
    const N: usize = READY_MAX + 4;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().canonicalize().unwrap().join("cache");
    let mut library = Library::new().unwrap();
    library.set_cache(Some(Cache::open(&cache).unwrap()));
    for n in 0..N {
        let id: &str = format!("d{n:02}").leak();
        library.load(&Guest::saying(id, vec![Said::high(id, &[0])]).build()).unwrap();
        assert_eq!(mapped(&cache).len(), READY_MAX.min(n + 1));
    }
    let mut runner = library.runner();
    let mut finds = |detector| {
        let findings = runner.detect(detector, &execution(EventNs::SECOND));
        findings.iter().map(|finding| finding.title.to_string()).collect::<Vec<_>>()
    };
    for detector in (0..N).chain((0..N).rev()) {
        assert_eq!(finds(detector), [format!("d{detector:02}")]);
        assert_eq!(mapped(&cache).len(), READY_MAX);
    }
    // Whoever is called all the time stays, and whoever tidied the folder up changed nothing.
    let before = mapped(&cache);
    for entry in fs::read_dir(&cache).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for detector in 0..READY_MAX {
        finds(detector);
    }
    assert!(mapped(&cache).iter().all(|name| before.contains(name.trim_end_matches(" (deleted)"))));
    assert_eq!(finds(N - 1), [format!("d{:02}", N - 1)]);
    assert_eq!(mapped(&cache).len(), READY_MAX);
}

#[test]
fn without_a_folder_code_stays() {
    let mut library = Library::new().unwrap();
    for n in 0..READY_MAX + 2 {
        library.load(&Guest::saying(format!("d{n:02}").leak(), vec![Said::high("found", &[0])]).build()).unwrap();
    }
    let mut runner = library.runner();
    for detector in 0..READY_MAX + 2 {
        assert_eq!(runner.detect(detector, &execution(EventNs::SECOND)).len(), 1);
    }
}
