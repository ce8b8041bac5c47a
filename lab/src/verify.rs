//! What must hold of a recording: that it is whole, that its truth fits it, and that nothing of the recording machine is in it.

mod labels;
mod places;
mod times;

use crate::index::{Entry, Index, sha256};
use crate::journal::Journal;
use crate::recorder::TIER;
use crate::scenarios::SCENARIOS;
use crate::structure::Structure;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use tracewell_datasets::input::decompressed;
use tracewell_datasets::tracewell::TracewellWriter;
use tracewell_datasets::truth::Truth;
use tracewell_datasets::{ReadOptions, open};
use tracewell_model::{HostId, Record};

/// Of one kind, after which no more are told.
const COMPLAINTS_MAX: usize = 20;

/// Everything that is wrong with a recording; empty if nothing is.
///
/// # Errors
/// When it cannot be read at all.
pub fn verify(folder: &Path, entry: &Entry) -> Result<Vec<String>> {
    let file = folder.join(entry.recording());
    let records = read(&file)?;
    let truth = Truth::open(&folder.join(entry.truth())).context("reading the truth")?;
    let journal = Journal::open(folder, entry)?;
    let mut wrong = Vec::new();
    round_trip(&file, &records, &mut wrong)?;
    against_index(&file, &records, &truth, entry, &mut wrong)?;
    against_scenarios(entry, &mut wrong);
    unchanged(folder, entry, &mut wrong)?;
    times::look(&records, &truth, entry, &mut wrong);
    labels::look(&records, &truth, &journal, entry, &mut wrong);
    places::look(&records, &truth, &journal, entry, &mut wrong)?;
    Ok(wrong)
}

/// All records of a recording.
///
/// # Errors
/// When it cannot be opened, or a record of it is bad.
pub fn read(file: &Path) -> Result<Vec<Record>> {
    let reader = open(file, None, &ReadOptions::default()).context("opening the recording")?;
    reader.map(|record| record.context("reading the recording")).collect()
}

/// Every recording of the index, a line or more each, and that the index names every file; and how many are not good.
///
/// # Errors
/// When there is no index.
pub fn verify_all(folder: &Path) -> Result<(Vec<String>, usize)> {
    let index = Index::read(&folder.join(crate::index::FILE))?;
    let (mut said, mut n_wrong) = (Vec::new(), 0);
    let mut tell = |name: &str, found: Result<String, Vec<String>>| match found {
        Ok(line) => said.push(format!("{name}: ok, {line}")),
        Err(wrong) => {
            n_wrong += 1;
            said.push(format!("{name}: {}", wrong.join("\n  ")));
        }
    };
    for entry in &index.recordings {
        tell(&entry.name, one(folder, entry));
    }
    let names: BTreeSet<_> = index.recordings.iter().map(|entry| &entry.name).collect();
    if names.len() != index.recordings.len() {
        tell(crate::index::FILE, Err(vec!["it names a recording twice".into()]));
    }
    let files = |entry: &Entry| [entry.recording(), entry.truth(), entry.journal()];
    let known: BTreeSet<String> = index.recordings.iter().flat_map(files).collect();
    for file in fs::read_dir(folder).context("reading the folder of recordings")? {
        let name = file?.file_name().to_string_lossy().into_owned();
        if name != crate::index::FILE && !known.contains(&name) {
            tell(&name, Err(vec!["the index does not know it".into()]));
        }
    }
    Ok((said, n_wrong))
}

fn one(folder: &Path, entry: &Entry) -> Result<String, Vec<String>> {
    let unreadable = |error: anyhow::Error| vec![told(&error)];
    let wrong = verify(folder, entry).map_err(unreadable)?;
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let truth = Truth::open(&folder.join(entry.truth())).map_err(|error| unreadable(error.into()))?;
    Ok(format!("{} events, {}", entry.events, Structure::of(&truth).in_words()))
}

/// An error with its causes, each once: some errors name their cause themselves.
pub fn told(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if parts.last().is_none_or(|last| !last.ends_with(&cause)) {
            parts.push(cause);
        }
    }
    parts.join(": ")
}

