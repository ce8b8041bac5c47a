//! The contract's types, made of `detectors/wit` when this crate is built.

wasmtime::component::bindgen!({
    path: "../detectors/wit",
    world: "detector-world",
    ownership: Borrowing { duplicate_if_necessary: false },
    additional_derives: [serde::Serialize],
});

pub(crate) use exports::tracewell::detector::detector::*;

/// The name under which a component exports the contract, without its version.
pub(crate) const INTERFACE: &str = "tracewell:detector/detector";
pub(crate) const PACKAGE: &str = "tracewell:detector/";
/// The version of the contract that this host speaks.
pub(crate) const VERSION: &str = "0.3.0";
