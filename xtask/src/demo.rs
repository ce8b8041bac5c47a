use crate::ebpf::{self, Warnings};
use crate::workspace::{Workspace, display, run as run_command};
use crate::{lab, setup};
use anyhow::Result;
use std::process::Command;

/// A small fleet with every attack story in it, generated on the spot: less than a minute of replay on two cores.
const FLEET: &str = "seed=1,hosts=6,duration=4h,rate=20,attacks=all";

/// A recording of the lab: three hosts, from a hole in the web server to the database and back out (docs/lab.md).
const RECORDING: &str = "lateral-1";

/// Builds `tracewell`, replays an attack that was really carried out, or a simulated fleet, and explains the incident that ranks
/// first.
pub fn run(workspace: &Workspace, simulated: bool) -> Result<()> {
    setup::run(workspace)?;
    ebpf::build(workspace, Warnings::Shown)?;
    eprintln!("building tracewell; the first time RocksDB is built too, which takes some minutes");
    run_command(workspace.cargo().args(["build", "--package", "tracewell-cli", "--bin", "tracewell"]))?;
    let tracewell = workspace.target.join("debug/tracewell");
    let out = workspace.target.join("demo");

    let mut replay = Command::new(&tracewell);
    if simulated {
        replay.args(["replay", "--role", "simulated", "--simulate", FLEET, "--out"]).arg(&out);
    } else {
        let file = |end| lab::shipped(workspace).join(format!("{RECORDING}{end}"));
        replay.args(["replay", "--role", "development"]).arg(file(".jsonl.xz")).arg("--truth").arg(file(".truth.json"));
        replay.arg("--out").arg(&out);
    }
    show(&mut replay)?;
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
