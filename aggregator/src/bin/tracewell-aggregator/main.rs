//! The command `tracewell-aggregator`: takes in what the hosts of a fleet have found.
//!
//! In reading order: [`args`] says what can be asked for, [`config`] how it is done. [`run`] is the main job: the [`listener`]
//! takes connections, asks the [`registry`] who they are, and lets newcomers through [`enrolment`], which has the
//! [`authority`] sign; frames go to the [`engine`], a thread that owns the pipeline and its store and answers when what it
//! took is on the disk. Operators ask and decide through the [`api`]; who they are is with [`operators`], what they decided with
//! [`decisions`], and that they did with [`audit`]. [`backup`] makes copies of all there is, and takes them up again.
//!
//! Results go to stdout, everything else to stderr.

mod args;
mod config;
mod run;
mod listener;
mod places;
mod registry;
mod enrolment;
mod authority;
mod engine;
mod table;
mod operators;
mod decisions;
mod audit;
mod api;
mod backup;

use args::{Args, Command};
use clap::Parser;
use rustix::fs::Mode;
use rustix::process::umask;
use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    let args = Args::parse();
    // Keys, and what all hosts have found: for the aggregator's own alone.
    umask(Mode::RWXG | Mode::RWXO);
    // What cannot be read of RUST_LOG is told and left out.
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let log = log.with_ansi(io::stderr().is_terminal());
    // The journal notes the time itself (systemd.exec(5), JOURNAL_STREAM).
    if env::var_os("JOURNAL_STREAM").is_some() {
        log.without_time().init();
    } else {
        log.init();
    }
    let config = args.config.as_deref();
    let done = match &args.command {
        Command::Run(args) => run::run(args, config),
        Command::Authority(args) => backup::install_authority(args, config),
        Command::Backup(args) => backup::ask(args, config),
        Command::Restore(args) => backup::restore(args, config),
        Command::Check(args) => backup::check(args, config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "tracewell-aggregator: {error:#}");
            ExitCode::FAILURE
        }
    }
}
