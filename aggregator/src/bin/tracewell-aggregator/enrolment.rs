//! A machine that wants to become a host.

use crate::authority::Authority;
use crate::registry::Registry;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tracewell_model::HostId;
use tracewell_wire::quic::identity::fingerprint;
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
    let sign = |host| {
        let certificate = authority.host(host, &asked.request, holds).map_err(|error| error.to_string())?;
        let sha256 = fingerprint(&certificate);
        Ok((certificate, sha256))
    };
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
