//! `cargo xtask lab funnel`: replays the recordings of the development half and sums what is left after each filter
//! (docs/evaluation.md).

use crate::workspace::Workspace;
use crate::{detectors, ebpf};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// `index.toml`, as far as it is used here.
#[derive(Deserialize)]
struct Index {
    recording: Vec<Recording>,
}

#[derive(Deserialize)]
struct Recording {
    name: String,
    half: String,
}

/// `summary.json`, as far as it is used here.
#[derive(Deserialize)]
struct Summary {
    parameters_hash: String,
    hosts: u64,
    attacks_total: u64,
    attacks_found: u64,
    incidents_false: u64,
    funnel: Funnel,
}

#[derive(Clone, Deserialize)]
struct Funnel {
    steps: Vec<Step>,
    followed: u64,
    notices: u64,
}

#[derive(Clone, Deserialize)]
struct Step {
    step: String,
    left: u64,
}

/// What the replays of a set of recordings come to.
#[derive(Default)]
struct Sum {
    recordings: u64,
    hosts: u64,
    attacks_total: u64,
    attacks_found: u64,
    incidents_false: u64,
    steps: Vec<Step>,
    followed: u64,
    notices: u64,
    parameters_hash: String,
}

pub fn run(workspace: &Workspace, recordings: &Path) -> Result<()> {
    // Built with them if they can be, as all other programs are, so that nothing is built twice.
    ebpf::build(workspace, ebpf::Warnings::Shown)?;
    let has_detectors = detectors::build(workspace)?;
    workspace.build_programs()?;
    let index = fs::read_to_string(recordings.join("index.toml")).context("reading the index of the recordings")?;
    let index: Index = toml::from_str(&index).context("reading the index of the recordings")?;
    let names: Vec<_> = index.recording.iter().filter(|recording| recording.half == "development").collect();
    for (title, with_detectors) in [("without detectors", false), ("with the shipped detectors", true)] {
        if with_detectors && !has_detectors {
            println!("{title}: left out, for they cannot be built: {}", tracewell_detector_build::HOW_TO_GET);
            continue;
        }
        let mut sum = Sum::default();
        for recording in &names {
            sum.add(replay(workspace, recordings, &recording.name, with_detectors)?)?;
        }
        print!("{title}:\n{}", sum.render());
    }
    Ok(())
}

fn replay(workspace: &Workspace, recordings: &Path, name: &str, with_detectors: bool) -> Result<Summary> {
    let mut command = Command::new(workspace.target.join("debug/tracewell"));
    command.arg("replay").arg(recordings.join(format!("{name}.jsonl.xz")));
    command.arg("--truth").arg(recordings.join(format!("{name}.truth.json")));
    command.args(["--role", "development", "--json"]).stdin(Stdio::null()).stderr(Stdio::inherit());
    if with_detectors {
        command
            .arg("--detectors")
            .arg(workspace.detectors())
            .arg("--code")
            .arg(workspace.target.join("detectors-code"));
    }
    let output = command.output().with_context(|| format!("replaying {name}"))?;
    if !output.status.success() {
        bail!("the replay of {name} ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("reading the figures of {name}"))
}

impl Sum {
    fn add(&mut self, summary: Summary) -> Result<()> {
        let Summary { parameters_hash, hosts, attacks_total, attacks_found, incidents_false, funnel } = summary;
        if self.recordings == 0 {
            (self.steps, self.parameters_hash) = (funnel.steps, parameters_hash);
        } else {
            ensure!(parameters_hash == self.parameters_hash, "the replays had different parameters");
            ensure!(funnel.steps.len() == self.steps.len(), "the replays had different steps");
            for (sum, step) in self.steps.iter_mut().zip(funnel.steps) {
                ensure!(sum.step == step.step, "the replays had different steps");
                sum.left += step.left;
            }
        }
        self.recordings += 1;
        self.hosts += hosts;
        self.attacks_total += attacks_total;
        self.attacks_found += attacks_found;
        self.incidents_false += incidents_false;
        self.followed += funnel.followed;
        self.notices += funnel.notices;
        Ok(())
    }

    fn render(&self) -> String {
        let mut text = format!(
            "{} recordings, {} hosts, parameters {:.12}; {} of {} attacks found, {} false incidents\n",
            self.recordings,
            self.hosts,
            self.parameters_hash,
            self.attacks_found,
            self.attacks_total,
            self.incidents_false
        );
        let mut before = None;
        for Step { step, left } in &self.steps {
            let less = before.filter(|before| *before > 0).map(|before: u64| 1.0 - *left as f64 / before as f64);
            let less = less.map_or(String::from("–"), |part| format!("{:.2} %", part * 100.0));
            text += &format!("    {step:<20} {left:>9} {less:>9}\n");
            before = Some(*left);
        }
        text + &format!("    {} processes followed from other hosts, {} notices\n", self.followed, self.notices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(left: [u64; 2], parameters_hash: &str) -> Summary {
        let step = |(step, left): (&str, u64)| Step { step: step.to_owned(), left };
        let steps = ["events", "shown"].into_iter().zip(left).map(step).collect();
        let funnel = Funnel { steps, followed: 1, notices: 0 };
        let parameters_hash = parameters_hash.repeat(32);
        Summary { parameters_hash, hosts: 2, attacks_total: 1, attacks_found: 1, incidents_false: 3, funnel }
    }

    #[test]
    fn replays_are_summed_step_by_step() {
        let mut sum = Sum::default();
        sum.add(summary([900, 1], "ab")).unwrap();
        sum.add(summary([100, 1], "ab")).unwrap();
        let lines = [
            "2 recordings, 4 hosts, parameters abababababab; 2 of 2 attacks found, 6 false incidents",
            "    events                    1000         –",
            "    shown                        2   99.80 %",
            "    2 processes followed from other hosts, 0 notices",
        ];
        assert_eq!(sum.render().lines().collect::<Vec<_>>(), lines);
        assert!(sum.add(summary([1, 1], "cd")).is_err(), "other parameters");
    }
}
