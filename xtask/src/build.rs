use crate::ebpf::{self, Warnings};
use crate::setup;
use crate::workspace::{Workspace, run as run_command};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Every program a user may be handed: crate and binary.
pub const PROGRAMS: &[(&str, &str)] = &[("tracewell-cli", "tracewell"), ("tracewell-agent", "tracewell-agent")];

/// Builds all programs in release mode and copies them into `out`.
pub fn run(workspace: &Workspace, out: &Path) -> Result<()> {
    setup::run(workspace)?;
    ebpf::build(workspace, Warnings::Shown)?;
    let mut command = workspace.cargo();
    command.args(["build", "--release", "--locked"]);
    for (package, program) in PROGRAMS {
        command.args(["--package", package, "--bin", program]);
    }
    run_command(&mut command)?;
    fs::create_dir_all(out).with_context(|| format!("creating folder {}", out.display()))?;
    for (_, program) in PROGRAMS {
        let (from, to) = (workspace.target.join("release").join(program), out.join(program));
        fs::copy(&from, &to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
        println!("{}", to.display());
    }
    Ok(())
}
