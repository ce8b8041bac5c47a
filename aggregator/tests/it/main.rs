//! Frames in, incidents out, as a host and an analyst meet the aggregator.

mod budget;
mod condition;
#[cfg(feature = "program")]
mod disk;
mod exceptions;
mod fold;
mod follow;
mod funnel;
mod host;
mod ingest;
mod merge;
mod order;
mod story;
#[cfg(feature = "program")]
mod versions;
mod view;
