//! What is compared, and how it is told: a line for each test, and one at the end that counts them.

#[cfg(feature = "containers")]
use crate::container;
use crate::lines::lines;
use crate::operations::{self, ACT};
use crate::watch::{Taking, Watched, watch};
use crate::{attack, filters, flood, overflow, throttle};
use anyhow::{Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;
use tracewell_agent::sensor::{Options, Sensor, SensorError};

/// Lines of an error that are shown: the end of what the verifier says of a program tells what it refused.
const LINES_MAX: usize = 40;

const LOSS: &str = "what is lost is counted exactly";
const THROTTLE: &str = "who is over a budget is told, and what is lost so is counted exactly";
const CONTAINER: &str = "a container by runc";
const ATTACK: &str = "an attack becomes one alert";

#[derive(Default)]
struct Tests {
    passed: u32,
    failed: u32,
}

impl Tests {
    fn test(&mut self, name: &str, outcome: Result<()>) {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("test {name} ... ok");
            }
            Err(error) => {
                self.failed += 1;
                println!("test {name} ... FAILED\n{}", tail(&format!("{error:#}")));
            }
        }
    }
}

/// Runs those whose names contain `only`; the operations are one. Returns whether they passed.
pub fn run(only: &str) -> Result<bool> {
    // What the firmware said ends without a line break.
    println!("\nkernel {}", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim());
    let mut tests = Tests::default();
    if let Some(reason) = forbidden() {
        println!("SKIPPED: {reason}");
        println!("kernel-tests: 0 passed, 0 failed");
        return Ok(true);
    }
    if "operations".contains(only) {
        match watch(Command::new("/proc/self/exe").arg(ACT), &Options::default(), Taking::Always) {
            Ok(watched) => compare(&watched, &mut tests),
            Err(error) => tests.test("the sensor starts", Err(error)),
        }
    }
    if LOSS.contains(only) {
        tests.test(LOSS, overflow::test());
    }
    if THROTTLE.contains(only) {
        tests.test(THROTTLE, throttle::test());
    }
    for filter in [filters::OPERATIONS, filters::CGROUPS, filters::USERS, filters::FOLDERS, filters::REPEATS] {
        if filter.contains(only) {
            tests.test(filter, filters::test(filter));
        }
    }
    for process in [flood::FILES, flood::FORKS, flood::CONNECTIONS].into_iter().filter(|name| name.contains(only)) {
        // An emulated processor would take minutes.
        if std::process::id() == 1 {
            println!("not tried: {process} (this is a virtual machine)");
        } else {
            tests.test(process, flood::test(process));
        }
    }
    if ATTACK.contains(only) && Path::new("/bin/bash").exists() {
        tests.test(ATTACK, attack::test());
    } else if ATTACK.contains(only) {
        println!("not tried: {ATTACK} (there is no shell here)");
    }
    if CONTAINER.contains(only) {
        contained(&mut tests);
    }
    println!("kernel-tests: {} passed, {} failed", tests.passed, tests.failed);
    Ok(tests.failed == 0)
}

#[cfg(feature = "containers")]
fn contained(tests: &mut Tests) {
    match container::missing() {
        None => tests.test(CONTAINER, container::test()),
        Some(reason) => println!("not tried: {CONTAINER} ({reason})"),
    }
}

#[cfg(not(feature = "containers"))]
fn contained(_: &mut Tests) {
    println!("not tried: {CONTAINER} (built without the feature `containers`)");
}

/// Why this machine does not let itself be watched. In a virtual machine of ours that is a failure.
fn forbidden() -> Option<SensorError> {
    match Sensor::start(&Options::default()) {
        Err(
            error @ (SensorError::NotPermitted(_)
            | SensorError::NoBtf(_)
            | SensorError::LockedDown
            | SensorError::NotBuilt),
        ) if std::process::id() != 1 => Some(error),
        _ => None,
    }
}

fn compare(watched: &Watched, tests: &mut Tests) {
    tests.test("the sensor starts", Ok(()));
    for (program, error) in &watched.missing {
        println!("not attached: {program}\n{}", tail(error));
    }
    let names: Vec<_> = watched.missing.iter().map(|(program, _)| *program).collect();
    tests.test("every program attaches", fails_with(!names.is_empty(), || names.join(", ")));
    for said in watched.output.lines() {
        let parts: Vec<_> = said.split('\t').collect();
        let &[index, process, folder, unsupported] = &parts[..] else { continue };
        let operation = index.parse().ok().and_then(|index| operations::all().nth(index));
        let (Some(operation), Ok(process)) = (operation, process.parse()) else { continue };
        if !unsupported.is_empty() {
            println!("not tried: {} ({unsupported})", operation.name);
            continue;
        }
        let seen = lines(&watched.records, process, folder);
        let (edges, name) = match operation.exception() {
            Some(exception) => (exception.edges, format!("{} ({})", operation.name, exception.because)),
            None => (operation.edges, operation.name.to_owned()),
        };
        let explained = || format!("expected:\n  {}\nseen:\n  {}", edges.join("\n  "), seen.join("\n  "));
        tests.test(&name, fails_with(seen != edges, explained));
    }
    let skipped: Vec<_> = watched.skipped.iter().filter(|(_, runs)| *runs != Some(0)).collect();
    let explained = match skipped.first() {
        None => "none".to_owned(),
        Some((_, None)) => "unknown to this kernel".to_owned(),
        Some(_) => format!("{skipped:?}"),
    };
    println!("skipped runs of programs: {explained}");
    println!("{:<15} {:>7} {:>9} {:>7} {:>9} {:>7}", "op", "seen", "submitted", "merged", "filtered", "lost");
    for (op, counts) in watched.counts.iter().filter(|(_, counts)| counts.kernel.seen > 0) {
        let kernel = &counts.kernel;
        let (seen, submitted, merged, filtered) = (kernel.seen, kernel.submitted, kernel.merged, kernel.filtered);
        println!("{:<15} {seen:>7} {submitted:>9} {merged:>7} {filtered:>9} {:>7}", op.name(), counts.lost());
    }
    let wrong = watched.counts.iter().filter(|(_, counts)| !counts.adds_up());
    let wrong: Vec<_> = wrong.map(|(op, counts)| format!("{}: {counts:?}", op.name())).collect();
    tests.test("counts add up", fails_with(!wrong.is_empty(), || wrong.join("\n")));
}

fn fails_with(is_wrong: bool, what: impl FnOnce() -> String) -> Result<()> {
    if is_wrong {
        bail!("{}", what());
    }
    Ok(())
}

/// The last lines of a text, without those that are empty.
fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES_MAX)..].join("\n")
}
