//! The program `tracewell-lab`, which `cargo xtask lab` starts with what it built and fetched.

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use tracewell_datasets::truth::Truth;
use tracewell_lab::index::Index;
use tracewell_lab::record::{Place, record};
use tracewell_lab::scenarios::{SCENARIOS, find};
use tracewell_lab::structure::Structure;
use tracewell_lab::verify::verify_all;

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
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<()> {
    match args.command {
        Command::List => list(&Index::open(&args.recordings)?),
        Command::Verify => verify_all(&args.recordings)?.iter().for_each(|line| println!("{line}")),
        Command::Compare { one, two } => {
            let [one, two] = [Truth::open(&one)?, Truth::open(&two)?].map(|truth| Structure::of(&truth));
            let differences = one.differences(&two);
            if !differences.is_empty() {
                bail!("they differ:\n  {}", differences.join("\n  "));
            }
            one.beside(&two).iter().for_each(|line| println!("{line}"));
            println!("the same structure: {}; {}", one.in_words(), two.in_words());
        }
        Command::Record(wanted) => {
            let names: Vec<_> = wanted.scenarios.iter().map(String::as_str).collect();
            let scenarios = if wanted.all { SCENARIOS.iter().collect() } else { find(&names)? };
            let place = Place {
                agent: wanted.agent,
                packages: wanted.packages,
                work: wanted.work,
                out: args.recordings,
                commit: wanted.commit,
            };
            for scenario in scenarios {
                eprintln!("recording {} with seed {}", scenario.name, wanted.seed);
                let entry = record(&place, scenario, wanted.seed, wanted.days).with_context(|| scenario.name)?;
                let (events, bytes, losses) = (entry.events, entry.bytes, entry.losses);
                println!("{}: {events} events, {losses} lost, {bytes} bytes, {} s", entry.name, entry.duration_s);
            }
        }
    }
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
