//! The guide for authors of detectors: each command of it is run as it stands there, in its order.

use crate::recording;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What stands in the blocks of shell commands.
fn commands(guide: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let mut is_shell = false;
    for line in guide.lines() {
        match line {
            "```sh" => is_shell = true,
            "```" => is_shell = false,
            line if is_shell => commands.push(line.split(' ').map(str::to_owned).collect()),
            _ => {}
        }
    }
    commands
}

#[test]
fn every_command_of_the_guide_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let guide = fs::read_to_string(root.join("docs/detectors.md")).unwrap();
    let commands = commands(&guide);
    assert!(commands.len() >= 7, "{commands:?}");
    let Some(built) = std::env::var_os("TRACEWELL_DETECTORS") else {
        println!("SKIPPED: no detectors (`cargo xtask detectors` builds them; set TRACEWELL_DETECTORS)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // Where the sources are is where the SDK is found.
    std::os::unix::fs::symlink(root.join("detectors"), folder.path().join("detectors")).unwrap();
    fs::write(folder.path().join("recording.jsonl"), recording::attacked("web")).unwrap();
    let mut said = Vec::new();
    for command in commands {
        assert_eq!(command[0], "tracewell", "{command:?}");
        let mut run = Command::new(env!("CARGO_BIN_EXE_tracewell"));
        // The standard library that the shipped detectors were built with serves here too.
        run.env("CARGO_TARGET_DIR", Path::new(&built).with_file_name("detectors-build"));
        let output = run.args(&command[1..]).current_dir(folder.path()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {stderr}", command.join(" "));
        said.push((command.join(" "), String::from_utf8(output.stdout).unwrap()));
    }
    let said_of = |needle: &str| &said.iter().find(|(command, _)| command.contains(needle)).unwrap().1;
    assert_eq!(said_of("detector test"), "ok      found\nok      nothing\n");
    assert!(said_of("check").starts_with("ok  netcat-on-8888 0.1.0"));
    assert!(said_of("info").contains("called       on listen by **/nc **/ncat **/netcat port 8888-8888"));
    assert!(said_of("--record").ends_with(" events\n"));
}

/// What `new` writes is what the guide shows.
#[test]
fn the_guide_shows_the_package_that_is_made() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("../docs/detectors.md")).unwrap();
    for file in ["lib.rs.txt", "found.story"] {
        let text = fs::read_to_string(root.join("src/detector/scaffold").join(file)).unwrap();
        assert!(guide.contains(&text), "the guide does not show {file}");
    }
}

/// Skipped, loudly, where what builds them is not here.
#[test]
fn detectors_in_other_languages_are_built_and_find_the_same() {
    for language in ["c", "python"] {
        let folder = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str]| {
            let mut run = Command::new(env!("CARGO_BIN_EXE_tracewell"));
            run.args(arguments).current_dir(folder.path()).env_remove("CARGO_TARGET_DIR").output().unwrap()
        };
        let id = format!("{language}-netcat");
        assert!(run(&["detector", "new", &id, "--lang", language]).status.success());
        let output = run(&["detector", "test", &id]);
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if stderr.contains(" gets what builds detectors in ") {
            println!("SKIPPED: a detector in {language}: {stderr}");
            continue;
        }
        assert_eq!(stdout, "ok      found\nok      nothing\n", "{language}: {stderr}");
    }
}
