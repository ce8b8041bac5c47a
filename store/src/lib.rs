//! RocksDB behind the traits of the core.
//!
//! A [`Store`] is one RocksDB instance in one folder: one cache, one budget for write buffers, a few column families. A
//! [`RocksHistory`] is one host's part of it, and what that host's graph spills to. Opening checks the [`schema`] first; a
//! consistent copy of a running store is a [checkpoint](Store::checkpoint).
//!
//! The history is written without a write-ahead log: it is a cache of what the host did, and after a crash the agent resumes
//! from its last checkpoint and records the gap as loss. All families are flushed together, so that a crash never leaves an
//! edge without the node that was spilled before it.
//!
//! What waits to be sent ([`SpoolRows`]) is the exception: it has a log, and is synced where it must not be lost.
//!
//! Not here: what the rows of nodes and blobs mean (they are bytes of `graph-core`), and when anything expires.

mod schema;
mod open;
mod key;
mod latest;
mod edges;
mod pending;
mod history;
mod spool;
mod backup;

pub use history::RocksHistory;
pub use key::{BUCKET_NS, Bucket};
pub use open::{Store, StoreError, StoreOptions};
pub use schema::SCHEMA;
pub use spool::SpoolRows;
