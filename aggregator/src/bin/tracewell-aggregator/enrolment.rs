//! A machine that wants to become a host, and a host that wants another certificate.

use crate::authority::Authority;
use crate::registry::{Registry, Signed, now};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tracewell_model::HostId;
use tracewell_wire::quic::identity::fingerprint;
use tracewell_wire::quic::pki_types::CertificateDer;
use tracewell_wire::quic::{Connection, QuicError, enrol};
use tracewell_wire::session::Close;

/// Reads what it asks with, and gives it a certificate or closes the connection. Gives the host that it became, and tells `enrolled` of
/// it before the machine is answered.
///
/// # Errors
/// When the connection fails, or it does not keep to the form.
pub async fn serve(
    connection: &Connection,
    registry: &Mutex<Registry>,
    authority: &Authority,
    holds: Duration,
    enrolled: impl FnOnce(HostId),
) -> Result<Option<HostId>, QuicError> {
    let (asked, to) = enrol::read(connection).await?;
    let from = connection.remote_address().to_string();
    let sign = |host| sign(authority, host, &asked.request, holds);
    let done = {
        let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.enrol((&asked.token, &asked.secret), (&asked.name, &from), sign)
    };
    match done {
        Ok((host, certificate)) => {
            tracing::info!(%host, name = asked.name, from, "enrolled a host");
            enrolled(host);
            enrol::answer(connection, to, certificate.to_vec()).await?;
            Ok(Some(host))
        }
        Err(refusal) => {
            tracing::warn!(name = asked.name, from, reason = %refusal, "refused to enrol a machine");
            connection.close(Close::Refused.code().into(), b"");
            Ok(None)
        }
    }
}

/// Gives a host a certificate in place of the one that it shows, or closes the connection. Whether it got it.
///
/// # Errors
/// When the connection fails, or it does not keep to the form.
pub async fn renew(
    connection: &Connection,
    (host, certificate): (HostId, [u8; 32]),
    registry: &Mutex<Registry>,
    authority: &Authority,
    holds: Duration,
) -> Result<bool, QuicError> {
    let (request, to) = enrol::read_renewal(connection).await?;
    let sign = |host| sign(authority, host, &request, holds);
    let done = registry.lock().unwrap_or_else(PoisonError::into_inner).renew(host, certificate, sign);
    match done {
        Ok(certificate) => {
            tracing::info!(%host, "gave a host another certificate");
            enrol::answer(connection, to, certificate.to_vec()).await?;
            Ok(true)
        }
        Err(refusal) => {
            let from = connection.remote_address();
            tracing::warn!(%host, %from, reason = %refusal, "refused a host another certificate");
            connection.close(Close::Refused.code().into(), b"");
            Ok(false)
        }
    }
}

fn sign(
    authority: &Authority,
    host: HostId,
    request: &[u8],
    holds: Duration,
) -> Result<Signed<CertificateDer<'static>>, String> {
    let certificate = authority.host(host, request, holds).map_err(|error| error.to_string())?;
    let (sha256, expires) = (fingerprint(&certificate), now().saturating_add(holds.as_secs()));
    Ok(Signed { certificate, sha256, expires })
}
