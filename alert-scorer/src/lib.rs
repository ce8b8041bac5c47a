//! What makes an alert graph worth a person's time: features, score, signature, similarity and words.
//!
//! A *story* is one or more alert graphs that belong together. [`Features`] are read from a story, [`Score`] weighs them
//! by `[score]` of the parameters and explains itself, [`Signature`] and [`Shingles`] say which stories are the same, and
//! [`words`] says all of it in English. Why each weight is what it is: `docs/scoring.md`.
//!
//! Everything is a pure function of the graphs, in integers. No program, path or address is known here.

mod fact;
mod features;
mod score;
mod signature;
mod similarity;
pub mod words;

pub use fact::{Fact, Tactic};
pub use features::{Context, Evidence, Features};
pub use score::{Contribution, Score, Severity};
pub use signature::Signature;
pub use similarity::Shingles;
