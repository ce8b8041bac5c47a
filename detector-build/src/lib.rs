//! From a detector's source to the component that a host loads.
//!
//! [`toolchain`] finds a compiler for WebAssembly, [`compile`] has it make core modules, [`mod@component`] makes components of
//! those; [`mod@native`] makes a program of the same source. [`mod@c`] and [`python`] are for the other languages. `cargo xtask` and `tracewell detector build` do it the same way.

pub mod toolchain;
pub mod compile;
pub mod component;
pub mod native;
pub mod c;
pub mod python;

pub use compile::{Built, build};
pub use component::component;
pub use native::native;
pub use toolchain::{HOW_TO_GET, Toolchain};
