//! From `detector.py` to a component, by componentize-py, which brings an interpreter along: some 18 MB, which an agent refuses and a
//! replay takes.

use crate::c::{CONTRACT, WORLD, write};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The source that makes a folder a package in Python.
pub const SOURCE: &str = "detector.py";
/// One line for who cannot build it.
pub const HOW_TO_GET: &str = "`pip install componentize-py` gets what builds detectors in Python";

/// Names the program, where it is not on the path.
const PROGRAM: &str = "TRACEWELL_COMPONENTIZE_PY";

/// Builds the component of a package and leaves it at `out`. `work` holds what comes about on the way.
///
/// # Errors
/// When componentize-py is not there, or refuses the source.
pub fn build(package: &Path, work: &Path, out: &Path) -> Result<()> {
    let contract = work.join("wit/detector.wit");
    write(&contract, CONTRACT.as_bytes())?;
    let folder = out.parent().unwrap_or(out);
    fs::create_dir_all(folder).with_context(|| format!("creating folder {}", folder.display()))?;
    let program = std::env::var_os(PROGRAM).unwrap_or_else(|| "componentize-py".into());
    let mut command = Command::new(program);
    command.arg("--wit-path").arg(work.join("wit")).args([
        "--world",
        WORLD,
        "componentize",
        "--stub-wasi",
        "--python-path",
    ]);
    // Its own words about success would stand among the paths that are printed.
    command.arg(package).arg("detector").arg("--output").arg(out).stdin(Stdio::null()).stdout(Stdio::null());
    let status = match command.status() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("componentize-py is not here: {HOW_TO_GET}")
        }
        status => status.context("starting componentize-py")?,
    };
    if !status.success() {
        bail!("componentize-py ended with {status} in {}", package.display());
    }
    Ok(())
}
