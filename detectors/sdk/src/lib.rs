//! Write a Tracewell detector in Rust.
//!
//! A detector is a function from a [`Neighbourhood`] to what it finds there, and a [`detector!`] that says when it is called:
//!
//! ```
//! use tracewell_detector_sdk::prelude::*;
//!
//! detector! {
//!     name: "Netcat listener",
//!     techniques: ["T1571"],
//!     triggers: [on(Operations::LISTEN).executables(["**/nc"]).ports([8888..=8888])],
//!     reach: reach(1),
//!     detect,
//! }
//!
//! fn detect(seen: &Neighbourhood) -> Vec<Finding> {
//!     vec![finding(Severity::High, "netcat listens", "Nobody serves with it.", [seen.subject()])]
//! }
//! ```
//!
//! Id, version, description, author, licence and contact come from the package's `Cargo.toml`. The contract is
//! `detectors/wit`; `docs/detectors.md` leads from nothing to a loaded detector. [`seen`] finds one's way in a neighbourhood,
//! [`glob`] and [`address`] match what stands in it, [`build`] holds what a detector says. [`native`] runs a detector without WebAssembly, to test
//! that it finds the same.

#[allow(clippy::all, reason = "generated")]
#[allow(missing_docs, reason = "generated; the contract documents it")]
#[cfg(target_arch = "wasm32")]
mod contract {
    wit_bindgen::generate!({
        path: "../wit",
        world: "detector-world",
        pub_export_macro: true,
        default_bindings_module: "tracewell_detector_sdk",
    });
}

#[allow(clippy::all, reason = "generated")]
#[allow(missing_docs, reason = "generated; the contract documents it")]
#[cfg(not(target_arch = "wasm32"))]
mod contract {
    wit_bindgen::generate!({
        path: "../wit",
        world: "detector-world",
        pub_export_macro: true,
        default_bindings_module: "tracewell_detector_sdk",
        additional_derives: [serde::Serialize, serde::Deserialize],
        additional_derives_ignore: ["metadata", "trigger", "reach"],
    });
}

#[cfg(target_arch = "wasm32")]
mod allocator;
pub mod address;
pub mod build;
pub mod glob;
pub mod rows;
pub mod seen;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;

pub use contract::export;
pub use contract::exports;
pub use contract::exports::tracewell::detector::detector::*;
pub use rows::{Edge, File, Node, Process, Socket};

/// What a detector needs.
pub mod prelude {
    pub use crate::address::Class;
    pub use crate::build::{at_hand, finding, on, reach, short};
    pub use crate::glob::{base_name, fits, is_any};
    pub use crate::seen::PACKAGE_MANAGERS;
    pub use crate::{
        Conditions, Detail, Edge, Facts, File, FileKind, Finding, ModeChange, Neighbourhood, Node, NodeIndex,
        Operation, Operations, Process, Protocol, Severity, Socket, detector,
    };
}

/// Makes a detector of a package.
///
/// `detect` is a function `fn(&Neighbourhood) -> Vec<Finding>`.
#[macro_export]
macro_rules! detector {
    (
        name: $name:expr,
        techniques: [$($technique:expr),* $(,)?],
        triggers: [$($trigger:expr),+ $(,)?],
        reach: $reach:expr,
        $detect:ident $(,)?
    ) => {
        /// The detector, as its host calls it.
        pub struct Detector;

        impl $crate::Guest for Detector {
            fn info() -> $crate::Metadata {
                $crate::Metadata {
                    id: env!("CARGO_PKG_NAME").to_owned(),
                    name: ($name).to_owned(),
                    description: env!("CARGO_PKG_DESCRIPTION").to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    author: env!("CARGO_PKG_AUTHORS").to_owned(),
                    contact: env!("CARGO_PKG_HOMEPAGE").to_owned(),
                    licence: env!("CARGO_PKG_LICENSE").to_owned(),
                    techniques: vec![$(($technique).to_owned()),*],
                    triggers: vec![$($trigger.into()),+],
                    reach: $reach,
                }
            }

            fn detect(neighbourhood: $crate::Neighbourhood) -> Vec<$crate::Finding> {
                let findings = $detect(&neighbourhood);
                // The instance goes with all of it; to take it apart first would cost as much as most detectors do.
                ::core::mem::forget(neighbourhood);
                findings
            }
        }

        #[cfg(target_arch = "wasm32")]
        $crate::export!(Detector with_types_in $crate);

        /// Answers on standard output what is asked on standard input, without WebAssembly.
        #[cfg(not(target_arch = "wasm32"))]
        pub fn native() -> std::io::Result<()> {
            $crate::native::serve::<Detector>()
        }
    };
}
