use crate::ebpf::{self, Warnings};
use crate::setup;
use crate::workspace::{Workspace, display, run as run_command};
use anyhow::Result;
use std::process::Command;

/// A small fleet with every attack story in it, generated on the spot: less than a minute of replay on two cores.
const FLEET: &str = "seed=1,hosts=6,duration=4h,rate=20,attacks=all";

/// Builds `tracewell`, replays a small attacked fleet and explains the incident that ranks first.
pub fn run(workspace: &Workspace) -> Result<()> {
    setup::run(workspace)?;
    ebpf::build(workspace, Warnings::Shown)?;
    eprintln!("building tracewell; the first time RocksDB is built too, which takes some minutes");
    run_command(workspace.cargo().args(["build", "--package", "tracewell-cli", "--bin", "tracewell"]))?;
    let tracewell = workspace.target.join("debug/tracewell");
    let out = workspace.target.join("demo");

    show(Command::new(&tracewell).args(["replay", "--role", "simulated", "--simulate", FLEET, "--out"]).arg(&out))?;
    show(Command::new(&tracewell).args(["alert", "show", "#1", "--from"]).arg(&out))?;
    if let Some(datasets) = workspace.datasets() {
        let recording = datasets.join("darpa-tc-e1-cadets/stretch-am.json.xz");
        println!("\nPublic recordings are here too. Replay one with");
        println!("    {} replay {}", tracewell.display(), recording.display());
    }
    Ok(())
}

fn show(command: &mut Command) -> Result<()> {
    println!("\n$ {}", display(command));
    run_command(command)
}
