//! Recordings of scenarios: one agent, then the scenarios beside each other, then of each what it left.

use crate::cgroup::Cgroups;
use crate::index::{Entry, Index, sha256};
use crate::journal::Journal;
use crate::lab::{Lab, LifeOnly, Making};
use crate::notes::Notes;
use crate::recorder::{Recorder, TIER};
use crate::scenarios::Scenario;
use crate::split::split;
use crate::truth::truth;
use crate::verify::{duration_s, verify};
use anyhow::{Context, Error, Result, anyhow, ensure};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tracewell_datasets::tracewell::EventFile;
use tracewell_model::Record;

/// Where things are.
pub struct Place {
    /// The program `tracewell-agent`.
    pub agent: PathBuf,
    /// The root of a Debian host.
    pub packages: PathBuf,
    /// For what lasts as long as a recording.
    pub work: PathBuf,
    /// Where recordings and their index go.
    pub out: PathBuf,
    /// Of the agent.
    pub commit: String,
}

/// What of a scenario is recorded.
#[derive(Clone, Copy)]
pub struct Extent {
    /// Of ordinary life before its attack.
    pub days: u32,
    /// If set: ordinary life alone, for so long.
    pub life: Option<Duration>,
}

/// Runs scenarios beside each other, and writes of each its recording, its truth and its line of the index. One that fails takes
/// nothing from the others.
///
/// # Errors
/// When the machine refuses. Of each scenario: when a step fails, or what was recorded does not stand up to `lab verify`.
pub fn record(place: &Place, scenarios: &[&'static Scenario], seed: u64, extent: Extent) -> Result<Vec<Result<Entry>>> {
    if place.work.exists() {
        fs::remove_dir_all(&place.work).context("removing what the last recording left")?;
    }
    for folder in [&place.work, &place.out] {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let recorder = Recorder::start(&place.agent, &place.work)?;
    let cgroups = Arc::new(Cgroups::find()?);
    let labs: Vec<Result<Lab>> = std::thread::scope(|scope| {
        let run = |scenario: &&'static Scenario| {
            let making = Making {
                scenario: scenario.name.into(),
                seed,
                days: extent.days,
                life: extent.life,
                packages: place.packages.clone(),
                folder: place.work.join(scenario.name),
                cgroups: Arc::clone(&cgroups),
            };
            let run = scenario.run;
            scope.spawn(move || {
                let mut lab = Lab::new(making)?;
                run(&mut lab).or_else(|error| if error.is::<LifeOnly>() { Ok(()) } else { Err(error) })?;
                lab.end();
                Ok(lab)
            })
        };
        let running: Vec<_> = scenarios.iter().map(run).collect();
        let ended = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err(anyhow!("the scenario's thread panicked")))
        };
        running.into_iter().map(ended).collect()
    });
    // What hosts do while they are taken down is no part of it.
    let recording = recorder.finish()?;
    let left = labs.into_iter().map(|lab| lab.map(|lab| (lab.recorded_hosts(), Arc::clone(&lab.notes))));
    let left: Vec<Result<_>> = left.collect();
    let entries = scenarios.iter().zip(left).map(|(scenario, left)| {
        let (hosts, notes) = left.map_err(|error: Error| error.context(format!("scenario {}", scenario.name)))?;
        let notes = notes.lock().expect("nobody panics with it");
        let entry = write(place, scenario, seed, &hosts, &recording, &notes)?;
        let wrong = verify(&place.out, &entry)?;
        ensure!(wrong.is_empty(), "the recording of {} is not good:\n  {}", scenario.name, wrong.join("\n  "));
        Index::open(&place.out)?.put(entry.clone(), &place.out)?;
        Ok(entry)
    });
    let entries = entries.collect();
    fs::remove_dir_all(&place.work).context("removing what the recording left")?;
    Ok(entries)
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
    let pauses = notes.shifts.iter().scan(Duration::ZERO, |before, shift| {
        let pause = shift.later.saturating_sub(*before).as_secs();
        // As the clock had it: what was recorded until then.
        let recorded = shift.from.since(first) / 1_000_000_000;
        *before = shift.later;
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
        journal_sha256: String::new(),
    };
    let file = place.out.join(entry.recording());
    let mut out = EventFile::create(&file)?;
    split.records.iter().try_for_each(|record| out.write(record))?;
    out.finish()?;
    entry.bytes = fs::metadata(&file)?.len();
    entry.recording_sha256 = sha256(&file)?;
    let journal = Journal::of(notes, &split, hosts);
    journal.write(&place.out.join(entry.journal()))?;
    entry.journal_sha256 = sha256(&place.out.join(entry.journal()))?;
    write_truth(&place.out, &mut entry, &split.records, &journal)?;
    Ok(entry)
}

/// Makes the truth of a recording anew from what was noted, after the way in which it is made has changed.
///
/// # Errors
/// When a file of it cannot be read or written, or it does not stand up to `lab verify`.
pub fn label(folder: &Path, entry: &Entry) -> Result<Entry> {
    let (records, journal) = (crate::verify::read(&folder.join(entry.recording()))?, Journal::open(folder, entry)?);
    let mut entry = entry.clone();
    write_truth(folder, &mut entry, &records, &journal)?;
    let wrong = verify(folder, &entry)?;
    Index::open(folder)?.put(entry.clone(), folder)?;
    ensure!(wrong.is_empty(), "the truth of {} is not good:\n  {}", entry.name, wrong.join("\n  "));
    Ok(entry)
}

fn write_truth(folder: &Path, entry: &mut Entry, records: &[Record], journal: &Journal) -> Result<()> {
    let truth = truth(records, journal, &entry.hosts);
    let path = folder.join(entry.truth());
    let mut file = BufWriter::new(File::create(&path).context("creating the truth")?);
    truth.write(&mut file).context("writing the truth")?;
    file.flush().context("writing the truth")?;
    entry.truth_sha256 = sha256(&path)?;
    Ok(())
}

fn kernel() -> Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("asking for the kernel")?;
    let number = release.split(['-', '+']).next().unwrap_or_default();
    Ok(number.trim().to_owned())
}
