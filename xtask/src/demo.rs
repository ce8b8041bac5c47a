use crate::setup;
use crate::workspace::{Workspace, display, run as run_command};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::process::Command;

#[derive(Deserialize)]
struct Alerts {
    incidents: Vec<Incident>,
}

#[derive(Deserialize)]
struct Incident {
    id: String,
}

/// Builds `tracewell`, replays its built-in input and explains the incident that ranks first.
pub fn run(workspace: &Workspace) -> Result<()> {
    setup::run(workspace)?;
    run_command(workspace.cargo().args(["build", "--package", "tracewell-cli", "--bin", "tracewell"]))?;
    let tracewell = workspace.target.join("debug/tracewell");
    let out = workspace.target.join("demo");

    show(Command::new(&tracewell).arg("replay").arg("--out").arg(&out))?;
    if let Some(id) = first_incident(&out.join("alerts.json"))? {
        show(Command::new(&tracewell).args(["alert", "show", &id, "--from"]).arg(&out))?;
    }
    if let Some(datasets) = workspace.datasets() {
        let recording = datasets.join("darpa-tc-e1-cadets/stretch-am.json.xz");
        let truth = datasets.join("darpa-tc-e1-cadets/attack-processes.json");
        println!("\nA public recording is here too. Score Tracewell on it with");
        println!("    {} replay {} --truth {}", tracewell.display(), recording.display(), truth.display());
    }
    Ok(())
}

fn show(command: &mut Command) -> Result<()> {
    println!("\n$ {}", display(command));
    run_command(command)
}

fn first_incident(alerts: &Path) -> Result<Option<String>> {
    let text = fs::read_to_string(alerts).with_context(|| format!("reading {}", alerts.display()))?;
    let alerts: Alerts = serde_json::from_str(&text).with_context(|| format!("reading {}", alerts.display()))?;
    Ok(alerts.incidents.into_iter().next().map(|incident| incident.id))
}
