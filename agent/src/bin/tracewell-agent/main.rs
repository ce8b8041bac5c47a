//! The command `tracewell-agent`: watches this host.
//!
//! In reading order: [`args`] says what can be asked for, [`config`] how it is done. [`run`] is the main job: it [`start`]s a
//! [`watch`] of the library's live source and pipeline and of [`alerts`], which shows what the pipeline finds where no
//! aggregator does, goes on from the last [`checkpoint`], gives up what rights it does not need ([`privileges`]) and turns,
//! taking in less under [`pressure`], until it is told to stop ([`stop`]).
//! What is asked meanwhile reaches it as [`requests`]: from the [`control`] socket and, for [`metrics`], over [`http`]; both
//! serve [`clients`] on threads of their own, and what they get is a [`status`]. [`supervisor`] is systemd.
//!
//! Where there is an aggregator, [`enrol`] gives this machine an [`identity`] in its fleet, and the [`uplink`] sends what the
//! pipeline puts into the spool, at one of its [`ends`]. [`replay`] does so with a recording.
//!
//! [`record`] writes the stream to a file, [`trace`] shows it, [`snapshot`] shows what ran before, [`doctor`] says what this
//! machine allows, [`yara`] tries rules on files.
//!
//! Results go to stdout, everything else to stderr. Exit codes: `failure.rs`.

mod args;
mod config;
mod run;
mod start;
mod detectors;
mod yara;
mod watch;
mod ends;
mod identity;
mod uplink;
mod enrol;
mod renewal;
mod replay;
mod checkpoint;
mod pressure;
mod alerts;
mod outlet;
mod rotating;
mod host;
mod privileges;
mod stop;
mod supervisor;
mod requests;
mod status;
mod inventory;
mod clients;
mod control;
mod http;
mod metrics;
mod record;
mod trace;
mod snapshot;
mod doctor;
mod failure;

use args::{Args, Command, RunArgs};
use clap::Parser;
use config::Config;
use failure::{Failure, print};
use rustix::fs::Mode;
use rustix::process::umask;
use std::env::{self, VarError};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;
use tracing_subscriber::EnvFilter;

/// The graph's long-lived allocations and what comes and goes with each event would fray the system's heap to twice its size.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    // Histories, recordings and alerts hold the command lines of all users: for the agent's own alone.
    umask(Mode::RWXG | Mode::RWXO);
    let asked = env::var(EnvFilter::DEFAULT_ENV).map(EnvFilter::try_new);
    let (filter, unread) = match asked {
        Ok(Ok(filter)) => (filter, None),
        Ok(Err(error)) => ("info".into(), Some(error.to_string())),
        Err(VarError::NotPresent) => ("info".into(), None),
        Err(error) => ("info".into(), Some(error.to_string())),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let log = log.with_ansi(io::stderr().is_terminal());
    // The journal notes the time itself (systemd.exec(5), JOURNAL_STREAM).
    if env::var_os("JOURNAL_STREAM").is_some() {
        log.without_time().init();
    } else {
        log.init();
    }
    if let Some(error) = unread {
        tracing::warn!(error, "RUST_LOG cannot be understood, expected as \"info\" or \"info,tracewell_agent=debug\"");
    }
    let config = args.config.as_deref();
    let done = match args.command {
        Command::Run(args) => run::run(&args, config),
        Command::Record(args) => record::run(&args, config),
        Command::Trace(args) => trace::run(&args, config),
        Command::Snapshot(args) => snapshot::run(&args, config),
        Command::Status(args) => control::status(&args, config),
        Command::Probes(args) => control::probes(&args, config),
        Command::Detectors(args) => control::detectors(&args, config),
        Command::Doctor(args) => doctor::run(&args),
        Command::Enrol(args) => enrol::run(&args, config),
        Command::Replay(args) => replay::run(&args, config),
        Command::Yara(args) => yara::check(&args),
        Command::Config(args) => show_config(&args, config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn show_config(args: &RunArgs, file: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(file, |fields| args.lay_over(fields))?;
    let from = config.file.as_ref().map_or_else(|| "built in".into(), |file| file.display().to_string());
    print(&format!("# from: {from}\n# blake3: {}\n{}", config.hash(), config.toml())).map(|_| ())
}
