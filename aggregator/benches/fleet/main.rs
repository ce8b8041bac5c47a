//! What a fleet costs its aggregator: `cargo xtask bench fleet`.
//!
//! This process holds the hosts: each is the session of an agent (`wire::quic::client`) with a key and a certificate of its own, that the
//! aggregator gave it by enrolment. What it sends is made up; the aggregator is the program itself, beside this process. In reading
//! order: [`program`] starts it and looks at it from outside, [`enrol`] makes hosts, [`sockets`] are what they share and count,
//! [`sessions`] the hosts as they are connected, [`graphs`] what they find. Each measurement is a file: [`connections`], [`crash`],
//! [`ingest`], [`bytes`], [`stored`].
//!
//! Each figure stands in a line of its table with the goal of DESIGN, "Numbers to reach", or of the fleet's own.

#[path = "../../tests/it/host.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod host;

mod bytes;
mod connections;
mod crash;
mod enrol;
mod graphs;
mod ingest;
mod program;
mod sessions;
mod sockets;
mod stored;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use std::fmt::Write;
use std::time::Duration;
use tokio::runtime::{self, Runtime};
use tokio::time::sleep;

/// Threads of the hosts' side.
const THREADS: usize = 2;

#[derive(Parser)]
pub struct Arguments {
    /// What to measure; all of it by default
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Hosts that are connected
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    hosts: u32,
    /// Seconds after which a host that has nothing to say says so; 120 is an agent's own
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=600))]
    keep_alive: u64,
    /// Alert graphs that are sent where all differ; five times as many where 19 of 20 are repeats
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    alerts: u32,
    /// Also send alert graphs that lead to another machine, which all hosts are asked about
    #[arg(long)]
    followed: bool,
    /// Seconds for which connections are left alone, and for which frames come at an even rate
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=480))]
    seconds: u64,
    /// Alert graphs with which the aggregator is started
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    stored: u32,
    /// Has the list be made of them as well, which needs some 10 KB of memory for each
    #[arg(long)]
    list: bool,
    /// What `cargo bench` says to each benchmark
    #[arg(long, hide = true)]
    bench: bool,
    /// What a test run may say
    #[arg(long, hide = true)]
    test: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Memory of connected hosts; how long they take to connect, and to come back
    Connections,
    /// How long they take to come back to an aggregator that was killed
    Crash,
    /// Alert graphs a second, stored
    Ingest,
    /// Bytes for each host and day
    Bytes,
    /// A start with many alert graphs stored
    Stored,
}

impl Arguments {
    fn keep_alive(&self) -> Duration {
        Duration::from_secs(self.keep_alive)
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // Tests run it too: there is nothing to be measured then.
    if !arguments.bench || arguments.test {
        println!("SKIPPED: measured by `cargo xtask bench fleet` alone");
        return Ok(());
    }
    let runtime = runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let mut table = Table::default();
    let parts = match arguments.parts.is_empty() {
        true => Part::value_variants(),
        false => &arguments.parts,
    };
    for part in parts {
        let measure: fn(&Arguments, &Runtime, &mut Table) -> Result<()> = match part {
            Part::Connections => connections::run,
            Part::Crash => crash::run,
            Part::Ingest => ingest::run,
            Part::Bytes => bytes::run,
            Part::Stored => stored::run,
        };
        measure(&arguments, &runtime, &mut table)?;
    }
    println!("\n| What | Measured | Goal |\n|---|---|---|\n{}", table.0);
    Ok(())
}

/// Lines of what was measured.
#[derive(Default)]
pub struct Table(String);

impl Table {
    fn row(&mut self, what: &str, measured: &str, goal: &str) {
        println!("{what}: {measured}");
        let _ = writeln!(self.0, "| {what} | {measured} | {goal} |");
    }
}

/// Leaves the hosts alone for a while.
fn rest(runtime: &Runtime, time: Duration) {
    runtime.block_on(async { sleep(time).await });
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_nanos() as f64 / 1e6)
}
