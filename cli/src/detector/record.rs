//! `tracewell detector test --record`: where detectors fire in a recording, and at what, if the truth is known.

use super::calls::Calls;
use crate::args::TestArgs;
use crate::eval::Labels;
use crate::failure::{Failure, print};
use crate::input::Input;
use crate::labels::Watcher;
use crate::output::text::{clean, plural};
use crate::output::time::rfc3339;
use serde::Serialize;
use std::cmp::Reverse;
use std::fmt::Write;
use std::path::Path;
use tracewell_datasets::truth::Truth;
use tracewell_detector_host::Library;
use tracewell_model::{EventNs, Finding, Record};

pub fn run(library: &Library, recording: &Path, args: &TestArgs) -> Result<(), Failure> {
    let truth = args.truth.as_deref().map(Truth::open).transpose().map_err(Failure::input)?;
    let mut watcher = truth.map(Watcher::new);
    let mut calls = Calls::new(library);
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    let mut n_calls = vec![0u64; library.status().len()];
    let mut n_events = 0u64;
    for record in Input::open(&[recording.to_path_buf()], &args.read)? {
        let record = record?;
        n_events += u64::from(matches!(record, Record::Event(_)));
        if let Some(watcher) = &mut watcher {
            watcher.see(&record).map_err(Failure::Input)?;
        }
        for call in calls.of(&record)? {
            n_calls[call.detector] += 1;
            match call.found {
                Ok(findings) => found.extend(findings.into_iter().map(|finding| (call.seen.event.time, finding))),
                Err(failure) => failed.push((call.seen.event.time, call.detector, failure)),
            }
        }
    }
    let labels = watcher.map(Watcher::into_labels);
    let mut said = String::new();
    for (time, finding) in &found {
        let attacks = labels.as_ref().map(|labels| attacks(labels, *time, finding));
        said += &match args.json {
            true => as_json(*time, finding, attacks),
            false => in_words(*time, finding, attacks),
        };
    }
    let status = library.status();
    if !args.json {
        let mut called: Vec<_> = n_calls.iter().zip(&status).filter(|(n, _)| **n > 0 && status.len() > 1).collect();
        called.sort_by_key(|(n, status)| (Reverse(**n), &status.metadata.id));
        called.iter().for_each(|(n, status)| _ = writeln!(said, "{n:>9}  {}", status.metadata.id));
        let _ = writeln!(said, "{} of {}", plural(n_calls.iter().sum(), "call"), plural(n_events, "event"));
    }
    print(&said)?;
    let Some((time, detector, why)) = failed.first() else { return Ok(()) };
    let (n, id, time) = (plural(failed.len() as u64, "call"), &status[*detector].metadata.id, rfc3339(*time));
    Err(Failure::Input(format!("{n} failed, the first at {time}: {id}: {}", clean(why))))
}

/// The attacks that it is about: it names a labelled node of theirs while they went on.
fn attacks<'a>(labels: &'a Labels, time: EventNs, finding: &Finding) -> Vec<&'a str> {
    let is_about = |node| labels.attacks.iter().filter(move |attack| attack.nodes.contains_key(node));
    let is_meant = |node| !labels.ignored.contains_key(node);
    let about = finding.nodes.iter().filter(|node| is_meant(node)).flat_map(is_about);
    let mut ids: Vec<_> = about.filter(|attack| attack.is_on(time, time)).map(|attack| attack.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn in_words(time: EventNs, finding: &Finding, attacks: Option<Vec<&str>>) -> String {
    let of = match attacks {
        None => String::new(),
        Some(attacks) if attacks.is_empty() => "  (no attack)".to_owned(),
        Some(attacks) => format!("  ({})", attacks.join(", ")),
    };
    let (time, severity, detector) = (rfc3339(time), finding.severity.name(), &finding.detector);
    format!("{time}  {severity:<8}  {detector}  {}{of}\n    {}\n", clean(&finding.title), clean(&finding.reason))
}

/// One line of JSON.
fn as_json(time: EventNs, finding: &Finding, attacks: Option<Vec<&str>>) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        time: String,
        detector: &'a str,
        severity: &'a str,
        title: &'a str,
        reason: &'a str,
        techniques: Vec<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        attacks: Option<Vec<&'a str>>,
    }
    let line = Line {
        time: rfc3339(time),
        detector: &finding.detector,
        severity: finding.severity.name(),
        title: &finding.title,
        reason: &finding.reason,
        techniques: finding.techniques.iter().map(|technique| &**technique).collect(),
        attacks,
    };
    serde_json::to_string(&line).expect("texts can be written as JSON") + "\n"
}
