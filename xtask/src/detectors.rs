//! The shipped detectors: what builds them, and the components that tests and programs load.

use crate::workspace::{Workspace, run as run_command};
use anyhow::{Context, Result};
use std::fs;
use tracewell_detector_build::{HOW_TO_GET, Toolchain, build as build_components};

/// Builds the detectors and prints where they are.
pub fn run(workspace: &Workspace) -> Result<()> {
    match build(workspace)? {
        true => println!("{}", workspace.detectors().display()),
        false => anyhow::bail!("{HOW_TO_GET}"),
    }
    Ok(())
}

/// Builds the components for the cargo calls that follow. Returns whether there is a toolchain to build them.
pub fn build(workspace: &Workspace) -> Result<bool> {
    let out = workspace.detectors();
    let Some(toolchain) = Toolchain::find() else {
        // What an earlier toolchain left need not be what the sources now say.
        let _ = fs::remove_dir_all(out);
        return Ok(false);
    };
    let source = workspace.root.join("detectors");
    let built = build_components(&toolchain, &source, &workspace.target.join("detectors-build"), &out)?;
    for entry in fs::read_dir(&out).with_context(|| format!("reading folder {}", out.display()))? {
        let path = entry?.path();
        if !built.components.contains(&path) {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    Ok(true)
}

/// Builds all detectors as one program of this machine.
pub fn build_natively(workspace: &Workspace) -> Result<()> {
    let source = workspace.root.join("detectors");
    let entries = fs::read_dir(&source).with_context(|| format!("reading folder {}", source.display()))?;
    let packages = entries.flatten().map(|entry| entry.path()).filter(|path| path.join("tests").is_dir());
    let mut packages: Vec<_> = packages.collect();
    packages.sort();
    tracewell_detector_build::native(&packages, &source.join("Cargo.lock"), &workspace.detectors_natively())?;
    Ok(())
}

/// Whether the detectors are formatted as the rest is.
pub fn check_format(workspace: &Workspace) -> Result<()> {
    let manifest = workspace.root.join("detectors/Cargo.toml");
    run_command(workspace.cargo().args(["fmt", "--all", "--check", "--manifest-path"]).arg(manifest))
}
