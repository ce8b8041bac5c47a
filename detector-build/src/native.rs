//! Detectors as a program of this machine, to hold against their components.

use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the program is called.
pub const NAME: &str = "detectors-native";

/// Builds one program of some packages, which answers as the detector whose id is its first argument (`detectors/sdk/src/native.rs`).
///
/// `lock` is the lock file of what the packages are built with, so that both are made of the same.
///
/// # Errors
/// When it cannot be built, as where a package is no library that others can use.
pub fn native(packages: &[PathBuf], lock: &Path, target: &Path) -> Result<PathBuf> {
    let folder = target.join(NAME);
    let mut manifest = format!("[package]\nname = \"{NAME}\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n");
    let mut arms = String::new();
    for package in packages {
        let package = package.canonicalize().with_context(|| format!("looking for {}", package.display()))?;
        let id = package.file_name().unwrap_or_default().to_string_lossy();
        let _ = writeln!(manifest, "{id} = {{ path = {:?} }}", package.display().to_string());
        let _ = writeln!(arms, "        Some({id:?}) => {}::native(),", id.replace('-', "_"));
    }
    let main = format!(
        "fn main() -> std::io::Result<()> {{\n    match std::env::args().nth(1).as_deref() {{\n{arms}        \
         other => Err(std::io::Error::other(format!(\"{{other:?}} is no detector of this program\"))),\n    }}\n}}\n"
    );
    let files = [("Cargo.toml", manifest), ("src/main.rs", main)];
    for (path, text) in files {
        write(&folder.join(path), text.as_bytes())?;
    }
    if let Ok(lock) = fs::read(lock) {
        write(&folder.join("Cargo.lock"), &lock)?;
    }
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("RUSTFLAGS").stdin(Stdio::null());
    command.args(["build", "--quiet", "--manifest-path"]).arg(folder.join("Cargo.toml"));
    command.arg("--target-dir").arg(target);
    let status = command.status().with_context(|| format!("starting {:?}", command.get_program()))?;
    if !status.success() {
        bail!("cargo ended with {status} in {}", folder.display());
    }
    Ok(target.join("debug").join(NAME))
}

/// Leaves a file that says the same as before alone, so that cargo need not look again.
fn write(path: &Path, text: &[u8]) -> Result<()> {
    if fs::read(path).ok().as_deref() == Some(text) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.with_context(|| format!("writing {}", path.display()))
}
