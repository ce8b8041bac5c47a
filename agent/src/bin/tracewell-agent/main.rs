//! The command `tracewell-agent`: watches this host.
//!
//! In reading order: [`args`] says what can be asked for; [`run`] is the main job, made of the library's live source and
//! pipeline and of [`alerts`], which shows what the pipeline finds where no aggregator does; [`record`] writes the stream to
//! a file, [`trace`] shows it, [`doctor`] says what this machine allows.
//!
//! Results go to stdout, everything else to stderr. Exit codes: `failure.rs`.

mod alerts;
mod args;
mod doctor;
mod failure;
mod host;
mod record;
mod run;
mod stop;
mod trace;

use args::{Args, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let done = match args.command {
        Command::Run(args) => run::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Doctor(args) => doctor::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
