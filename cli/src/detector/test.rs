//! `tracewell detector test`: runs a component over stories and recordings, through the very pipeline that an agent runs.

use super::story::Story;
use crate::args::{BuildArgs, TestArgs};
use crate::failure::{Failure, print};
use crate::input::Input;
use crate::output::text::{clean, plural};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tracewell_agent::Pipeline;
use tracewell_agent::normalise::host_of;
use tracewell_detector_host::limits::COMPONENT_BYTES_MAX_IN_REPLAY;
use tracewell_detector_host::{Library, Runner};
use tracewell_graph_core::history::MemoryHistory;
use tracewell_graph_core::neighbourhood::{Detectors, Glimpse, Neighbourhood, OperationSet, Reach};
use tracewell_model::{Finding, FindingSeverity, HostId, HostRecord, Operation, Record};
use tracewell_parameters::Parameters;
use tracewell_wire::memory_pair;

pub fn run(args: &TestArgs) -> Result<(), Failure> {
    let component = match &args.component {
        Some(component) => component.clone(),
        None => built(&args.package)?,
    };
    let library = super::load(&component, COMPONENT_BYTES_MAX_IN_REPLAY)?;
    if let Some(recording) = &args.record {
        return print(&record(&library, recording, args)?);
    }
    let stories = stories(&args.package.join("tests"))?;
    let (mut said, mut n_failed) = (String::new(), 0);
    for path in &stories {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        match story(&library, path)? {
            complaints if complaints.is_empty() => _ = writeln!(said, "ok      {name}"),
            complaints => {
                n_failed += 1;
                let _ = writeln!(said, "FAILED  {name}");
                complaints.iter().for_each(|complaint| _ = writeln!(said, "        {}", clean(complaint)));
            }
        }
    }
    print(&said)?;
    match n_failed {
        0 => Ok(()),
        n => Err(Failure::Input(format!("{n} of {} failed", plural(stories.len() as u64, "test")))),
    }
}

/// The one component of a package.
fn built(package: &Path) -> Result<PathBuf, Failure> {
    let mut built = super::build(&BuildArgs { package: package.to_path_buf(), out: None })?;
    match built.len() {
        1 => Ok(built.remove(0)),
        n => Err(Failure::Input(format!("{} makes {n} components, expected one", package.display()))),
    }
}

fn stories(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Failure::Input(format!("cannot read {}: {error}", folder.display()));
    let mut stories = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "story") {
            stories.push(path);
        }
    }
    stories.sort();
    match stories.is_empty() {
        true => Err(Failure::Input(format!("{} holds no story: no file *.story", folder.display()))),
        false => Ok(stories),
    }
}

/// What is wrong with what was found in a story; nothing if it is as expected.
fn story(library: &Library, path: &Path) -> Result<Vec<String>, Failure> {
    let failed = |why: String| Failure::Input(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let story = Story::parse(&text).map_err(failed)?;
    let heard = Heard::default();
    let mut pipeline = None;
    let mut run = |record: &Record| step(&mut pipeline, library, &heard, record);
    story.records.iter().try_for_each(&mut run)?;
    let mut calls = heard.take();

    let mut found: Vec<(FindingSeverity, String)> = Vec::new();
    for finding in calls.iter().filter_map(|call| call.found.as_ref().ok()).flatten() {
        let found_one = (finding.severity, finding.title.to_string());
        if !found.contains(&found_one) {
            found.push(found_one);
        }
    }
    let mut complaints: Vec<_> = calls.iter().filter_map(|call| call.found.as_ref().err()).cloned().collect();
    let says = |(severity, title): &(FindingSeverity, String)| format!("{} {title}", severity.name());
    let missing = story.expected.iter().filter(|one| !found.contains(one)).map(|one| format!("missing: {}", says(one)));
    complaints.extend(missing);
    let more = found.iter().filter(|one| !story.expected.contains(one)).map(|one| format!("unexpected: {}", says(one)));
    complaints.extend(more);
    // Backwards, as no pipeline would: what is found must not hang on what was seen before.
    let runner = library.runner();
    calls.reverse();
    for call in &calls {
        if runner.call(call.detector, &call.seen).map_err(|failure| failure.to_string()) != call.found {
            complaints.push("the same call found something else in another order of calls".to_owned());
        }
    }
    Ok(complaints)
}

/// Where the detector fired in a recording.
fn record(library: &Library, recording: &Path, args: &TestArgs) -> Result<String, Failure> {
    let input = Input::open(&[recording.to_path_buf()], &args.read)?;
    let mut pipelines = std::collections::BTreeMap::<HostId, (Option<Pipeline>, Heard)>::new();
    let (mut said, mut n_calls, mut n_events) = (String::new(), 0u64, 0u64);
    for record in input {
        let record = record?;
        n_events += u64::from(matches!(record, Record::Event(_)));
        let (pipeline, heard) = pipelines.entry(host_of(&record)).or_default();
        step(pipeline, library, heard, &record)?;
        for call in heard.take() {
            n_calls += 1;
            match call.found {
                Ok(found) => {
                    for finding in found {
                        let time = crate::output::time::rfc3339(call.seen.event.time);
                        let (severity, title) = (finding.severity.name(), &finding.title);
                        let _ = writeln!(said, "{time}  {severity:<8}  {}  {}", finding.detector, clean(title));
                        let _ = writeln!(said, "    {}", clean(&finding.reason));
                    }
                }
                Err(failure) => _ = writeln!(said, "failed: {failure}"),
            }
        }
    }
    let _ = writeln!(said, "{} of {}", plural(n_calls, "call"), plural(n_events, "event"));
    Ok(said)
}

fn step(pipeline: &mut Option<Pipeline>, library: &Library, heard: &Heard, record: &Record) -> Result<(), Failure> {
    let pipeline = pipeline.get_or_insert_with(|| {
        let host = HostRecord { host: host_of(record), name: "test".into() };
        let mut pipeline = Pipeline::new(&host, &Parameters::default(), Box::new(MemoryHistory::default()));
        pipeline.set_detectors(Box::new(Listener { runner: library.runner(), heard: heard.clone() }));
        pipeline
    });
    let (mut end, _other) = memory_pair();
    pipeline.record(record, &mut end).map_err(Failure::internal)
}

/// A call, and what came of it.
struct Call {
    detector: usize,
    seen: Neighbourhood,
    found: Result<Vec<Finding>, String>,
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Call>>>);

impl Heard {
    fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs detectors as an agent does and notes each call.
struct Listener {
    runner: Runner,
    heard: Heard,
}

impl Detectors for Listener {
    fn operations(&self) -> OperationSet {
        self.runner.operations()
    }

    fn triggered(&mut self, op: Operation, glimpse: &Glimpse<'_>, detectors: &mut Vec<usize>) {
        self.runner.triggered(op, glimpse, detectors);
    }

    fn reach(&self, detector: usize) -> Reach {
        self.runner.reach(detector)
    }

    fn detect(&mut self, detector: usize, seen: &Neighbourhood) -> Vec<Finding> {
        let found = self.runner.call(detector, seen).map_err(|failure| failure.to_string());
        let findings = found.clone().unwrap_or_default();
        let mut heard = self.heard.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(Call { detector, seen: seen.clone(), found });
        findings
    }
}
