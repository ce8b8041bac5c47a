//! TLS 1.3 and nothing older, a certificate of the fleet's authority on both sides, no early data and no resumption: what was
//! said is never said again by another, and who is revoked does not come back by a ticket.

use super::identity::{AGGREGATOR, Identity, fingerprint};
use super::{QuicError, limits};
use crate::session::{ALPN, ALPN_ENROL};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
};
use std::sync::Arc;
use std::time::Duration;

/// Random bytes that nobody can guess.
pub type Secret = [u8; 32];

/// # Errors
/// When the system gives no random numbers.
pub fn random<const LEN: usize>() -> Result<[u8; LEN], QuicError> {
    let mut bytes = [0; LEN];
    provider().secure_random.fill(&mut bytes).map_err(|_| QuicError::Tls("no random numbers".into()))?;
    Ok(bytes)
}

/// Of a host.
pub fn client(identity: &Identity, keep_alive: Duration) -> Result<quinn::ClientConfig, QuicError> {
    host(identity, ALPN, keep_alive)
}

/// Of a host that wants another certificate.
pub fn renewing(identity: &Identity) -> Result<quinn::ClientConfig, QuicError> {
    host(identity, ALPN_ENROL, limits::PATIENCE)
}

fn host(identity: &Identity, alpn: &[u8], keep_alive: Duration) -> Result<quinn::ClientConfig, QuicError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&rustls::version::TLS13]);
    let builder = builder.map_err(failed)?.with_root_certificates(roots(&identity.authority)?);
    let config = builder.with_client_auth_cert(identity.certificates.clone(), identity.key.clone_key());
    quic_client(config.map_err(failed)?, alpn, keep_alive)
}

/// Of a machine that is no host yet: it knows the authority by its fingerprint alone.
pub fn newcomer(authority: [u8; 32]) -> Result<quinn::ClientConfig, QuicError> {
    let verifier = Arc::new(Pinned { authority, provider: provider() });
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&rustls::version::TLS13]);
    let builder = builder.map_err(failed)?.dangerous().with_custom_certificate_verifier(verifier);
    quic_client(builder.with_no_client_auth(), ALPN_ENROL, limits::PATIENCE)
}

fn quic_client(mut config: ClientConfig, alpn: &[u8], keep_alive: Duration) -> Result<quinn::ClientConfig, QuicError> {
    config.alpn_protocols = vec![alpn.into()];
    config.resumption = Resumption::disabled();
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).map_err(failed)?));
    config.transport_config(limits::client(keep_alive));
    Ok(config)
}

/// Of an aggregator, to hosts and to who wants to become one, which has no certificate yet.
pub fn server(identity: &Identity) -> Result<quinn::ServerConfig, QuicError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(&identity.authority)?), provider());
    let verifier = verifier.allow_unauthenticated().build().map_err(failed)?;
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&rustls::version::TLS13]);
    let builder = builder.map_err(failed)?.with_client_cert_verifier(verifier);
    let mut config =
        builder.with_single_cert(identity.certificates.clone(), identity.key.clone_key()).map_err(failed)?;
    config.alpn_protocols = vec![ALPN.into(), ALPN_ENROL.into()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(config).map_err(failed)?));
    config.transport_config(limits::server());
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn roots(authority: &CertificateDer<'static>) -> Result<RootCertStore, QuicError> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).map_err(failed)?;
    Ok(roots)
}

fn failed(error: impl std::fmt::Display) -> QuicError {
    QuicError::Tls(error.to_string())
}

/// Believes an authority by its fingerprint; what else it shows is checked as ever.
#[derive(Debug)]
struct Pinned {
    authority: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = intermediates.iter().find(|shown| fingerprint(shown) == self.authority);
        let authority = found.ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider)).build();
        let verifier = verifier.map_err(|error| Error::General(error.to_string()))?;
        let name = ServerName::try_from(AGGREGATOR).expect("it is a name");
        verifier.verify_server_cert(end_entity, &[], &name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
