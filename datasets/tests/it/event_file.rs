//! What a file of events may take the place of, and who may read it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use tracewell_datasets::tracewell::EventFile;

#[test]
fn only_a_regular_file_is_replaced_and_only_its_owner_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("other"), "precious").unwrap();
    symlink(at("other"), at("link.jsonl")).unwrap();
    symlink(at("nowhere"), at("dangling.jsonl")).unwrap();
    fs::create_dir(at("folder.jsonl")).unwrap();
    for (name, kind) in [("link.jsonl", "a link"), ("dangling.jsonl", "a link"), ("folder.jsonl", "a directory")] {
        let refused = EventFile::create(&at(name)).err().unwrap().to_string();
        assert!(refused.contains(kind) && refused.contains("expected a file to write"), "{refused}");
    }
    let device = EventFile::create("/dev/null".as_ref()).err().unwrap().to_string();
    assert!(device.contains("a device"), "{device}");
    assert_eq!(fs::read_to_string(at("other")).unwrap(), "precious");

    fs::write(at("known.jsonl"), "old").unwrap();
    for name in ["known.jsonl", "new.jsonl.zst"] {
        EventFile::create(&at(name)).unwrap().finish().unwrap();
        assert_eq!(fs::metadata(at(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    // One that is not ended leaves nothing.
    drop(EventFile::create(&at("dropped.jsonl")).unwrap());
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["dangling.jsonl", "folder.jsonl", "known.jsonl", "link.jsonl", "new.jsonl.zst", "other"]);
}
