#[path = "../../../graph-core/tests/it/arbitrary.rs"]
#[expect(dead_code, reason = "the core's tests use the rest")]
mod arbitrary;
mod attributes;
mod checkpoint;
mod determinism;
mod finding;
#[cfg(feature = "program")]
#[path = "../../../detector-host/tests/it/guest.rs"]
mod guest;
mod hostile;
#[cfg(feature = "program")]
mod hostile_detectors;
mod normaliser;
#[cfg(feature = "program")]
mod program;
mod shared_history;
#[cfg(feature = "program")]
mod spool;
#[cfg(feature = "program")]
mod swap;