/// Read, written and read again it is the same, byte for byte.
fn round_trip(file: &Path, records: &[Record], wrong: &mut Vec<String>) -> Result<()> {
    let mut writer = TracewellWriter::new(Vec::new())?;
    records.iter().try_for_each(|record| writer.write(record))?;
    let written = writer.finish()?;
    let mut is = Vec::new();
    decompressed(file)?.read_to_end(&mut is).context("reading the recording")?;
    if is != written {
        wrong.push("written again it is another".into());
    }
    Ok(())
}

fn against_index(file: &Path, records: &[Record], truth: &Truth, entry: &Entry, wrong: &mut Vec<String>) -> Result<()> {
    let names = records.iter().filter_map(|record| match record {
        Record::Host(host) => Some(host.name.to_string()),
        _ => None,
    });
    let names: Vec<_> = names.collect();
    // Losses of the machine are told for each host.
    let losses = |of: HostId| {
        records.iter().filter_map(move |record| match record {
            Record::Loss(loss) if loss.host == of => Some(loss.n_events),
            _ => None,
        })
    };
    let mut is = |what: &str, is: u64, said: u64| {
        if is != said {
            wrong.push(format!("{what}: {is}, the index says {said}"));
        }
    };
    is("events", records.iter().filter(|record| matches!(record, Record::Event(_))).count() as u64, entry.events);
    is("attacks", truth.attacks.len() as u64, entry.attacks);
    is("bytes", fs::metadata(file)?.len(), entry.bytes);
    is("duration", duration_s(records), entry.duration_s);
    for name in &names {
        is("losses", losses(HostId::from_name(name)).sum(), entry.losses);
    }
    if names != entry.hosts {
        wrong.push(format!("hosts {names:?}, the index says {:?}", entry.hosts));
    }
    Ok(())
}

pub fn duration_s(records: &[Record]) -> u64 {
    let times = || records.iter().filter_map(Record::time);
    match (times().min(), times().max()) {
        (Some(first), Some(last)) => last.since(first) / 1_000_000_000,
        _ => 0,
    }
}

/// What the index says of a recording is what its scenario says.
fn against_scenarios(entry: &Entry, wrong: &mut Vec<String>) {
    let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == entry.scenario) else {
        wrong.push(format!("the index says scenario {:?}, which there is none of", entry.scenario));
        return;
    };
    let mut is = |what: &str, is: &str, said: &str| {
        if is != said {
            wrong.push(format!("{what}: {is:?}, the index says {said:?}"));
        }
    };
    is("half", scenario.half.name(), &entry.half);
    is("name", &format!("{}-{}", entry.scenario, entry.seed), &entry.name);
    is("tier", TIER, &entry.tier);
    let is_plain = |text: &str, of: fn(char) -> bool| !text.is_empty() && text.chars().all(of);
    if !is_plain(&entry.kernel, |c| c.is_ascii_digit() || c == '.') {
        wrong.push(format!("kernel {:?}, expected its number", entry.kernel));
    }
    if !is_plain(&entry.commit, |c| c.is_ascii_hexdigit()) {
        wrong.push(format!("commit {:?}, expected hexadecimal digits", entry.commit));
    }
    let paused: u64 = entry.pauses.iter().map(|(_, pause)| pause).sum();
    if paused > entry.duration_s {
        wrong.push(format!("pauses of {paused} s in {} s", entry.duration_s));
    }
}

/// All files are those that were recorded.
fn unchanged(folder: &Path, entry: &Entry, wrong: &mut Vec<String>) -> Result<()> {
    for (file, said) in [
        (entry.recording(), &entry.recording_sha256),
        (entry.truth(), &entry.truth_sha256),
        (entry.journal(), &entry.journal_sha256),
    ] {
        let is = sha256(&folder.join(&file))?;
        if is != *said {
            wrong.push(format!("{file}: SHA-256 {is}, the index says {said}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_cause_is_told_once() {
        for (error, is) in [
            (
                anyhow!("no such file").context("cannot open x: no such file").context("opening"),
                "opening: cannot open x: no such file",
            ),
            (anyhow!("no such file").context("reading x"), "reading x: no such file"),
        ] {
            assert_eq!(told(&error), is);
        }
    }
}
