//! Machines become hosts as they do anywhere: a key of their own, a signing request, a token, a certificate in return.

use crate::program::Place;
use anyhow::{Context, Result};
use rcgen::{CertificateParams, KeyPair};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::task::JoinSet;
use tracewell_wire::quic::enrol::ask;
use tracewell_wire::quic::identity::Identity;
use tracewell_wire::quic::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tracewell_wire::session::Token;
use tracewell_wire::session::enrolment::Enrolment;

/// Machines that ask at once: fewer than have places.
const AT_ONCE: usize = 16;

/// Enrols so many machines at an aggregator that runs.
pub async fn enrol(place: &Place, n_hosts: u32) -> Result<Vec<Identity>> {
    let (token, server) = (place.token(n_hosts)?, place.server.to_string());
    let next = Arc::new(AtomicU32::new(0));
    let mut asking = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (server, next) = (server.clone(), Arc::clone(&next));
        asking.spawn(async move {
            let mut identities = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= n_hosts {
                    return Ok::<_, anyhow::Error>(identities);
                }
                let identity = one(&token, &server, n).await;
                identities.push(identity.with_context(|| format!("enrolling machine {n}"))?);
            }
        });
    }
    let mut identities = Vec::new();
    while let Some(enrolled) = asking.join_next().await {
        identities.extend(enrolled??);
    }
    Ok(identities)
}

async fn one(token: &Token, server: &str, n: u32) -> Result<Identity> {
    let key = KeyPair::generate()?;
    let request = CertificateParams::default().serialize_request(&key)?.der().to_vec();
    let enrolment = Enrolment { token: token.id, secret: token.secret, request, name: format!("host-{n}") };
    let enrolled = ask(server, token.authority, &enrolment).await?;
    Ok(Identity {
        certificates: vec![enrolled.certificate],
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        authority: enrolled.authority,
    })
}
