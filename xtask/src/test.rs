use crate::ebpf::Warnings;
use crate::steps::{Steps, seconds};
use crate::test_output::{Counts, TestOutput};
use crate::workspace::{Workspace, display, run as run_command};
use crate::{checks, detectors, ebpf, full, lab, setup, vm};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

/// Runs all steps, also after one failed, and ends with one line that counts tests.
pub fn run(workspace: &Workspace, full: bool) -> Result<ExitCode> {
    let start = Instant::now();
    let mut steps = Steps::new(if full { 16 } else { 12 });
    let mut counts = Counts::default();
    let mut scored = Vec::new();
    if steps.run("setup", || setup::run(workspace)).is_some() {
        steps.run("format", || run_command(workspace.cargo().args(["fmt", "--all", "--check"])));
        steps.run("dependencies, licences and architecture", || checks::run(workspace));
        steps.run("eBPF programs", || ebpf_programs(workspace, &mut counts));
        steps.run("detectors", || shipped_detectors(workspace, &mut counts));
        steps.run("clippy", || clippy(workspace));
        steps.run("documentation", || documentation(workspace));
        steps.run("tests", || tests(&mut test_command(workspace), &mut counts));
        steps.run("kernel tests on this machine", || vm::test_here(workspace, &mut counts));
        steps.run("lab", || lab::test(workspace, &mut counts));
        steps.run("virtual machine", || vm::test(workspace, &mut counts));
        steps.run("power loss", || vm::power::test(workspace, vm::power::LOSSES, &mut counts));
        if full {
            steps.run("many power losses", || vm::power::test(workspace, full::POWER_LOSSES, &mut counts));
            steps.run("long property tests", || full::property_tests(workspace, &mut counts));
            steps.run("fuzzing", || full::fuzz(workspace));
            scored = steps.run("public recordings", || full::recordings(workspace)).unwrap_or_default();
        }
    }

    let n_failed = steps.failed().count();
    if n_failed > 0 && counts.failed == 0 {
        // A step that could not even count its tests still counts as a failure.
        counts.failed = n_failed as u64;
    }
    eprintln!();
    for step in &steps.done {
        let outcome = if step.error.is_some() { "FAILED" } else { "ok" };
        eprintln!("{:>14}  {outcome:<6}  {}", seconds(step.time), step.name);
    }
    eprintln!("{:>14}  in all", seconds(start.elapsed()));
    if full {
        full::write_result(workspace, &steps, counts, start.elapsed(), &scored)?;
    }
    println!("{counts}");
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub fn test_command(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo();
    command.args(["test", "--workspace", "--no-fail-fast", "--", "--show-output"]);
    command
}

/// Runs a `cargo test` and adds its tests to `counts`, shown without what passing tests print.
pub fn tests(command: &mut Command, counts: &mut Counts) -> Result<()> {
    let shown = display(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("starting `{shown}`"))?;
    let stdout = child.stdout.take().context("the child's stdout is piped")?;
    let mut output = TestOutput::default();
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.context("reading test output")?;
        let line = String::from_utf8_lossy(&line);
        if output.line(&line) {
            println!("{line}");
        }
    }
    *counts += output.counts;
    let status = child.wait().context("waiting for the tests")?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Before all else that is built, so that it is built with them.
fn ebpf_programs(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    ebpf::check_format(workspace)?;
    if !ebpf::build(workspace, Warnings::Denied)? {
        println!("SKIPPED: eBPF programs: what builds them is not here (docs/ebpf.md)");
        counts.skipped += 1;
    }
    Ok(())
}

/// Before the tests, which load them as components and run them natively.
fn shipped_detectors(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    detectors::check_format(workspace)?;
    if !detectors::build(workspace)? {
        println!("SKIPPED: detectors: {}", tracewell_detector_build::HOW_TO_GET);
        counts.skipped += 1;
    }
    let manifest = workspace.root.join("detectors/Cargo.toml");
    let native = || {
        let mut command = workspace.cargo();
        command.env("CARGO_TARGET_DIR", workspace.detectors_natively());
        command
    };
    run_command(
        native()
            .args(["clippy", "--workspace", "--all-targets", "--manifest-path"])
            .arg(&manifest)
            .args(["--", "--deny", "warnings"]),
    )?;
    let mut command = native();
    command.args(["test", "--workspace", "--no-fail-fast", "--manifest-path"]).arg(&manifest);
    command.args(["--", "--show-output"]);
    detectors::build_natively(workspace)?;
    tests(&mut command, counts)
}

fn clippy(workspace: &Workspace) -> Result<()> {
    run_command(workspace.cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
}

/// The documentation is for who works on this: it shows private items, and so may link to them.
fn documentation(workspace: &Workspace) -> Result<()> {
    let mut command = workspace.cargo();
    command.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "--deny warnings --allow rustdoc::private_intra_doc_links");
    run_command(&mut command)
}
