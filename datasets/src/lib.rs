//! Readers of public formats, ground truth and the simulator.
//!
//! A recording is a file in one of the [`Format`]s. [`open`] finds out which, undoes the compression and gives an
//! iterator of [`tracewell_model::Record`]s in source order, in memory that does not grow with the file. Records that
//! cannot be understood are errors with file, line and reason; [`ReadOptions::skip_bad`] passes over some of them.
//! Record types that a reader does not know are counted by name, never dropped silently.
//!
//! Nothing here sorts, merges or judges: what comes out is what the source said, in the words of `model`.

pub mod error;
pub mod input;
mod lines;
mod text;

pub mod format;
pub mod reader;

mod cadets;
mod captain;
mod edges;
mod sysflow;
pub mod tracewell;

mod nodes;
pub mod truth;

pub mod simulate;

pub use error::{Position, ReadError};
pub use format::Format;
pub use input::Progress;
pub use reader::{Counts, ReadOptions, Reader, TypeCounts, from_stream, open};
