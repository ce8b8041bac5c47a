//! What a replay leaves behind and what it prints.
//!
//! ```text
//! incidents ⇒ members (one graph of many) ⇒ document ⇒ alerts (alerts.json) ⇒ drawn (at first sight) ⇒ tree, dot
//! counters, scores ⇒ funnel, summary ⇒ table
//! all of it ⇒ directory (alerts.json, summary.json, run.json; nothing half-written)
//! ```

pub mod directory;
pub mod document;
pub mod dot;
pub mod drawn;
pub mod funnel;
pub mod report;
pub mod run;
pub mod summary;
pub mod table;
pub mod text;
pub mod tree;

pub use tracewell_aggregator::document::{alerts, members, time};

#[cfg(test)]
mod testing;
