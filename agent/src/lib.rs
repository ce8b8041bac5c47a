//! The agent: from what a host's events say to the alert graphs that leave it.
//!
//! [`Pipeline`] takes records in the order in which a source gives them and runs each through the steps of the data
//! flow, one file a step: [`normalise`] vets times and splits what path-only sources leave implicit; `graph-core` keeps
//! the graph and the links, [`profiling`] asks its profile; [`uplink`] sends the summaries, and [`contribute`] what was
//! learned, as encoded messages through a [`Transport`](tracewell_wire::Transport) and takes up what comes back. [`loss`] remembers what was not seen.
//! The live agent and replay run this same code; neither the clock nor a thread is read here.
//!
//! Before a live event becomes a record, [`redact`] takes the secrets out of arguments and environment, and [`container`]
//! says whom a process belongs to. The latter alone does I/O, when it is told to: it reads folders and asks the sockets of
//! container runtimes.

pub mod redact;
pub mod container;
pub mod normalise;
pub mod loss;
pub mod profiling;
pub mod contribute;
pub mod uplink;
pub mod pipeline;

pub use pipeline::{Pipeline, PipelineError, PipelineStats};
