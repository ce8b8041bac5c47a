//! The aggregator's pipeline from frame to incident.
//!
//! ```text
//! frame ⇒ ingest ⇒ store ⇒ story ⇒ score ⇒ fold ⇒ exceptions ⇒ budget ⇒ incidents
//! ```
//!
//! [`Aggregator::receive`] takes one frame of a host and gives the frames to send back; it stores alert graphs and
//! nothing else that decides. [`List::incidents`] computes the analyst's list from what is stored, in canonical
//! order, so that it depends on what arrived and not on the order in which hosts took turns.
//!
//! Where an alert leads to other hosts, `follow` has them asked what is there.
//!
//! There is no clock here (a day is a day of event time), no thread and no socket: they are with the program. What outlasts the
//! process is in a [`Store`]; `disk` is the one of the program, and `document` what people get.

mod pipeline;
mod ingest;
mod condition;
mod ledger;
mod notes;
mod merge;
mod versions;
mod follow;
mod store;
mod story;
mod score;
mod fold;
mod incident;
mod exceptions;
mod budget;
mod notice;
mod list;
mod view;
#[cfg(feature = "program")]
pub mod disk;
#[cfg(feature = "program")]
pub mod whole;
#[cfg(feature = "document")]
pub mod document;

pub use condition::{Condition, GAPS_MAX, Losses, Runs};
pub use exceptions::{Exception, ExceptionError, ExceptionId, Matcher, Preview};
pub use incident::{Counters, Incident, IncidentId, Incidents, Overflow};
pub use ingest::{HostReport, IngestError};
pub use list::List;
pub use pipeline::{Aggregator, Confirmed, Received};
pub use store::{Kept, MemoryStore, Note, Rank, Reader, Store, StoreError, TakeNote};
pub use versions::{Hold, VersionError, VersionHead};
pub use view::{View, ViewEdge, ViewGroup, ViewNode};
