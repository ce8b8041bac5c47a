//! Known operations, and what each of them is seen as. One file for each kind.

mod file;
mod network;
mod process;

use anyhow::{Context, Result};
use std::io::{self, Read};
use std::path::Path;
use std::{env, fs};
use tracewell_event_abi::head::Op;

/// Argument of the process that carries out the operations, and of those that it starts.
pub const ACT: &str = "act";
pub const IDLE: &str = "idle";

pub struct Operation {
    pub name: &'static str,
    /// What must have been seen of it.
    pub ops: &'static [Op],
    /// Carries it out in an empty folder.
    run: fn(&Path) -> io::Result<()>,
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    [process::OPERATIONS, file::OPERATIONS, network::OPERATIONS].into_iter().flatten()
}

/// Carries them all out as soon as stdin is closed: then the sensor runs.
pub fn act() -> Result<()> {
    io::stdin().read_to_end(&mut Vec::new()).context("waiting for the sensor")?;
    for (index, operation) in all().enumerate() {
        let folder = env::temp_dir().join(format!("kernel-tests-{}-{index}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("creating folder {}", folder.display()))?;
        let outcome = (operation.run)(&folder).with_context(|| format!("operation `{}`", operation.name));
        fs::remove_dir_all(&folder).with_context(|| format!("removing folder {}", folder.display()))?;
        outcome?;
    }
    Ok(())
}
