//! The command `tracewell-agent`: watches this host.
//!
//! In reading order: [`args`] says what can be asked for, [`config`] how it is done; [`run`] is the main job, made of the library's live source and
//! pipeline and of [`alerts`], which shows what the pipeline finds where no aggregator does; [`record`] writes the stream to
//! a file, [`trace`] shows it, [`doctor`] says what this machine allows.
//!
//! Results go to stdout, everything else to stderr. Exit codes: `failure.rs`.

mod alerts;
mod args;
mod config;
mod doctor;
mod failure;
mod host;
mod record;
mod run;
mod stop;
mod trace;

use args::{Args, Command, RunArgs};
use clap::Parser;
use config::Config;
use failure::{Failure, print};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let config = args.config.as_deref();
    let done = match args.command {
        Command::Run(args) => run::run(&args, config),
        Command::Record(args) => record::run(&args, config),
        Command::Trace(args) => trace::run(&args, config),
        Command::Doctor(args) => doctor::run(&args),
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
