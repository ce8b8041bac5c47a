//! What the shipped detectors find in the lab's development recordings, held against `docs/detectors-results.md`.

use crate::detectors::{path, shipped};
use crate::run::{Place, tracewell};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Findings of one detector under one title about one thing: an attack, or none.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    recording: String,
    severity: Severity,
    detector: String,
    title: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    const ALL: [(Self, &str); 4] =
        [(Self::Low, "low"), (Self::Medium, "medium"), (Self::High, "high"), (Self::Critical, "critical")];

    fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|(_, known)| *known == name).expect("a severity").0
    }

    fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

struct Recording {
    name: String,
    is_attack: bool,
    /// Without the hours that the clock was put forward by.
    observed_s: u64,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/recordings")
}

/// The recordings that detectors may be written by. The others are never opened here.
fn development() -> Vec<Recording> {
    let index = fs::read_to_string(folder().join("index.toml")).unwrap();
    let index: toml::Table = index.parse().unwrap();
    let recordings = index["recording"].as_array().unwrap().iter();
    let development = recordings.filter(|recording| recording["half"].as_str() == Some("development"));
    let number = |value: &toml::Value| u64::try_from(value.as_integer().unwrap()).unwrap();
    let recording = |recording: &toml::Value| Recording {
        name: recording["name"].as_str().unwrap().to_owned(),
        is_attack: number(&recording["attacks"]) > 0,
        observed_s: {
            let pauses = recording["pauses"].as_array().unwrap().iter();
            number(&recording["duration_s"]) - pauses.map(|pause| number(&pause[1])).sum::<u64>()
        },
    };
    development.map(recording).collect()
}

/// Findings about attacks, and all others, each with how often.
fn found(components: &Path, recordings: &[Recording]) -> (BTreeMap<Row, u64>, BTreeMap<Row, u64>) {
    let (mut about_attacks, mut others) = (BTreeMap::new(), BTreeMap::new());
    // Compiled for the first recording alone.
    let place = Place::new();
    let code = place.path("code");
    for recording in recordings {
        let file = folder().join(&recording.name).with_extension("jsonl.xz");
        let truth = folder().join(&recording.name).with_extension("truth.json");
        let arguments = ["detector", "test", "--detectors", path(components), "--code", &code, "--record", path(&file)];
        let said = tracewell(&[&arguments[..], &["--truth", path(&truth), "--json"]].concat()).ok();
        for line in said.lines() {
            let finding: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{}: {line}", recording.name));
            let text = |name: &str| finding[name].as_str().unwrap().to_owned();
            let row = Row {
                recording: recording.name.clone(),
                severity: Severity::parse(&text("severity")),
                detector: text("detector"),
                title: text("title"),
            };
            let rows = match finding["attacks"].as_array().unwrap().is_empty() {
                true => &mut others,
                false => &mut about_attacks,
            };
            *rows.entry(row).or_default() += 1;
        }
    }
    (about_attacks, others)
}

fn attacks_table(recordings: &[Recording], about_attacks: &BTreeMap<Row, u64>) -> String {
    let mut table = "| Recording | Detectors that hit the attack |\n|---|---|\n".to_owned();
    for recording in recordings.iter().filter(|recording| recording.is_attack) {
        let mut hits = BTreeMap::<&str, Severity>::new();
        for row in about_attacks.keys().filter(|row| row.recording == recording.name) {
            let severity = hits.entry(&row.detector).or_insert(row.severity);
            *severity = row.severity.max(*severity);
        }
        let mut hits: Vec<_> = hits.into_iter().collect();
        hits.sort_by_key(|(detector, severity)| (std::cmp::Reverse(*severity), *detector));
        let hits = hits.iter().map(|(detector, severity)| format!("`{detector}` {}", severity.name()));
        let _ = writeln!(table, "| {} | {} |", recording.name, hits.collect::<Vec<_>>().join(", "));
    }
    table
}

fn others_row(row: &Row, count: u64) -> String {
    format!("| {} | {} | `{}`: {} | {count} |", row.recording, row.severity.name(), row.detector, row.title)
}

#[test]
fn every_development_attack_is_hit_by_two_detectors_and_every_other_finding_is_explained() {
    let Some(components) = shipped() else { return };
    let recordings = development();
    let (about_attacks, others) = found(&components, &recordings);
    let table = attacks_table(&recordings, &about_attacks);
    println!("{table}");
    let high: Vec<_> = others.iter().filter(|(row, _)| row.severity >= Severity::High).collect();
    for (row, count) in &high {
        println!("{}", others_row(row, **count));
    }
    let (benign, attacked): (Vec<_>, Vec<_>) = recordings.iter().partition(|recording| !recording.is_attack);
    let hours = |recordings: &[&Recording]| recordings.iter().map(|r| r.observed_s).sum::<u64>() as f64 / 3600.0;
    println!("observed: {:.2} h without attacks, {:.2} h with one", hours(&benign), hours(&attacked));

    for recording in &attacked {
        let hits: BTreeSet<_> = about_attacks
            .keys()
            .filter(|row| row.recording == recording.name && row.severity >= Severity::Medium)
            .map(|row| &row.detector)
            .collect();
        assert!(hits.len() >= 2, "{} is hit by {} detectors at medium or higher", recording.name, hits.len());
    }
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/detectors-results.md");
    let results = fs::read_to_string(results).unwrap();
    assert!(results.contains(&table), "docs/detectors-results.md shows another table, expected:\n{table}");
    for (row, count) in high {
        let listed = others_row(row, *count);
        let reason = results.lines().find_map(|line| line.strip_prefix(&listed));
        let reason = reason.unwrap_or_else(|| panic!("docs/detectors-results.md does not explain\n{listed}"));
        assert!(reason.len() > 20, "no reason is given for\n{listed}");
    }
}
