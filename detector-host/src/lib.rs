//! Runs detectors: WebAssembly components that see the neighbourhood of an event in the provenance graph and say what they
//! find there (`detectors/wit`, `docs/detectors.md`).
//!
//! [`Library`] holds what is loaded. A file goes through [`admission`] and is compiled by the [`engine`]; its [`trigger`]s are
//! compiled with those of all others, so that an event that no detector is for costs next to nothing. A [`Runner`] is one
//! pipeline's view of it: it [`lower`]s a neighbourhood, makes one [`call`] in a fresh instance, vets the [`output`], and
//! parks a detector that keeps failing ([`health`]).
//!
//! A [`Loader`] keeps a library as a folder has it while pipelines run; [`signature`] says whose detectors are let in, a [`Cache`] keeps
//! machine code, and [`code`] has that of the detectors in memory which were called last.
//!
//! A detector is hostile until it has returned: it has no imports, no clock and no memory of earlier calls, and each
//! [`limits`] ends its call and nothing else. Nothing here knows a pipeline, a wire or a configuration.

mod contract;
pub mod limits;
mod engine;
mod cache;
mod code;
pub mod signature;
mod admission;
mod metadata;
mod trigger;
mod lower;
mod json;
mod call;
mod output;
mod health;
mod library;
mod runner;
mod loader;
pub mod sample;

pub use admission::Refusal;
pub use cache::Cache;
pub use call::{Failure, Spent};
pub use json::to_json;
pub use library::{Library, LibraryError, Status};
pub use loader::{Loader, Settings, Update};
pub use metadata::{FactSet, Metadata, Trigger};
pub use runner::Runner;
