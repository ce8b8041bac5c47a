use crate::ebpf::{self, Warnings};
use crate::workspace::{Workspace, display, run as run_command};
use crate::{lab, setup};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// A small fleet with every attack story in it, generated on the spot: less than a minute of replay on two cores.
const FLEET: &str = "seed=1,hosts=6,duration=4h,rate=20,attacks=all";

/// A recording of the lab: three hosts, from a hole in the web server to the database and back out (docs/lab.md).
const RECORDING: &str = "lateral-1";

const STORY: &str = "\
Three hosts, recorded by the live agent. A shell called back through a hole in the web server, found a key that was left
lying about, went by it to the application server and by another key to the database, and took its customers away, while
visitors, an administrator and a backup did what they always do. Step by step: docs/lab.md, scenario `lateral`.";

/// Builds `tracewell`, replays an attack that was really carried out, or a simulated fleet, and explains the incident that ranks
/// first.
pub fn run(workspace: &Workspace, simulated: bool) -> Result<()> {
    setup::run(workspace)?;
    ebpf::build(workspace, Warnings::Shown)?;
    eprintln!("building tracewell; the first time RocksDB is built too, which takes some minutes");
    run_command(workspace.cargo().args(["build", "--package", "tracewell-cli", "--bin", "tracewell"]))?;
    let tracewell = workspace.target.join("debug/tracewell");
    // As a person would type them at the root of the project.
    let short = |path: &Path| path.strip_prefix(&workspace.root).unwrap_or(path).to_owned();
    let out = short(&workspace.target.join("demo"));
    let command = || {
        let mut command = Command::new(&tracewell);
        command.current_dir(&workspace.root);
        command
    };

    let mut replay = command();
    if simulated {
        println!("\nSix hosts, four hours, seven attacks: all of it generated on the spot.");
        replay.args(["replay", "--role", "simulated", "--simulate", FLEET, "--out"]).arg(&out);
    } else {
        println!("\n{STORY}");
        let file = |end| short(&lab::shipped(workspace).join(format!("{RECORDING}{end}")));
        replay.args(["replay", "--role", "development"]).arg(file(".jsonl.xz")).arg("--truth").arg(file(".truth.json"));
        replay.arg("--out").arg(&out);
    }
    show(&mut replay)?;
    show(command().args(["alert", "show", "#1", "--from"]).arg(&out))?;
    println!("\nThe program is {}; its commands are in docs/cli.md.", tracewell.display());
    if let Some(datasets) = workspace.datasets() {
        let recording = datasets.join("darpa-tc-e1-cadets/stretch-am.json.xz");
        let recording = recording.canonicalize().unwrap_or(recording);
        println!("Public recordings are here too. Replay one with");
        println!("    tracewell replay {}", recording.display());
    }
    Ok(())
}

fn show(command: &mut Command) -> Result<()> {
    println!("\n$ {}", display(command));
    run_command(command)
}
