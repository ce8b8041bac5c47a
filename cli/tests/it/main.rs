//! Runs the built program as a person would.

mod recording;
mod run;
mod schema;

mod checkpoint;
mod convert;
mod coverage;
mod detectors;
mod errors;
mod fleet;
mod guide;
mod operators;
mod recordings;
mod renaming;
mod replay;
mod schedules;
mod show;
mod sigma;
mod simulate;
