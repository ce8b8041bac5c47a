//! The endpoints: sessions over QUIC with TLS 1.3 on both sides.
//!
//! A host's [`client`] keeps one connection to the first aggregator that takes it and sends what its spool holds; an
//! aggregator's [`server`] takes connections apart into frames. Who may be a host at all is asked by [`enrol`] of whoever
//! runs the server. [`identity`] is the names in certificates, [`tls`] what both sides insist on, [`limits`] what a
//! connection may cost.
//!
//! What a connection keeps to is in [`session`](crate::session).

pub mod identity;
mod tls;
mod limits;
mod reset;
mod stream;
mod allowance;
pub mod client;
pub mod server;
pub mod enrol;
mod error;

pub use allowance::{Allowance, Rate};
pub use error::QuicError;
pub use quinn::{Connection, Endpoint, Incoming};
pub use rustls::pki_types;
pub use tls::{Secret, random};
