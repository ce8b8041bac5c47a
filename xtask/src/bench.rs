use crate::detectors;
use crate::ebpf::{self, Warnings};
use crate::overhead::machine;
use crate::setup;
use crate::workspace::{Workspace, run as run_command};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;
use tracewell_detector_build::HOW_TO_GET;

/// What criterion leaves beside each result, as far as the table needs it.
#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
    throughput: Option<Throughput>,
}

#[derive(Deserialize)]
enum Throughput {
    Elements(u64),
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Estimates {
    mean: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

/// Runs every benchmark of the workspace and prints one table of what criterion measured in this run.
pub fn run(workspace: &Workspace) -> Result<()> {
    setup::run(workspace)?;
    ebpf::build(workspace, Warnings::Shown)?;
    detectors::build(workspace)?;
    #[expect(clippy::disallowed_methods, reason = "compared with the times of files")]
    let start = SystemTime::now();
    let metadata = workspace.metadata()?;
    for package in metadata.members() {
        // Named one by one: `--benches` would also build every library's unit tests in the release profile.
        for bench in package.targets("bench") {
            run_command(workspace.cargo().args(["bench", "--package", &package.name, "--bench", bench]))?;
        }
    }
    let mut rows = Vec::new();
    collect(&workspace.target.join("criterion"), start, &mut rows)?;
    rows.sort();
    println!("\n| Benchmark | Mean | 95 % interval | Elements/s |\n|---|---|---|---|");
    for row in rows {
        println!("{row}");
    }
    Ok(())
}

/// Runs the benchmark of detectors, which prints a table of its own.
pub fn detectors(workspace: &Workspace) -> Result<()> {
    setup::run(workspace)?;
    ebpf::build(workspace, Warnings::Shown)?;
    if !detectors::build(workspace)? {
        bail!("no detectors to measure: {HOW_TO_GET}");
    }
    run_command(workspace.cargo().args(["bench", "--package", "tracewell-agent", "--bench", "detectors"]))
}

/// Runs the benchmark of a fleet, which prints a table of its own, with the profile of the programs that tests and demo use.
pub fn fleet(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    setup::run(workspace)?;
    ebpf::build(workspace, Warnings::Shown)?;
    let mut command = workspace.cargo();
    // Of the workspace, so that libraries are built with the features that they have for tests.
    command.args(["bench", "--workspace", "--profile", "dev", "--bench", "fleet", "--"]).args(arguments);
    let says = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).current_dir(&workspace.root).args(arguments).output();
        output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let date = says("date", &["--utc", "+%Y-%m-%d %H:%M UTC"]);
    let revision = says("git", &["describe", "--always", "--dirty", "--abbrev=12"]);
    println!("{}\n{date}, revision {revision}, `cargo xtask bench fleet {}`", machine(), arguments.join(" "));
    run_command(&mut command)
}

/// Walks criterion's folders for results that are newer than `start`; each lies in a folder `new`.
fn collect(folder: &Path, start: SystemTime, rows: &mut Vec<String>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let estimates = path.join("estimates.json");
        let is_new = fs::metadata(&estimates).and_then(|metadata| metadata.modified()).is_ok_and(|time| time >= start);
        if path.ends_with("new") && is_new {
            let read = |name: &str| {
                fs::read_to_string(path.join(name)).with_context(|| format!("reading {name} in {}", path.display()))
            };
            rows.push(row(&read("benchmark.json")?, &read("estimates.json")?)?);
        } else {
            collect(&path, start, rows)?;
        }
    }
    Ok(())
}

fn row(benchmark: &str, estimates: &str) -> Result<String> {
    let benchmark: Benchmark = serde_json::from_str(benchmark).context("reading criterion's benchmark.json")?;
    let Estimates { mean } = serde_json::from_str(estimates).context("reading criterion's estimates.json")?;
    let rate = match benchmark.throughput {
        Some(Throughput::Elements(n_elements)) => format!("{:.0}", n_elements as f64 / (mean.point_estimate * 1e-9)),
        Some(Throughput::Other(_)) | None => "–".into(),
    };
    let Interval { lower_bound, upper_bound } = mean.confidence_interval;
    let interval = format!("{} to {}", time(lower_bound), time(upper_bound));
    Ok(format!("| {} | {} | {interval} | {rate} |", benchmark.full_id, time(mean.point_estimate)))
}

fn time(ns: f64) -> String {
    let (value, unit) = match ns {
        ..1e3 => (ns, "ns"),
        1e3..1e6 => (ns / 1e3, "µs"),
        1e6..1e9 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    format!("{value:.2} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_time_and_rate() {
        let mean = r#"{"point_estimate":2500000.0,"standard_error":1.0,"confidence_interval":
            {"confidence_level":0.95,"lower_bound":2400000.0,"upper_bound":2600000.0}}"#;
        let estimates = format!(r#"{{"mean":{mean},"median":{mean}}}"#);
        let with = r#"{"group_id":"graph","full_id":"graph/insert","throughput":{"Elements":5000}}"#;
        assert_eq!(row(with, &estimates).unwrap(), "| graph/insert | 2.50 ms | 2.40 ms to 2.60 ms | 2000000 |");
        let without = r#"{"full_id":"open","throughput":null}"#;
        assert_eq!(row(without, &estimates).unwrap(), "| open | 2.50 ms | 2.40 ms to 2.60 ms | – |");
        let bytes = r#"{"full_id":"open","throughput":{"Bytes":7}}"#;
        assert_eq!(row(bytes, &estimates).unwrap(), "| open | 2.50 ms | 2.40 ms to 2.60 ms | – |");
    }
}
