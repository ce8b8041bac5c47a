//! What `cargo xtask test --full` adds: things that take longer than a change should wait for.

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

/// All tests again, with many more cases for each property.
pub fn property_tests(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    tests(test_command(workspace).env("PROPTEST_CASES", PROPERTY_CASES.to_string()), counts)
}

/// Puts the result and its date into `docs/full-test.md`, which is committed.
pub fn write_result(workspace: &Workspace, steps: &Steps, counts: Counts, time: Duration) -> Result<()> {
    let mut text = format!(
        "# Last full test\n\nWritten by `cargo xtask test --full`.\n\n- Date: {}\n- Commit: {}\n- Machine: {} processors, {}\n- Result: {counts}, {}\n\n| Step | Result | Time |\n|---|---|---|\n",
        said_by("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        said_by("git", &["-C", &workspace.root.to_string_lossy(), "rev-parse", "--short", "HEAD"]),
        std::thread::available_parallelism().map_or(1, usize::from),
        said_by("rustc", &["--version"]),
        seconds(time),
    );
    for step in &steps.done {
        let outcome = step.error.as_deref().map_or("ok", |error| error.lines().next().unwrap_or("failed"));
        writeln!(text, "| {} | {outcome} | {} |", step.name, seconds(step.time))?;
    }
    fs::write(workspace.root.join("docs/full-test.md"), text).context("writing docs/full-test.md")
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
