//! The program `tracewell-lab`, which `cargo xtask lab` starts with what it built and fetched.

use anyhow::{Result, bail, ensure};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tracewell_datasets::truth::Truth;
use tracewell_lab::index::Index;
use tracewell_lab::record::{Extent, Place, label, record};
use tracewell_lab::scenarios::{SCENARIOS, find};
use tracewell_lab::structure::Structure;
use tracewell_lab::verify::{told, verify_all};

#[derive(Parser)]
#[command(name = "tracewell-lab", about = "Records real programs and real, harmless attacks, with exact truth")]
struct Args {
    /// Folder of recordings with their index
    #[arg(long, value_name = "DIR")]
    recordings: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What can be recorded, and what is
    List,
    /// Record a scenario, or all
    Record(RecordArgs),
    /// Make the truth of all recordings anew from what was noted
    Label,
    /// Look whether recordings are whole, their truth fits, and nothing of the recording machine is in them
    Verify,
    /// Whether two recordings of a scenario have the same structure of truth
    Compare { one: PathBuf, two: PathBuf },
}

#[derive(clap::Args)]
struct RecordArgs {
    /// Scenarios by name
    #[arg(required_unless_present = "all")]
    scenarios: Vec<String>,
    #[arg(long, conflicts_with = "scenarios")]
    all: bool,
    /// What chance comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days of ordinary life before an attack, a minute of each
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=30))]
    days: u32,
    /// Minutes of ordinary life alone, at a pace of its own, and no attack
    #[arg(long, value_name = "MINUTES", conflicts_with = "days", value_parser = clap::value_parser!(u32).range(1..=1440))]
    life: Option<u32>,
    /// Scenarios that run beside each other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=32))]
    at_once: u8,
    /// The agent's program
    #[arg(long, value_name = "FILE")]
    agent: PathBuf,
    /// Root of a Debian host
    #[arg(long, value_name = "DIR")]
    packages: PathBuf,
    /// Folder for what does not outlast a recording
    #[arg(long, value_name = "DIR")]
    work: PathBuf,
    /// Commit of the agent
    #[arg(long)]
    commit: String,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<()> {
    match args.command {
        Command::List => list(&Index::open(&args.recordings)?),
        Command::Verify => {
            let (said, wrong) = verify_all(&args.recordings)?;
            said.iter().for_each(|line| println!("{line}"));
            ensure!(wrong == 0, "{wrong} of {} are not good", said.len());
        }
        Command::Label => {
            for entry in Index::open(&args.recordings)?.recordings {
                label(&args.recordings, &entry)?;
            }
        }
        Command::Compare { one, two } => {
            let [one, two] = [Truth::open(&one)?, Truth::open(&two)?].map(|truth| Structure::of(&truth));
            let differences = one.differences(&two);
            if !differences.is_empty() {
                bail!("they differ:\n  {}", differences.join("\n  "));
            }
            one.beside(&two).iter().for_each(|line| println!("{line}"));
            println!("the same structure: {}; {}", one.in_words(), two.in_words());
        }
        Command::Record(wanted) => record_all(args.recordings, wanted)?,
    }
    Ok(())
}

fn record_all(recordings: PathBuf, wanted: RecordArgs) -> Result<()> {
    let names: Vec<_> = wanted.scenarios.iter().map(String::as_str).collect();
    let scenarios = if wanted.all { SCENARIOS.iter().collect() } else { find(&names)? };
    let place = Place {
        agent: wanted.agent,
        packages: wanted.packages,
        work: wanted.work,
        out: recordings,
        commit: wanted.commit,
    };
    let life = wanted.life.map(|minutes| Duration::from_mins(minutes.into()));
    let extent = Extent { days: wanted.days, life };
    let mut failed = 0;
    for scenarios in scenarios.chunks(wanted.at_once.into()) {
        let names: Vec<_> = scenarios.iter().map(|scenario| scenario.name).collect();
        eprintln!("recording {} with seed {}", names.join(", "), wanted.seed);
        for entry in record(&place, scenarios, wanted.seed, extent)? {
            match entry {
                Ok(entry) => {
                    let (events, bytes, losses) = (entry.events, entry.bytes, entry.losses);
                    println!("{}: {events} events, {losses} lost, {bytes} bytes, {} s", entry.name, entry.duration_s);
                }
                Err(error) => {
                    failed += 1;
                    eprintln!("error: {}", told(&error));
                }
            }
        }
    }
    ensure!(failed == 0, "{failed} recordings failed");
    Ok(())
}

fn list(index: &Index) {
    for scenario in SCENARIOS {
        println!("{:<20} {:<12} {}", scenario.name, scenario.half.name(), scenario.about);
        for entry in index.recordings.iter().filter(|entry| entry.scenario == scenario.name) {
            let (events, hosts) = (entry.events, entry.hosts.join(", "));
            println!("  {:<18} {events} events of {hosts}, {} s, {} lost", entry.name, entry.duration_s, entry.losses);
        }
    }
}
