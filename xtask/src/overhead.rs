//! `cargo xtask bench overhead`: what watching a host costs. The same loads run bare, with Tracewell, with auditd and with
//! `perf trace`, one after the other in each round, so that what the machine does besides hits them all alike.
//!
//! [`load`] is what runs, [`tracer`] what watches, [`cpu`] how much of the machine both take, [`programs`] where nginx, redis
//! and the other tracers come from, [`table`] what is printed.

mod cpu;
mod load;
mod programs;
mod table;
mod tracer;

use crate::ebpf::{self, Warnings};
use crate::packages;
use crate::setup;
use crate::workspace::{Workspace, run as run_command};
use anyhow::{Context, Result, bail};
use cpu::Stats;
use load::{Load, Work};
use programs::Programs;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
pub use table::machine;
use tracer::{Seen, Tracer};

#[derive(clap::Args)]
pub struct Arguments {
    /// How often each load runs with each tracer
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Only this load; may be given several times
    #[arg(long, value_enum)]
    load: Vec<Load>,
    /// Only this tracer beside the bare machine; may be given several times
    #[arg(long, value_enum)]
    tracer: Vec<Tracer>,
}

/// Where everything is.
struct Place {
    programs: Programs,
    agent: PathBuf,
    /// Made anew for each run.
    folder: PathBuf,
}

/// One load with one tracer.
struct Run {
    load: Load,
    tracer: Tracer,
    round: u32,
    work: Work,
    /// Processor time that the whole machine was busy for.
    busy: Duration,
    seen: Seen,
}

pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if !packages::is_root() {
        bail!("only root may watch a machine: run it as root");
    }
    setup::run(workspace)?;
    if !ebpf::build(workspace, Warnings::Shown)? {
        bail!("without the eBPF programs there is nothing to measure");
    }
    run_command(workspace.cargo().args(["build", "--release", "--package", "tracewell-agent"]))?;
    let folder = workspace.target.join("overhead");
    let place = Place {
        programs: Programs::find(&folder)?,
        agent: workspace.target.join("release/tracewell-agent"),
        folder: folder.join("run"),
    };
    let loads = if arguments.load.is_empty() { Load::ALL } else { &arguments.load };
    let chosen = |tracer: &&Tracer| arguments.tracer.is_empty() || arguments.tracer.contains(tracer);
    let mut tracers = vec![Tracer::Bare];
    for tracer in Tracer::WATCHING.iter().filter(chosen) {
        match tracer.obstacle(&place) {
            None => tracers.push(*tracer),
            Some(reason) => println!("SKIPPED: {}: {reason}", tracer.name()),
        }
    }
    let mut runs = Vec::new();
    for load in loads {
        for round in 0..arguments.rounds {
            // Each in another order, so that none always comes after the same one.
            tracers.rotate_left(usize::from(round > 0));
            for tracer in &tracers {
                let run = once(&place, *load, *tracer, round)
                    .with_context(|| format!("{} with {}", load.name(), tracer.name()))?;
                eprintln!("{}", table::line(&run));
                runs.push(run);
            }
        }
    }
    println!("{}", machine());
    println!("{}", table::of(&runs));
    Ok(())
}

fn once(place: &Place, load: Load, tracer: Tracer, round: u32) -> Result<Run> {
    if place.folder.exists() {
        fs::remove_dir_all(&place.folder).context("removing what the last run left")?;
    }
    fs::create_dir_all(&place.folder).with_context(|| format!("creating folder {}", place.folder.display()))?;
    let mut prepared = load.prepare(place)?;
    // The kernel's own clocks around each program cost something: only where no slowdown is measured.
    let stats = Stats::on(!load.is_timed())?;
    let mut watching = tracer.start(place)?;
    // What its start stirred up has settled by then.
    pause(Duration::from_secs(1));
    watching.begin()?;
    let before = cpu::busy()?;
    let work = prepared.run()?;
    watching.settle()?;
    let busy = cpu::busy()?.saturating_sub(before);
    let seen = watching.stop()?;
    drop(stats);
    Ok(Run { load, tracer, round, work, busy, seen })
}

fn text_of(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// Measuring takes its time; nothing is waited for that could tell when it is there.
#[expect(clippy::disallowed_methods, reason = "loads are paced, and other programs are asked again and again")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
