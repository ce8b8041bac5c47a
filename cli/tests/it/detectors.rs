//! Detectors as a person runs them: the shipped ones over their stories, and any over a replay.

#[path = "../../../detector-host/tests/it/guest.rs"]
pub mod guest;

use crate::recording;
use crate::run::tracewell;
use guest::{Guest, Said};
use std::fs;
use std::path::{Path, PathBuf};
use tracewell_graph_core::neighbourhood::OperationSet;

/// The built components, or `None`, said loudly, where they are not.
pub fn shipped() -> Option<PathBuf> {
    let folder = std::env::var_os("TRACEWELL_DETECTORS").map(PathBuf::from).filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("SKIPPED: no detectors (`cargo xtask detectors` builds them; set TRACEWELL_DETECTORS)");
    }
    folder
}

pub fn path(path: &Path) -> &str {
    path.to_str().expect("the names here are UTF-8")
}

/// The packages of the shipped detectors.
fn packages() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../detectors");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut packages: Vec<_> = entries.filter(|path| path.join("tests").is_dir()).collect();
    packages.sort();
    packages
}

fn name(package: &Path) -> String {
    package.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn every_shipped_detector_finds_what_its_stories_say() {
    let Some(components) = shipped() else { return };
    let native = std::env::var_os("TRACEWELL_DETECTORS_NATIVE").map(PathBuf::from);
    if native.is_none() {
        println!("SKIPPED: the same natively (`cargo xtask test` builds it; set TRACEWELL_DETECTORS_NATIVE)");
    }
    for package in packages() {
        let component = components.join(name(&package)).with_extension("wasm");
        let mut arguments = vec!["detector", "test", path(&package), "--component", path(&component)];
        arguments.extend(native.as_deref().into_iter().flat_map(|native| ["--native", path(native)]));
        let said = tracewell(&arguments).ok();
        assert!(said.lines().count() >= 2 && said.lines().all(|line| line.starts_with("ok ")), "{said}");
    }
}

/// One that nothing is to be found in beside those in which something is.
#[test]
fn every_shipped_detector_has_stories_of_both_kinds_and_says_what_it_is() {
    for package in packages() {
        let stories = fs::read_dir(package.join("tests")).unwrap();
        let stories = stories.map(|story| fs::read_to_string(story.unwrap().path()).unwrap());
        let (found, nothing): (Vec<_>, Vec<_>) = stories.partition(|story| story.contains("\nexpect "));
        assert!(!found.is_empty() && !nothing.is_empty(), "{}", package.display());
        let source = fs::read_to_string(package.join("src/lib.rs")).unwrap();
        for word in ["Severity: ", "Known false", "techniques: [\"T"] {
            assert!(source.contains(word), "{} does not say {word:?}", package.display());
        }
    }
}

#[test]
fn the_guide_lists_every_shipped_detector() {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/detectors.md")).unwrap();
    let listed: Vec<_> = guide.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).collect();
    for package in packages() {
        let manifest = fs::read_to_string(package.join("Cargo.toml")).unwrap();
        let row = listed.iter().find(|(id, _)| *id == name(&package));
        let (_, row) = row.unwrap_or_else(|| panic!("{} is not listed", package.display()));
        let description = row.split(" | ").next().unwrap();
        assert!(manifest.contains(&format!("description = \"{description}\"")), "{}: {description}", package.display());
    }
}

#[test]
fn a_story_that_comes_out_otherwise_fails() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tests")).unwrap();
    let component = folder.path().join("sayer.wasm");
    fs::write(&component, Guest::saying("sayer", vec![Said::high("something", &[0])]).build()).unwrap();
    let story = folder.path().join("tests/one.story");
    let run = || tracewell(&["detector", "test", path(folder.path()), "--component", path(&component)]);
    fs::write(&story, "sh is /bin/sh\nsh exec /bin/ls\nexpect high something\n").unwrap();
    assert_eq!(run().ok(), "ok      one\n");
    for (text, why) in [
        ("sh is /bin/sh\nsh exec /bin/ls\n", "unexpected: high something"),
        ("sh is /bin/sh\nsh exec /bin/ls\nexpect low something\n", "missing: low something"),
        ("sh is /bin/sh\nexpect high something\n", "missing: high something"),
    ] {
        fs::write(&story, text).unwrap();
        let ran = run();
        assert!(ran.code == 2 && ran.stdout.contains("FAILED  one") && ran.stdout.contains(why), "{}", ran.stdout);
    }
    fs::write(&story, "sh dances\n").unwrap();
    run().failed(2, "one.story: line 1: \"dances\" is no operation");
}

