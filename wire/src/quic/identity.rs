//! Names in certificates. They say who somebody is within one fleet, never where it is: addresses change.

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tracewell_model::HostId;

/// The name that an aggregator's certificate carries (`.internal` is kept free for such use).
pub const AGGREGATOR: &str = "aggregator.tracewell.internal";
const HOST_SUFFIX: &str = ".host.tracewell.internal";

/// What an end shows, and what it believes.
pub struct Identity {
    /// Its own certificate, then those up to the authority's.
    pub certificates: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    /// The fleet's certificate authority.
    pub authority: CertificateDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        let Self { certificates, key, authority } = self;
        Self { certificates: certificates.clone(), key: key.clone_key(), authority: authority.clone() }
    }
}

impl Identity {
    /// The host that it is of; `None` if it is not a host's.
    pub fn host(&self) -> Option<HostId> {
        self.certificates.first().and_then(host_of)
    }
}

/// The name that a host's certificate carries.
pub fn name_of(host: HostId) -> String {
    format!("{host}{HOST_SUFFIX}")
}

/// The host that a certificate is of: it carries that name and no other. Whether an authority vouches for it was seen by TLS.
pub fn host_of(certificate: &CertificateDer<'static>) -> Option<HostId> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let mut names = certificate.valid_dns_names();
    let (name, None) = (names.next()?, names.next()) else { return None };
    let id = name.strip_suffix(HOST_SUFFIX)?;
    let host = HostId(u64::from_str_radix(id, 16).ok()?);
    // Or "+1" and "0001" would be further names of host 1.
    (name_of(host) == name).then_some(host)
}

/// SHA-256 of a certificate (DER), as `openssl x509 -fingerprint -sha256` shows it.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate).into()
}
