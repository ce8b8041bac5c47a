//! The eBPF programs: what builds them, and the object that the agent takes in (`docs/ebpf.md`).

mod toolchain;

use crate::workspace::{Workspace, run as run_command, runs};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What is done about warnings of the compiler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Warnings {
    Shown,
    Denied,
}

/// Gets what builds the eBPF programs, or says in one line that the agent goes without them. All else works all the same.
pub fn setup(workspace: &Workspace) {
    if let Err(error) = toolchain::set_up(workspace) {
        eprintln!("the agent is built without the live sensor: {error:#} (docs/ebpf.md says how to get it)");
    }
}

/// Builds the programs and prints where they are.
pub fn run(workspace: &Workspace) -> Result<()> {
    toolchain::set_up(workspace)?;
    build(workspace, Warnings::Shown)?;
    println!("{}", workspace.ebpf_object().display());
    Ok(())
}

/// Builds the programs for the cargo calls that follow. Returns whether there is a toolchain to build them.
pub fn build(workspace: &Workspace, warnings: Warnings) -> Result<bool> {
    let object = workspace.ebpf_object();
    let Some(toolchain) = toolchain::find(workspace) else {
        // What an earlier toolchain left need not be what the sources now say.
        let _ = fs::remove_file(object);
        return Ok(false);
    };
    let folder = workspace.target.join("ebpf");
    let mut command = toolchain.cargo();
    command.current_dir(workspace.root.join("agent-ebpf"));
    command.args(["build", "--release", "--locked"]).env("CARGO_TARGET_DIR", &folder);
    if warnings == Warnings::Denied {
        // Cargo's own, and no flag of the compiler: with another flag everything would be built anew.
        command.args(["-Zwarnings", "--config", r#"build.warnings="deny""#]);
    }
    run_command(&mut command)?;

    let built = folder.join("bpfel-unknown-none/release/tracewell-agent-ebpf");
    let stripped = folder.join("programs.new");
    strip(&built, &stripped)?;
    replace_if_changed(&stripped, &object)?;
    Ok(true)
}

/// Whether the kernel side is formatted as the rest is.
pub fn check_format(workspace: &Workspace) -> Result<()> {
    let manifest = workspace.root.join("agent-ebpf/Cargo.toml");
    run_command(workspace.cargo().args(["fmt", "--check", "--manifest-path"]).arg(manifest))
}

/// Leaves out the debug sections, which are most of it; `.BTF` and `.BTF.ext`, which the kernel reads, stay.
fn strip(from: &Path, to: &Path) -> Result<()> {
    let program =
        ["llvm-objcopy-22", "llvm-objcopy", "rust-objcopy"].into_iter().find(|name| runs(name, &["--version"]));
    match program {
        Some(program) => run_command(Command::new(program).arg("--strip-debug").args([from, to])),
        // It only makes the agent larger.
        None => fs::copy(from, to).map(drop).with_context(|| format!("copying {}", from.display())),
    }
}

/// Puts `new` in the place of `old`, which keeps its time if it says the same, so that the agent is not built anew.
fn replace_if_changed(new: &Path, old: &Path) -> Result<()> {
    let bytes = fs::read(new).with_context(|| format!("reading {}", new.display()))?;
    let is_same = fs::read(old).is_ok_and(|old| old == bytes);
    let outcome = if is_same { fs::remove_file(new) } else { fs::rename(new, old) };
    outcome.with_context(|| format!("replacing {}", old.display()))
}
