//! Sigma rules for Linux (process creation, file event, network connection) as one detector of the host (`docs/sigma.md`).
//!
//! [`rules`] reads a folder of rules and says of each that is not run why; [`check`] judges one; [`event`] tells an event in Sigma's
//! words; [`likely`] says whether any rule may fit before more is looked up; [`detector`] runs the rules over what makes a new edge, as a
//! WebAssembly detector is. The engine is rsigma's.

mod event;
mod check;
mod likely;
mod rules;
mod detector;

pub use detector::SigmaDetector;
pub use rules::{NotRun, Rules, RulesError};
