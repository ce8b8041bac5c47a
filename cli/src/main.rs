//! The command `tracewell`: replays recordings, scores and shows what comes out.
//!
//! In reading order: [`args`] says what can be asked for; [`replay`] is the main job, made of [`input`] (one stream out
//! of many recordings), [`engine`] (an agent's pipeline per host, a transport, one aggregator), [`labels`] (which nodes
//! of the stream the ground truth means), [`eval`] (scores) and [`output`] (files, tables, trees). The other commands
//! are small: [`convert`], [`truth`], [`simulate`]; [`detector`] is for who writes detectors. [`alerts`] and [`fleet`] ask a running
//! aggregator ([`server`]).
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 a fault of this program or machine, 2 wrong
//! usage or input. What is deliberately absent: threads (a replay is one core's work) and any clock in what decides.

mod args;
mod failure;

mod engine;
mod history;
mod input;
mod labels;
mod memory;
mod merge;
mod progress;
mod replay;

mod eval;
mod output;

mod alerts;
mod convert;
mod detector;
mod fleet;
mod server;
mod simulate;
mod truth;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let done = match args.command {
        args::Command::Replay(args) => replay::run(&args),
        args::Command::Alerts { server, command } => alerts::run(&server, command),
        args::Command::Fleet { server, command } => fleet::run(&server, command),
        args::Command::Convert(args) => convert::run(&args),
        args::Command::Truth { command: args::TruthCommand::Convert(args) } => truth::convert(&args),
        args::Command::Detector { command } => detector::run(&command),
        args::Command::Simulate(args) => simulate::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
