//! Runs the built program as a person would.

mod namespaces;
mod recording;
mod relay;
mod run;
mod schema;

mod checkpoint;
mod clocks;
mod convert;
mod coverage;
mod detectors;
mod disk_full;
mod errors;
mod fleet;
mod funnel;
mod guide;
mod kills;
mod machines;
mod operators;
mod recordings;
mod renaming;
mod replay;
mod schedules;
mod show;
mod sigma;
mod simulate;
