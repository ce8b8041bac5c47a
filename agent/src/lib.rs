//! The agent: from what a host's events say to the alert graphs that leave it.
//!
//! [`Pipeline`] takes records in the order in which a source gives them and runs each through the steps of the data
//! flow, one file a step: [`normalise`] vets times and splits what path-only sources leave implicit; `graph-core` keeps
//! the graph and the links, [`profiling`] asks its profile, [`detect`] has detectors look at what is new; [`uplink`] sends the summaries, and [`contribute`] what was
//! learned, as encoded messages through a [`Transport`](tracewell_wire::Transport) and takes up what comes back. In a fleet that is
//! the `spool`, which keeps them until the aggregator has them. [`loss`] remembers
//! what was not seen, and [`funnel`] counts what each filter leaves. All others outlast the process as a [`checkpoint`].
//! The live agent and replay run this same code; neither the clock nor a thread is read there.
//!
//! Before it lies the live source, which does I/O: [`sensor`] runs the eBPF programs and orders what they say,
//! [`translate`] makes records of it, with secrets taken out by [`redact`] and with the container that a process belongs
//! to, which `container` knows; [`live`] is all of them as one stream of records.

pub mod sensor;
#[cfg(feature = "program")]
pub mod container;
pub mod redact;
pub mod translate;
pub mod live;
pub mod normalise;
pub mod loss;
pub mod profiling;
pub mod detect;
pub mod funnel;
pub mod contribute;
pub mod uplink;
#[cfg(feature = "program")]
pub mod spool;
pub mod checkpoint;
pub mod pipeline;

pub use checkpoint::CheckpointError;
pub use funnel::Funnel;
pub use pipeline::{Pipeline, PipelineError, PipelineStats};
