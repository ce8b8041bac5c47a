//! `tracewell detector test`: runs a component over the stories of its package, and the same source natively beside it.

use super::calls::Calls;
use super::native::Native;
use super::record;
use super::story::Story;
use crate::args::{BuildArgs, Language, TestArgs};
use crate::failure::{Failure, print};
use crate::output::text::{clean, plural};
use crate::replay;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use tracewell_detector_host::Library;
use tracewell_detector_host::limits::COMPONENT_BYTES_MAX_IN_REPLAY;
use tracewell_model::FindingSeverity;

pub fn run(args: &TestArgs) -> Result<(), Failure> {
    let library = match (&args.detectors, &args.component) {
        (Some(folder), _) => replay::library(folder, args.code.as_deref())?,
        (None, Some(component)) => super::load(component, COMPONENT_BYTES_MAX_IN_REPLAY)?,
        (None, None) => super::load(&built(&args.package)?, COMPONENT_BYTES_MAX_IN_REPLAY)?,
    };
    if let Some(recording) = &args.record {
        return record::run(&library, recording, args);
    }
    let stories = stories(&args.package.join("tests"))?;
    let program = match (&args.native, &args.component) {
        (Some(program), _) => Some(program.clone()),
        // A component alone may be of any language and without its source.
        (None, Some(_)) => None,
        (None, None) if super::language(&args.package)? == Language::Rust => Some(built_natively(&args.package)?),
        (None, None) => None,
    };
    let id = args.package.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let native = program.map(|program| Native::start(&program, id.as_deref().unwrap_or_default()));
    let mut native = native.transpose()?;
    let (mut said, mut n_failed) = (String::new(), 0);
    for path in &stories {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        match story(&library, native.as_mut(), path)? {
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

fn built_natively(package: &Path) -> Result<PathBuf, Failure> {
    let target = super::target(package).join("native");
    let built = tracewell_detector_build::native(&[package.to_path_buf()], &package.join("Cargo.lock"), &target);
    built.map_err(|error| Failure::Input(format!("building {} natively: {error:#}", package.display())))
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
fn story(library: &Library, mut native: Option<&mut Native>, path: &Path) -> Result<Vec<String>, Failure> {
    let failed = |why: String| Failure::Input(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let story = Story::parse(&text).map_err(failed)?;
    let mut told = Calls::new(library);
    let mut calls = Vec::new();
    for record in &story.records {
        calls.extend(told.of(record)?);
    }

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
    for call in calls.iter().rev() {
        if runner.call(call.detector, &call.seen).map_err(|failure| failure.to_string()) != call.found {
            complaints.push("the same call found something else in another order of calls".to_owned());
        }
    }
    if let Some(native) = &mut native {
        // A call that failed was stopped by limits that only a component has.
        for call in calls.iter().chain(calls.iter().rev()).filter(|call| call.found.is_ok()) {
            let found = native.call(&runner, call.detector, &call.seen);
            if found != call.found {
                complaints.push(format!("natively it found {found:?}, as a component {:?}", call.found));
            }
        }
    }
    Ok(complaints)
}
