//! What is compared, and how it is told: a line for each test, and one at the end that counts them.

#[cfg(feature = "containers")]
use crate::container;
use crate::lines::lines;
use crate::operations::{self, ACT, of_tier};
use crate::watch::{Taking, Watched, watch};
use crate::{attack, environment, filters, flood, overflow, throttle};
use anyhow::{Result, bail, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use tracewell_agent::sensor::tier::{Asked, Tier};
use tracewell_agent::sensor::{Options, Sensor, SensorError};
use tracewell_model::{EventFlags, Operation, Record};

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

/// Runs those whose names contain `only`, the operations being one, on each of the tiers that is there. Returns whether they
/// passed.
pub fn run(only: &str, tiers: &[Asked]) -> Result<bool> {
    // What the firmware said ends without a line break.
    println!("\nkernel {}", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim());
    let mut all = Tests::default();
    let here = match here() {
        Ok(here) => here,
        Err(reason) => {
            println!("SKIPPED: {reason}");
            println!("kernel-tests: 0 passed, 0 failed");
            return Ok(true);
        }
    };
    let is_there = |tier: &Asked| *tier == Asked::Base || is_ours() || here.name() == "better";
    let there: Vec<_> = tiers.iter().copied().filter(is_there).collect();
    for (n, &tier) in there.iter().enumerate() {
        println!("\nthe {} tier", name_of(tier));
        let mut tests = Tests::default();
        run_on(tier, only, &mut tests);
        if n + 1 == there.len() {
            run_once(tier, only, &mut tests);
        }
        println!("tier {}: {} passed, {} failed", name_of(tier), tests.passed, tests.failed);
        (all.passed, all.failed) = (all.passed + tests.passed, all.failed + tests.failed);
    }
    if there.len() < tiers.len() {
        let reasons: BTreeSet<_> = here.refused().iter().map(|(_, reason)| tail(reason)).collect();
        println!("not tried: the better tier ({})", reasons.into_iter().collect::<Vec<_>>().join("; "));
    }
    println!("kernel-tests: {} passed, {} failed", all.passed, all.failed);
    Ok(all.failed == 0)
}

fn run_on(tier: Asked, only: &str, tests: &mut Tests) {
    if "operations".contains(only) {
        let options = Options { tier, ..Options::default() };
        match watch(Command::new("/proc/self/exe").arg(ACT), &options, Taking::Always) {
            Ok(watched) => compare(&watched, tier, tests),
            Err(error) => tests.test("the sensor starts", Err(error)),
        }
    }
    if LOSS.contains(only) {
        tests.test(LOSS, overflow::test(tier));
    }
}

/// What takes long, or is not about the kernel side alone: on the best tier only.
fn run_once(tier: Asked, only: &str, tests: &mut Tests) {
    if THROTTLE.contains(only) {
        tests.test(THROTTLE, throttle::test());
    }
    for filter in [filters::OPERATIONS, filters::CGROUPS, filters::USERS, filters::FOLDERS, filters::REPEATS] {
        if filter.contains(only) {
            tests.test(filter, filters::test(filter));
        }
    }
    if environment::NAME.contains(only) {
        tests.test(environment::NAME, environment::test());
    }
    for process in [flood::FILES, flood::FORKS, flood::CONNECTIONS].into_iter().filter(|name| name.contains(only)) {
        // An emulated processor would take minutes.
        if is_ours() {
            println!("not tried: {process} (this is a virtual machine)");
        } else {
            tests.test(process, flood::test(process, tier));
        }
    }
    if ATTACK.contains(only) && Path::new("/bin/bash").exists() {
        tests.test(ATTACK, attack::test(tier));
    } else if ATTACK.contains(only) {
        println!("not tried: {ATTACK} (there is no shell here)");
    }
    if CONTAINER.contains(only) {
        contained(tests);
    }
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

fn name_of(tier: Asked) -> &'static str {
    if tier == Asked::Base { "base" } else { "better" }
}

/// Whether this is a virtual machine of ours, where everything must work.
fn is_ours() -> bool {
    std::process::id() == 1
}

/// The tier that this machine lets itself be watched on, or why it does not. In a virtual machine of ours what does not work
/// shows in the tests.
fn here() -> Result<Tier, SensorError> {
    match Sensor::start(&Options::default()) {
        Ok(sensor) => Ok(sensor.tier().clone()),
        Err(
            error @ (SensorError::NotPermitted(_)
            | SensorError::NoBtf(_)
            | SensorError::LockedDown
            | SensorError::NotBuilt),
        ) if !is_ours() => Err(error),
        Err(_) => Ok(Tier::base()),
    }
}

fn compare(watched: &Watched, tier: Asked, tests: &mut Tests) {
    tests.test("the sensor starts", Ok(()));
    for (program, error) in &watched.missing {
        println!("not attached: {program}\n{}", tail(error));
    }
    let names: Vec<_> = watched.missing.iter().map(|(program, _)| *program).collect();
    tests.test("every program attaches", fails_with(!names.is_empty(), || names.join(", ")));
    if tier == Asked::Auto {
        let refused: Vec<_> =
            watched.tier.refused().iter().map(|(hook, why)| format!("{hook}: {}", tail(why))).collect();
        tests.test("every hook works", fails_with(watched.tier.name() != "better", || refused.join("\n")));
    }
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
        let edges = of_tier(edges, tier);
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
    tests.test("names are trusted as they were read", trusted(watched, tier));
}

/// On the better tier every name is from the kernel's objects. On the base tier those of operations by name alone are from the
/// memory of processes, and flagged so.
fn trusted(watched: &Watched, tier: Asked) -> Result<()> {
    const BY_NAME: [Operation; 4] = [Operation::Rename, Operation::Link, Operation::Unlink, Operation::Mount];
    const ALSO_BY_NAME: [Operation; 4] = [Operation::Chmod, Operation::Chown, Operation::SetTimes, Operation::Truncate];
    let events = || {
        watched.records.iter().filter_map(|record| match record {
            Record::Event(event) => Some(event),
            _ => None,
        })
    };
    let (mut n, is_base) = (0, tier == Asked::Base);
    for event in events() {
        let is_flagged = event.flags.contains(EventFlags::REPAIRED);
        n += u32::from(BY_NAME.contains(&event.op));
        if BY_NAME.contains(&event.op) && is_flagged != is_base
            || ALSO_BY_NAME.contains(&event.op) && is_flagged && !is_base
        {
            bail!("flagged: {is_flagged}, in {event:?}");
        }
    }
    let fallback = watched.counts.sum(|op| op.kernel.fallback);
    ensure!(n > 0, "there was no such operation");
    ensure!(fallback == 0, "{fallback} operations were seen by no hook");
    Ok(())
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
