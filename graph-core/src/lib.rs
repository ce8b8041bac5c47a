//! The pure core of the agent: the streaming provenance graph, the host profile, the linker and the summaries.
//!
//! Data flows down this page: an event enters the [`graph`], which spills to a [`history`]; [`structure`] reads from it
//! what a process is and which telling facts hold; the [`profile`] says how unlikely the event was; [`link`] joins the
//! processes that stand out, among them those about which detectors found something in their [`neighbourhood`]; [`summary`] turns what it joined into alert graphs. [`query`] answers an investigator.
//! [`follow`] looks up where an alert of another host leads on this one. [`fleet`] joins what the profiles of many hosts have learned. What all of them know outlasts the process as a [`checkpoint`].
//!
//! There is no clock, no I/O and no thread here: time comes in with the events, storage behind a trait.

pub mod checkpoint;
pub mod fleet;
pub mod follow;
pub mod graph;
pub mod history;
pub mod link;
pub mod neighbourhood;
pub mod profile;
pub mod query;
pub mod structure;
pub mod summary;
