//! The lab: real programs and real, harmless attacks on hosts made of namespaces, recorded by the live agent, with truth from
//! what started them (docs/lab.md).
//!
//! A scenario ([`scenarios`]) is one short file: it makes hosts, lets ordinary life go on ([`life`]) and carries out an attack
//! step by step. [`record`] runs one: the agent records the machine ([`recorder`]), [`lab`] is what the scenario has at hand,
//! [`host`] what a host is, [`notes`] what the launcher writes down meanwhile. Afterwards [`split`] keeps what the hosts did,
//! [`journal`] the notes, [`mod@truth`] makes labels of both, and [`mod@verify`] looks whether all of it holds.
//!
//! Nothing here detects anything, and no detector is asked.

pub mod scenarios;
pub mod life;

pub mod lab;
pub mod host;
pub mod program;
pub mod root;
pub mod network;
pub mod shell;
pub mod cgroup;
pub mod notes;

pub mod record;
pub mod recorder;
pub mod split;
pub mod journal;
pub mod truth;
pub mod shared;

pub mod index;
pub mod machine;
pub mod structure;
pub mod verify;

pub use lab::{Attack, Lab, Step};
