//! What `cargo xtask test --full` adds: things that take longer than a change should wait for.

mod fuzz;
mod recordings;

pub use fuzz::fuzz;
pub use recordings::{Scored, recordings};

use crate::steps::{Steps, seconds};
use crate::test::{test_command, tests};
use crate::test_output::Counts;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Cases of each property test; proptest's default of 256 is what the short run does.
const PROPERTY_CASES: u32 = 4_096;
/// Schedules of faults between hosts and aggregator.
const SCHEDULES: u32 = 10_000;
/// Kills of agents and their aggregator.
const KILLS: u32 = 1_000;
/// Power losses of a virtual machine.
pub const POWER_LOSSES: u32 = 200;

/// All tests again, with many more cases for each property.
pub fn property_tests(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let mut command = test_command(workspace);
    command.env("PROPTEST_CASES", PROPERTY_CASES.to_string()).env("TRACEWELL_SCHEDULES", SCHEDULES.to_string());
    command.env("TRACEWELL_KILLS", KILLS.to_string());
    tests(&mut command, counts)
}

/// Puts the result and its date into `docs/full-test.md`, which is committed.
pub fn write_result(
    workspace: &Workspace,
    steps: &Steps,
    counts: Counts,
    time: Duration,
    scored: &[Scored],
) -> Result<()> {
    let mut text = String::from("# Last full test\n\nWritten by `cargo xtask test --full`.\n\n");
    writeln!(text, "- Date: {}", said_by("date", &["-u", "+%Y-%m-%d %H:%M UTC"]))?;
    let root = workspace.root.to_string_lossy();
    writeln!(text, "- Commit: {}", said_by("git", &["-C", &root, "describe", "--always", "--dirty"]))?;
    let n_processors = std::thread::available_parallelism().map_or(1, usize::from);
    writeln!(text, "- Machine: {n_processors} processors, {}", said_by("rustc", &["--version"]))?;
    writeln!(text, "- Result: {counts}, in {}", seconds(time))?;
    writeln!(text, "\n| Step | Result | Time |\n|---|---|---|")?;
    for step in &steps.done {
        let outcome = step.error.as_deref().map_or("ok", |error| error.lines().next().unwrap_or("failed"));
        writeln!(text, "| {} | {outcome} | {} |", step.name, seconds(step.time))?;
    }
    if !scored.is_empty() {
        writeln!(text, "\nPublic recordings, with the shipped parameters. What they may prove: `evaluation.md`.\n")?;
        writeln!(text, "| Recording | Events | Incidents shown | Attacks found | Node precision | Node recall |")?;
        writeln!(text, "|---|---|---|---|---|---|")?;
        for recording in scored {
            writeln!(text, "{recording}")?;
        }
    }
    fs::write(workspace.root.join("docs/full-test.md"), text).context("writing docs/full-test.md")
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
