//! What is checked beyond compiler and tests. Each check is a pure function from texts to complaints.

mod architecture;
mod dashboards;
mod dependencies;
mod licences;
mod threats;

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;

/// Runs all checks and fails with every complaint.
pub fn run(workspace: &Workspace) -> Result<()> {
    let metadata = workspace.metadata()?;
    let read = |name: &str| fs::read_to_string(workspace.root.join(name)).with_context(|| format!("reading {name}"));
    let mut complaints = licences::complaints(&metadata.packages, &read("deny.toml")?)?;
    complaints.extend(dependencies::complaints(&read("Cargo.toml")?, &read("docs/dependencies.md")?)?);
    complaints.extend(architecture::arrows(metadata.members()));
    complaints.extend(architecture::purity(&workspace.root)?);
    complaints.extend(threats::complaints(&workspace.root, metadata.members(), &read("docs/threat-model.md")?)?);
    for name in ["docs/grafana/agent.json", "docs/grafana/aggregator.json"] {
        complaints.extend(dashboards::complaints(name, &read(name)?, &read("docs/metrics.md")?)?);
    }
    if !complaints.is_empty() {
        bail!("{}", complaints.join("\n"));
    }
    eprintln!("{} packages: licences, reasons, arrows and dashboards are in order", metadata.packages.len());
    Ok(())
}
