//! `cargo xtask`: everything that is done to the project, in Rust.
//!
//! Each command is one file. [`workspace`] knows where things are and how cargo is called, [`steps`] shows progress,
//! [`packages`] installs, [`apt`] only unpacks, [`python`] gets what builds detectors in Python, [`ebpf`] builds the kernel side with
//! its own compiler, [`detectors`] the detectors, [`checks`] holds what is
//! checked beyond compiler and tests. Of the product this crate
//! knows only what builds detectors, and nothing of RocksDB, so that it builds in
//! seconds (its own cargo profile, `xtask`).

mod workspace;
mod steps;
mod packages;
mod python;
mod apt;
mod setup;
mod ebpf;
mod detectors;
mod test;
mod test_output;
mod checks;
mod full;
mod lab;
mod demo;
mod bench;
mod overhead;
mod vm;
mod build;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use test_output::Counts;
use workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Set-up, tests, demo and benchmarks of Tracewell")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing for all the other commands, or say how to
    Setup,
    /// Format, lints, licences, architecture, documentation and all tests
    Test {
        /// Add long fuzzing, long property runs and all recordings; writes docs/full-test.md
        #[arg(long)]
        full: bool,
    },
    /// Replay a recorded attack over three hosts and show what an analyst would see
    Demo {
        /// Replay a small simulated fleet with every attack story instead
        #[arg(long)]
        simulated: bool,
    },
    /// Record real programs and real, harmless attacks with the live agent, and look at what was recorded (docs/lab.md)
    Lab {
        #[command(subcommand)]
        command: lab::Lab,
    },
    /// Run the benchmarks and print their table; `bench detectors` for those of detectors alone, `bench overhead` for what the live
    /// agent costs, `bench fleet` for an aggregator with thousands of hosts
    Bench {
        #[command(subcommand)]
        what: Option<Bench>,
    },
    /// Run the kernel tests in virtual machines with other kernels, and print which kernel supports what
    Vm {
        /// Series such as 6.1; all of them if none is named
        kernels: Vec<String>,
        /// Arguments of the kernel tests
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Have a virtual machine lose power in the middle of writes, and look at what is left
    Power {
        /// How often
        #[arg(default_value_t = vm::power::LOSSES)]
        losses: u32,
    },
    /// Build the eBPF programs alone and print where they are, for a plain cargo's TRACEWELL_EBPF_OBJECT
    Ebpf,
    /// Build the shipped detectors alone and print where they are
    Detectors,
    /// Build all programs in release mode and copy them into a folder
    Build {
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

#[derive(Subcommand)]
enum Bench {
    /// What watching a host costs: the same loads bare, with Tracewell, auditd and perf trace, side by side
    Overhead(overhead::Arguments),
    /// What detectors cost: a call and its parts, triggers, loading, memory, and the pipeline with all that are shipped
    Detectors,
    /// What a fleet costs its aggregator: memory of connected hosts, alert graphs a second, bytes, starts
    Fleet {
        /// Parts to measure, --hosts N and what else `--help` names
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Setup => setup::run(&workspace)?,
        Command::Test { full } => return test::run(&workspace, full),
        Command::Demo { simulated } => demo::run(&workspace, simulated)?,
        Command::Lab { command } => lab::run(&workspace, &command)?,
        Command::Bench { what: None } => bench::run(&workspace)?,
        Command::Bench { what: Some(Bench::Overhead(arguments)) } => overhead::run(&workspace, &arguments)?,
        Command::Bench { what: Some(Bench::Detectors) } => bench::detectors(&workspace)?,
        Command::Bench { what: Some(Bench::Fleet { arguments }) } => bench::fleet(&workspace, &arguments)?,
        Command::Vm { kernels, arguments } if !vm::run(&workspace, &kernels, &arguments)? => {
            return Ok(ExitCode::FAILURE);
        }
        Command::Vm { .. } => {}
        Command::Power { losses } => vm::power::test(&workspace, losses, &mut Counts::default())?,
        Command::Ebpf => ebpf::run(&workspace)?,
        Command::Detectors => detectors::run(&workspace)?,
        Command::Build { out } => build::run(&workspace, &out)?,
    }
    Ok(ExitCode::SUCCESS)
}
