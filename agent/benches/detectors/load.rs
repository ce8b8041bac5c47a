//! Loading the shipped detectors, and what they take of memory. Each is done by a process of its own.

use crate::{Table, median, micros};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tracewell_detector_host::limits::{COMPONENT_BYTES_MAX, READY_MAX};
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
        let Measured { n, load, again, grown } = measure(folder, cache);
        table.row(&format!("loading one, {what}"), &micros(load), time);
        if cache.is_some() {
            table.row(&format!("calling one of {n} that {READY_MAX} others were called after"), &micros(again), "");
        }
        let [private, code, program] = grown.map(|bytes| bytes as f64 / 1e6);
        let all = private + code + program;
        let megabytes = format!(
            "{all:.1} MB for {n}: {private:.1} private, {code:.1} machine code in files, {program:.1} of the program's own code"
        );
        table.row(&format!("resident memory after each was called, {what}"), &megabytes, memory);
    }
}

struct Measured {
    n: u64,
    /// The median of loading one.
    load: Duration,
    /// The median of calling one when all others were called since.
    again: Duration,
    /// Bytes by which the process grew.
    grown: Resident,
}

/// Bytes in memory: of no file or changed since they were read, of the files of machine code, and of other files, such as the program.
type Resident = [u64; 3];

fn measure(folder: &Path, cache: Option<&Path>) -> Measured {
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(program);
    child.env(CHILD, cache.unwrap_or(Path::new(""))).env("TRACEWELL_DETECTORS", folder);
    let said = child.output().expect("it starts");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said = String::from_utf8(said.stdout).expect("it prints numbers");
    let numbers: Vec<u64> = said.split_whitespace().map(|n| n.parse().expect("it prints numbers")).collect();
    let [n, load, again, private, code, program] = numbers[..] else { panic!("six numbers expected: {said}") };
    let [load, again] = [load, again].map(Duration::from_nanos);
    Measured { n, load, again, grown: [private, code, program] }
}

/// Loads all and calls each; prints how many, the median times of loading one and of calling one after all others, and the bytes by which
/// this process grew.
pub fn child(folder: &Path, cache: &Path) {
    let seen = sample::neighbourhood().expect("its history is in memory");
    let before = resident(cache);
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
    let after = resident(cache);
    let again = (0..times.len()).map(|detector| runner.measure(detector, &seen).1.whole).collect();
    let [private, code, program] = [0, 1, 2].map(|of| after[of].saturating_sub(before[of]));
    let [n, load, again] = [times.len() as u128, median(times).as_nanos(), median::<Duration>(again).as_nanos()];
    println!("{n} {load} {again} {private} {code} {program}");
}

/// What of this process is in memory. Counted page by page (proc(5), smaps), and not as the kernel's own sums, which lag behind.
fn resident(code: &Path) -> Resident {
    let smaps = BufReader::new(File::open("/proc/self/smaps").expect("/proc is there"));
    let mut sums = Resident::default();
    let (mut place, mut in_memory) = (0, 0);
    for line in smaps.lines() {
        let line = line.expect("/proc can be read");
        let mut words = line.split_whitespace();
        let bytes = |word: Option<&str>| word.and_then(|n| n.parse::<u64>().ok()).expect("a number of kB") << 10;
        match words.next() {
            Some("Rss:") => in_memory = bytes(words.next()),
            Some("Anonymous:") => {
                let anonymous = bytes(words.next());
                sums[0] += anonymous;
                sums[place] += in_memory - anonymous;
            }
            // A mapping: its place in memory, permissions, place in the file, device, number of the file, path.
            Some(first) if first.contains('-') => {
                let path = words.nth(4).map(Path::new);
                let is_code = |path: &Path| !code.as_os_str().is_empty() && path.starts_with(code);
                place = match path {
                    Some(path) if is_code(path) => 1,
                    Some(path) if path.is_absolute() && !path.to_string_lossy().starts_with("/memfd:") => 2,
                    _ => 0,
                };
            }
            _ => {}
        }
    }
    sums
}