/// Replays the invented recording and gives `alerts.json`.
fn alerts(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("web.jsonl");
    fs::write(&recording, recording::attacked("web")).unwrap();
    let out = folder.path().join("out");
    tracewell(&[&["replay", path(&recording), "--out", path(&out)], arguments].concat()).ok();
    fs::read_to_string(out.join("alerts.json")).unwrap()
}

/// A guest that is called for everything, and beside which all else comes out byte for byte as without it.
fn changes_nothing_else(guest: Guest) {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest { operations: OperationSet::ALL, ..guest };
    fs::write(folder.path().join("hostile.wasm"), guest.build()).unwrap();
    let sayer = Guest::saying("zz-sayer", vec![Said::high("a thing that nobody else sees", &[0])]).build();
    fs::write(folder.path().join("sayer.wasm"), &sayer).unwrap();
    let alone = tempfile::tempdir().unwrap();
    fs::write(alone.path().join("sayer.wasm"), &sayer).unwrap();
    let expected = alerts(&["--detectors", path(alone.path())]);
    assert!(expected.contains("a thing that nobody else sees"));
    assert_eq!(alerts(&["--detectors", path(folder.path())]), expected, "{}", guest.id);
}

#[test]
fn an_endless_loop_changes_nothing_else() {
    changes_nothing_else(Guest::new("endless", "(loop $on (br $on)) (i32.const 0)"));
}

#[test]
fn an_allocation_bomb_changes_nothing_else() {
    let bomb = "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) unreachable";
    changes_nothing_else(Guest::new("bomb", bomb));
}

#[test]
fn a_recursion_without_end_changes_nothing_else() {
    let mut guest = Guest::new("recursion", "(drop (call $deeper (i32.const 1))) (i32.const 0)");
    guest.more = "(func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))";
    changes_nothing_else(guest);
}

#[test]
fn a_panic_changes_nothing_else() {
    changes_nothing_else(Guest::new("panic", "unreachable"));
}

#[test]
fn a_huge_output_changes_nothing_else() {
    let huge = Said { title_at: Some((8 * 65536, 5 << 20)), ..Said::high("x", &[0]) };
    changes_nothing_else(Guest { memory_pages: 100, ..Guest::saying("huge", vec![huge]) });
}

#[test]
fn an_output_that_cannot_be_changes_nothing_else() {
    changes_nothing_else(Guest::saying("elsewhere", vec![Said::high("x", &[9999])]));
    changes_nothing_else(Guest::saying("not-utf8", vec![Said { title: vec![0xff], ..Said::high("", &[0]) }]));
}

#[test]
fn state_that_is_kept_between_calls_changes_nothing_else() {
    // Finds something from its second call on, if it is the same instance.
    let body = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (select (i32.const 16) (i32.const 8) (i32.gt_u (global.get $calls) (i32.const 1)))";
    let mut guest = Guest::saying("stateful", vec![Said::high("remembered", &[0])]);
    (guest.detect, guest.more) = (body.into(), "(global $calls (mut i32) (i32.const 0))");
    changes_nothing_else(guest);
}

#[test]
fn findings_raise_alerts_and_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut guest = Guest::saying("sayer", vec![Said::high("a thing that nobody else sees", &[0, 1])]);
    guest.paths = vec!["/tmp/payload"];
    fs::write(folder.path().join("sayer.wasm"), guest.build()).unwrap();
    let with = alerts(&["--detectors", path(folder.path())]);
    assert_eq!(with, alerts(&["--detectors", path(folder.path())]), "the same input gives the same output");
    assert_eq!(with.matches("detector sayer (high): a thing that nobody else sees").count(), 1, "{with}");
    assert!(with.contains("a thing that nobody else sees (detector sayer, high)"));
}

#[test]
fn what_is_no_detector_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.wasm");
    fs::write(&file, "#!/bin/sh\n").unwrap();
    tracewell(&["detector", "check", path(&file)]).failed(2, "x.wasm: it is no WebAssembly file");
    let arguments = ["replay", "--simulate", "seed=1,hosts=1,duration=1m", "--detectors", path(folder.path())];
    tracewell(&arguments).failed(2, "x.wasm: it is no WebAssembly file");
    fs::remove_file(&file).unwrap();
    tracewell(&arguments).failed(2, "holds no detector");
}
