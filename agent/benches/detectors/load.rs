//! Loading the shipped detectors, and what they take of memory. Each is done by a process of its own.

use crate::{Table, median, micros};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tracewell_detector_host::limits::COMPONENT_BYTES_MAX;
use tracewell_detector_host::{Library, sample};

/// Stands, in the environment, of a process that is to load and to call all.
pub const CHILD: &str = "TRACEWELL_BENCH_LOAD";

pub fn run(table: &mut Table, folder: &Path) {
    let program = std::env::current_exe().expect("this program has a path");
    let said = Command::new(program).env(CHILD, "1").env("TRACEWELL_DETECTORS", folder).output().expect("it starts");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said = String::from_utf8(said.stdout).expect("it prints numbers");
    let numbers: Vec<u64> = said.split_whitespace().map(|n| n.parse().expect("it prints numbers")).collect();
    let [n, ns, bytes] = numbers[..] else { panic!("three numbers expected: {said}") };
    table.row("loading one, compiled meanwhile", &micros(Duration::from_nanos(ns)), "");
    let megabytes = format!("{:.1} MB for {n}", bytes as f64 / 1e6);
    table.row("resident memory after each was called, compiled in the same process", &megabytes, "≤ 12 MB");
}

/// Loads all and calls each; prints how many, the median time of loading one, and the bytes by which this process grew.
pub fn child(folder: &Path) {
    let seen = sample::neighbourhood().expect("its history is in memory");
    let before = resident();
    let mut library = Library::new().expect("the engine starts");
    let files =
        std::fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be read").path());
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
    println!("{} {} {}", times.len(), median(times).as_nanos(), resident().saturating_sub(before));
}

fn resident() -> u64 {
    let statm = procfs::process::Process::myself().and_then(|process| process.statm()).expect("/proc is there");
    statm.resident * procfs::page_size()
}
