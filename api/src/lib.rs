//! What operators can ask an aggregator, as gRPC services and as the same calls by HTTP and JSON.
//!
//! `proto/` says all of it: the messages, the services, by which path of HTTP a method is called, and which role may. The rest is
//! read from its descriptors: [`methods`] for the routes and the roles, [`json`] for the form of messages, [`openapi`] for the
//! document that describes it to others. [`fields`] has what messages may be beyond that.
//!
//! No I/O: the aggregator serves it, `tracewell` asks.

pub mod v1 {
    #![allow(clippy::all, missing_docs, reason = "generated code")]
    tonic::include_proto!("tracewell.api.v1");
}
pub mod fields;
pub mod json;
pub mod methods;
pub mod openapi;

pub use prost::{Message, Name};
use prost_reflect::DescriptorPool;
use std::sync::LazyLock;

/// Descriptors of all services and messages, as reflection gives them to clients.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors"));

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("the build wrote descriptors"));
