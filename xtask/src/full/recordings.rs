use crate::workspace::{Workspace, run as run_command};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fmt;
use std::fs;
use std::process::Command;

/// A public recording, with the kind and place of its labels where it has some (docs/truth-format.md).
struct Recording {
    path: &'static str,
    labels: Option<(&'static str, &'static str)>,
}

const fn unlabelled(path: &'static str) -> Recording {
    Recording { path, labels: None }
}

const RECORDINGS: &[Recording] = &[
    Recording {
        path: "darpa-tc-e1-cadets/stretch-am.json.xz",
        labels: Some(("e1-processes", "darpa-tc-e1-cadets/attack-processes.json")),
    },
    unlabelled("captain-e3-cadets/example_provenance_data.json.xz"),
    unlabelled("darpa-e3-slices/cadets/event_Nginx_Backdoor_06.csv"),
    unlabelled("darpa-e3-slices/cadets/event_Nginx_Backdoor_11.csv"),
    unlabelled("darpa-e3-slices/theia/event_Firefox_Backdoor_Drakon_In_Memory.csv"),
    unlabelled("sysflow/httpd.sf"),
    unlabelled("sysflow/k8s_small.sf"),
    unlabelled("sysflow/nginx.sf"),
    unlabelled("sysflow/nodejs.sf"),
    unlabelled("sysflow/rename.sf"),
    unlabelled("sysflow/setns.sf"),
    unlabelled("sysflow/setuid.sf"),
    unlabelled("sysflow/shellshock.sf"),
    unlabelled("sysflow/tcp.sf"),
];

/// One line of the table of recordings.
pub struct Scored {
    path: &'static str,
    summary: Summary,
}

/// The fields of `summary.json` that the table shows.
#[derive(Deserialize)]
struct Summary {
    events: u64,
    incidents_shown: u64,
    attacks_total: Option<u64>,
    attacks_found: Option<u64>,
    node_precision: Option<f64>,
    node_recall: Option<f64>,
}

impl fmt::Display for Scored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { events, incidents_shown, .. } = self.summary;
        let attacks = match (self.summary.attacks_found, self.summary.attacks_total) {
            (Some(found), Some(total)) => format!("{found} of {total}"),
            _ => "no labels".into(),
        };
        let [precision, recall] = [self.summary.node_precision, self.summary.node_recall]
            .map(|share| share.map_or("–".into(), |share| format!("{share:.2}")));
        write!(f, "| {} | {events} | {incidents_shown} | {attacks} | {precision} | {recall} |", self.path)
    }
}

/// Replays every public recording that this project reads, if the folder with them is there.
pub fn recordings(workspace: &Workspace) -> Result<Vec<Scored>> {
    let Some(datasets) = workspace.datasets() else {
        println!("SKIPPED: the folder with public recordings is not there (TRACEWELL_DATASETS names it)");
        return Ok(Vec::new());
    };
    run_command(workspace.cargo().args(["build", "--package", "tracewell-cli", "--bin", "tracewell"]))?;
    let tracewell = || Command::new(workspace.target.join("debug/tracewell"));
    let out = workspace.target.join("recordings");
    fs::create_dir_all(&out).with_context(|| format!("creating folder {}", out.display()))?;
    let mut scored = Vec::new();
    for Recording { path, labels } in RECORDINGS {
        let mut replay = tracewell();
        replay.arg("replay").arg(datasets.join(path));
        if let Some((kind, labels)) = labels {
            let truth = out.join("truth.json");
            let labels = datasets.join(labels);
            run_command(tracewell().args(["truth", "convert", kind]).arg(labels).arg("--to").arg(&truth))?;
            replay.arg("--truth").arg(truth);
        }
        run_command(replay.arg("--out").arg(&out))?;
        let text = fs::read_to_string(out.join("summary.json")).context("reading summary.json")?;
        let summary = serde_json::from_str(&text).with_context(|| format!("reading the summary of {path}"))?;
        scored.push(Scored { path, summary });
    }
    Ok(scored)
}
