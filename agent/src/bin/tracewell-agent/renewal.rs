//! Another certificate for this host, before the one that it has ends to hold.

use crate::failure::Failure;
use crate::identity;
use rcgen::{CertificateParams, KeyPair};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::sleep;
use tracewell_wire::quic::enrol;
use tracewell_wire::quic::identity::Identity;
use tracewell_wire::quic::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::parse_x509_certificate;

/// Between two looks at the clock, and between two tries.
pub const EVERY: Duration = Duration::from_secs(3600);

/// Waits until a third is left of the time for which the certificate holds.
pub async fn due(identity: &Identity) {
    while !identity.certificates.first().is_some_and(|certificate| is_due(certificate, now())) {
        sleep(EVERY).await;
    }
}

/// Asks the servers for another certificate with another key, and puts both in the place of those in the folder.
///
/// # Errors
/// When none of them gives one, or the folder cannot be written: the identity is as before.
pub async fn renew(folder: &Path, identity: &Identity, servers: &[String]) -> Result<Identity, Failure> {
    let (key, request) = request()?;
    let mut why = Vec::new();
    for server in servers {
        match enrol::renew(server, identity, request.clone()).await {
            Ok(certificate) => {
                let renewed = Identity { certificates: vec![certificate], key, authority: identity.authority.clone() };
                if renewed.host() != identity.host() {
                    return Err(Failure::Internal(format!("{server} gave a certificate that is not this host's")));
                }
                identity::save(folder, &renewed)?;
                return Ok(renewed);
            }
            Err(error) => why.push(format!("{server}: {error}")),
        }
    }
    Err(Failure::NoAnswer(why.join("; ")))
}

/// A key, which never leaves the machine, and a signing request (PKCS #10, DER) that shows that it is there.
pub fn request() -> Result<(PrivateKeyDer<'static>, Vec<u8>), Failure> {
    let key = KeyPair::generate().map_err(Failure::internal)?;
    let params = CertificateParams::new(Vec::new()).map_err(Failure::internal)?;
    let request = params.serialize_request(&key).map_err(Failure::internal)?.der().to_vec();
    Ok((PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())), request))
}

/// One that cannot be read is for TLS to complain of.
fn is_due(certificate: &[u8], now: i64) -> bool {
    let Ok((_, certificate)) = parse_x509_certificate(certificate) else { return false };
    let [from, to] = [certificate.validity().not_before, certificate.validity().not_after].map(|time| time.timestamp());
    now >= to - (to - from) / 3
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "certificates hold by the wall clock (RFC 5280)")]
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_time_is_left() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let at = |seconds| (UNIX_EPOCH + Duration::from_secs(seconds)).into();
        (params.not_before, params.not_after) = (at(1_000_000), at(1_000_900));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let due_at = [1_000_599, 1_000_600, 1_000_901].map(|now| is_due(certificate.der(), now));
        assert_eq!(due_at, [false, true, true]);
        assert!(!is_due(b"none", i64::MAX));
    }
}
