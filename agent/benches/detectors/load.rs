//! Loading the shipped detectors, and what they take of memory. Each is done by a process of its own.

use crate::{Table, median, micros};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tracewell_detector_host::limits::COMPONENT_BYTES_MAX;
use tracewell_detector_host::{Cache, Library, sample};

/// Names, in the environment, the folder of machine code of a process that is to load and to call all; empty for none.
pub const CHILD: &str = "TRACEWELL_BENCH_LOAD";

pub fn run(table: &mut Table, folder: &Path) {
    let parent = tempfile::tempdir().expect("a temporary folder");
    // Made by whoever uses it first, for its user alone.
    let cache = parent.path().join("code");
    // The first that has the folder fills it.
    measure(folder, Some(&cache));
    for (cache, what, time, memory) in
        [(None, "compiled when they are loaded", "", ""), (Some(cache.as_path()), "precompiled", "≤ 1 ms", "≤ 12 MB")]
    {
        let Measured { n, load, bytes, private } = measure(folder, cache);
        table.row(&format!("loading one, {what}"), &micros(load), time);
        let megabytes = format!("{:.1} MB for {n}, {:.1} MB of it private", bytes as f64 / 1e6, private as f64 / 1e6);
        table.row(&format!("resident memory after each was called, {what}"), &megabytes, memory);
    }
}

struct Measured {
    n: u64,
    /// The median of loading one.
    load: Duration,
    /// By which the process grew, and what of it is not of files.
    bytes: u64,
    private: u64,
}

fn measure(folder: &Path, cache: Option<&Path>) -> Measured {
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(program);
    child.env(CHILD, cache.unwrap_or(Path::new(""))).env("TRACEWELL_DETECTORS", folder);
    let said = child.output().expect("it starts");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said = String::from_utf8(said.stdout).expect("it prints numbers");
    let numbers: Vec<u64> = said.split_whitespace().map(|n| n.parse().expect("it prints numbers")).collect();
    let [n, ns, bytes, private] = numbers[..] else { panic!("four numbers expected: {said}") };
    Measured { n, load: Duration::from_nanos(ns), bytes, private }
}

/// Loads all and calls each; prints how many, the median time of loading one, and the bytes by which this process grew, in all and
/// without pages of files.
pub fn child(folder: &Path, cache: &Path) {
    let seen = sample::neighbourhood().expect("its history is in memory");
    let before = resident();
    let mut library = Library::new().expect("the engine starts");
    if !cache.as_os_str().is_empty() {
        library.set_cache(Some(Cache::open(cache).expect("it is this user's alone")));
    }
    let files = std::fs::read_dir(folder).expect("the folder is there");
    let files = files.map(|entry| entry.expect("it can be read").path());
    let times: Vec<_> = files
        .map(|file| {
            let started = Instant::now();
            library.load_file(&file, COMPONENT_BYTES_MAX).expect("the shipped ones are detectors");
            started.elapsed()
        })
        .collect();
    let runner = library.runner();
    for detector in 0..times.len() {
        for _ in 0..100 {
            runner.call(detector, &seen).expect("it finds or does not");
        }
    }
    let after = resident();
    let grown = [0, 1].map(|of| after[of].saturating_sub(before[of]));
    println!("{} {} {} {}", times.len(), median(times).as_nanos(), grown[0], grown[1]);
}

/// Bytes in memory, and those of them that are of no file.
fn resident() -> [u64; 2] {
    let statm = procfs::process::Process::myself().and_then(|process| process.statm()).expect("/proc is there");
    [statm.resident, statm.resident - statm.shared].map(|pages| pages * procfs::page_size())
}
