#[path = "../../../graph-core/tests/it/arbitrary.rs"]
#[expect(dead_code, reason = "the core's tests use the rest")]
mod arbitrary;
mod checkpoint;
mod determinism;
mod hostile;
mod normaliser;
#[cfg(feature = "program")]
mod program;
mod shared_history;
#[cfg(feature = "program")]
mod swap;
