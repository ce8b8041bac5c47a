//! Has a toolchain make core modules of a package or a workspace of detectors.

use crate::toolchain::Toolchain;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What was built.
pub struct Built {
    /// Components, named after their packages, in order of name.
    pub components: Vec<PathBuf>,
}

/// Builds all libraries of the package or workspace at `source` and leaves their components in `out`. A
/// component that says the same as before keeps its time.
///
/// # Errors
/// When the compiler fails or what it made is no detector.
pub fn build(toolchain: &Toolchain, source: &Path, target: &Path, out: &Path) -> Result<Built> {
    let manifest = source.join("Cargo.toml");
    let mut command = toolchain.cargo();
    command.args(["--release", "--lib", "--manifest-path"]).arg(&manifest);
    if source.join("sdk/Cargo.toml").is_file() {
        command.arg("--workspace");
    }
    // Says which files it made: what earlier builds left in the folder is none of this one.
    command.arg("--message-format=json-render-diagnostics").arg("--target-dir").arg(target);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("starting {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("cargo ended with {} in {}", output.status, source.display());
    }
    let modules = modules(&String::from_utf8_lossy(&output.stdout));
    fs::create_dir_all(out).with_context(|| format!("creating folder {}", out.display()))?;
    let mut components = Vec::new();
    for module in modules {
        let name = module.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
        let bytes = fs::read(&module).with_context(|| format!("reading {}", module.display()))?;
        let component = crate::component(&bytes).with_context(|| format!("making a component of {name}"))?;
        let path = out.join(name).with_extension("wasm");
        if fs::read(&path).ok().as_deref() != Some(&component) {
            fs::write(&path, component).with_context(|| format!("writing {}", path.display()))?;
        }
        components.push(path);
    }
    Ok(Built { components })
}

/// The WebAssembly files that cargo says it made.
fn modules(messages: &str) -> Vec<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let artifacts = messages.filter(|message| message["reason"] == "compiler-artifact");
    let files = artifacts.flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default());
    let files = files.filter_map(|file| file.as_str().map(PathBuf::from));
    let mut modules: Vec<_> = files.filter(|file| file.extension().is_some_and(|kind| kind == "wasm")).collect();
    modules.sort();
    modules
}
