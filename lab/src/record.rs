//! One recording of a scenario: hosts and agent, then the scenario, then what it left.

use crate::index::{Entry, Index, sha256};
use crate::lab::Lab;
use crate::notes::Notes;
use crate::recorder::{Recorder, TIER};
use crate::scenarios::Scenario;
use crate::split::split;
use crate::truth;
use crate::verify::{duration_s, verify};
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tracewell_datasets::tracewell::EventFile;
use tracewell_model::Record;

/// Where things are.
pub struct Place {
    /// The program `tracewell-agent`.
    pub agent: PathBuf,
    /// The root of a Debian host.
    pub packages: PathBuf,
    /// For what lasts as long as the recording of a scenario.
    pub work: PathBuf,
    /// Where recordings and their index go.
    pub out: PathBuf,
    /// Of the agent.
    pub commit: String,
}

/// Runs a scenario, with `days` of ordinary life before its attack, and writes its recording, its truth and its line of the index.
///
/// # Errors
/// When the machine refuses, a step fails, or what was recorded does not stand up to `lab verify`.
pub fn record(place: &Place, scenario: &Scenario, seed: u64, days: u32) -> Result<Entry> {
    if place.work.exists() {
        fs::remove_dir_all(&place.work).context("removing what the last recording left")?;
    }
    fs::create_dir_all(&place.work).with_context(|| format!("creating {}", place.work.display()))?;
    fs::create_dir_all(&place.out).with_context(|| format!("creating {}", place.out.display()))?;
    let recorder = Recorder::start(&place.agent, &place.work)?;
    let mut lab = Lab::new(place.packages.clone(), place.work.clone(), seed, days)?;
    let notes = lab.notes.clone();
    (scenario.run)(&mut lab).with_context(|| format!("scenario {}", scenario.name))?;
    let hosts = lab.recorded_hosts();
    // What hosts do while they are taken down is no part of it.
    let recording = recorder.finish()?;
    drop(lab);
    let notes = notes.lock().expect("nobody panics with it");
    let entry = write(place, scenario, seed, &hosts, &recording, &notes)?;
    fs::remove_dir_all(&place.work).context("removing what the recording left")?;
    let wrong = verify(&place.out, &entry)?;
    ensure!(wrong.is_empty(), "the recording is not good:\n  {}", wrong.join("\n  "));
    Index::open(&place.out)?.put(entry.clone(), &place.out)?;
    Ok(entry)
}

fn write(
    place: &Place,
    scenario: &Scenario,
    seed: u64,
    hosts: &[String],
    recording: &Path,
    notes: &Notes,
) -> Result<Entry> {
    let split = split(recording, hosts, notes)?;
    let first = split.records.iter().find_map(Record::time).context("nothing was recorded")?;
    let pauses = notes.shifts.iter().scan(0, |before, &(at, shift)| {
        let pause = (shift - *before) / 1_000_000_000;
        // As the clock had it: what was recorded until then.
        let recorded = at.since(first) / 1_000_000_000;
        *before = shift;
        Some((recorded, pause))
    });
    let mut entry = Entry {
        name: format!("{}-{seed}", scenario.name),
        scenario: scenario.name.into(),
        half: scenario.half.name().into(),
        seed,
        hosts: hosts.into(),
        attacks: notes.attacks.len() as u64,
        events: split.records.iter().filter(|record| matches!(record, Record::Event(_))).count() as u64,
        losses: split.lost,
        duration_s: duration_s(&split.records),
        pauses: pauses.collect(),
        kernel: kernel()?,
        tier: TIER.into(),
        commit: place.commit.clone(),
        bytes: 0,
        recording_sha256: String::new(),
        truth_sha256: String::new(),
    };
    let file = place.out.join(entry.recording());
    let mut out = EventFile::create(&file)?;
    split.records.iter().try_for_each(|record| out.write(record))?;
    out.finish()?;
    entry.bytes = fs::metadata(&file)?.len();
    entry.recording_sha256 = sha256(&file)?;
    let truth = truth::truth(&split, notes, hosts);
    let path = place.out.join(entry.truth());
    let mut file = BufWriter::new(File::create(&path).context("creating the truth")?);
    truth.write(&mut file).context("writing the truth")?;
    file.flush().context("writing the truth")?;
    entry.truth_sha256 = sha256(&path)?;
    Ok(entry)
}

fn kernel() -> Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("asking for the kernel")?;
    let number = release.split(['-', '+']).next().unwrap_or_default();
    Ok(number.trim().to_owned())
}
