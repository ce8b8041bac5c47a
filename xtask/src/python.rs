//! What builds detectors in Python: componentize-py in a virtual environment of ours. Only a test needs it, and says so where it is
//! missing.

use crate::packages::{self, Family};
use crate::workspace::{Workspace, run as run_command, runs};
use anyhow::{Context, Result, bail};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Its components hold the interpreter that it brings: another version makes others.
const VERSION: &str = "0.25.1";

/// Brings `venv` with pip in it.
const PACKAGES: &[&str] = &["python3-venv"];

/// How long it is not asked for again if it could not be had.
const ASK_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// Gets it, or says in one line that detectors in Python are not tested. All else works all the same.
pub fn setup(workspace: &Workspace) {
    if let Err(error) = set_up(workspace) {
        eprintln!("detectors in Python are not tested: {error:#}");
    }
}

fn set_up(workspace: &Workspace) -> Result<()> {
    let program = workspace.componentize_py();
    if runs(&program.display().to_string(), &["--version"]) && is_of_this_version(workspace) {
        return Ok(());
    }
    let folder = workspace.python();
    let tools = folder.parent().context("it lies in the folder of tools")?;
    fs::create_dir_all(tools).with_context(|| format!("creating folder {}", tools.display()))?;
    let failed = tools.join("no-componentize-py");
    let failed_lately = fs::metadata(&failed).and_then(|metadata| metadata.modified());
    if failed_lately.is_ok_and(|time| time.elapsed().is_ok_and(|age| age < ASK_AGAIN)) {
        bail!("componentize-py {VERSION} could not be installed within the last day");
    }
    install(workspace).inspect_err(|_| {
        // Not being able to leave the note only means to ask again.
        let _ = fs::write(&failed, "");
    })
}

fn install(workspace: &Workspace) -> Result<()> {
    if packages::this_family() == Some(Family::Debian) {
        let missing = packages::missing(PACKAGES);
        if !missing.is_empty() {
            packages::install(Family::Debian, &missing)?;
        }
    }
    let folder = workspace.python();
    eprintln!("installing componentize-py {VERSION}, once");
    run_command(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-cache-dir"]);
    // A wheel is for this machine or there is none: nothing is built.
    pip.args(["--only-binary", ":all:"]).arg(format!("componentize-py=={VERSION}"));
    run_command(&mut pip).context("componentize-py cannot be installed")?;
    fs::write(folder.join("version"), VERSION).context("noting its version")
}

/// The note is written last: what was left in between is made anew.
fn is_of_this_version(workspace: &Workspace) -> bool {
    fs::read_to_string(workspace.python().join("version")).is_ok_and(|version| version == VERSION)
}
