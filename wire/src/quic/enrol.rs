//! How a machine becomes a host, and a host gets another certificate, over a connection of its own.

use super::client::{connect, endpoint};
use super::identity::Identity;
use super::identity::fingerprint;
use super::stream::{Frames, send};
use super::{QuicError, limits, tls};
use crate::session::Close;
use crate::session::enrolment::{
    ENROLMENT_BYTES_MAX, Enrolment, decode_enrolled, decode_renewal, encode_enrolled, encode_renewal,
};
use quinn::{Connection, SendStream};
use rustls::pki_types::CertificateDer;
use tokio::time::timeout;

/// What a machine got.
pub struct Enrolled {
    pub certificate: CertificateDer<'static>,
    /// The authority whose fingerprint the token carried.
    pub authority: CertificateDer<'static>,
}

/// Asks a server for a certificate. The server is believed if the authority of this fingerprint vouches for it.
///
/// # Errors
/// [`QuicError::Closed`] with [`Close::Refused`] whatever was wrong with the token; else when the server cannot be had.
pub async fn ask(server: &str, authority: [u8; 32], enrolment: &Enrolment) -> Result<Enrolled, QuicError> {
    let (endpoint, config) = (endpoint()?, tls::newcomer(authority)?);
    let connection = connect(&endpoint, &config, server).await?;
    let shown = connection.peer_identity().and_then(|shown| shown.downcast::<Vec<CertificateDer<'static>>>().ok());
    let found = shown.and_then(|shown| shown.into_iter().find(|shown| fingerprint(shown) == authority));
    let authority = found.ok_or(QuicError::Violation("no certificate of its authority"))?;
    let certificate = certificate_for(&enrolment.encode(), &connection).await?;
    endpoint.wait_idle().await;
    Ok(Enrolled { certificate, authority })
}

/// Asks a server for another certificate of the same host: for the key that signed the request (PKCS #10, DER).
///
/// # Errors
/// [`QuicError::Closed`] with [`Close::Refused`] for a host that is not let in; else when the server cannot be had.
pub async fn renew(server: &str, identity: &Identity, request: Vec<u8>) -> Result<CertificateDer<'static>, QuicError> {
    let (endpoint, config) = (endpoint()?, tls::renewing(identity)?);
    let connection = connect(&endpoint, &config, server).await?;
    let certificate = certificate_for(&encode_renewal(request), &connection).await?;
    endpoint.wait_idle().await;
    Ok(certificate)
}

async fn certificate_for(asked: &[u8], connection: &Connection) -> Result<CertificateDer<'static>, QuicError> {
    let (mut asking, answer) = connection.open_bi().await?;
    send(&mut asking, asked).await?;
    let answer = Frames::new(answer, ENROLMENT_BYTES_MAX).expect("a certificate").await?;
    connection.close(Close::Done.code().into(), b"");
    Ok(decode_enrolled(&answer)?.into())
}

/// Reads what a newcomer asks with, and gives where the answer goes.
///
/// # Errors
/// When it does not ask within a while, or not in the form of an enrolment.
pub async fn read(connection: &Connection) -> Result<(Enrolment, SendStream), QuicError> {
    let (asked, answer) = asked(connection, "an enrolment").await?;
    Ok((Enrolment::decode(&asked)?, answer))
}

/// Reads the signing request that a host asks with for another certificate, and gives where the answer goes.
///
/// # Errors
/// As [`read`].
pub async fn read_renewal(connection: &Connection) -> Result<(Vec<u8>, SendStream), QuicError> {
    let (asked, answer) = asked(connection, "a renewal").await?;
    Ok((decode_renewal(&asked)?, answer))
}

async fn asked(connection: &Connection, expected: &'static str) -> Result<(Vec<u8>, SendStream), QuicError> {
    let silent = |_| QuicError::Silent { seconds: limits::PATIENCE.as_secs(), expected };
    let (answer, asked) = timeout(limits::PATIENCE, connection.accept_bi()).await.map_err(silent)??;
    Ok((Frames::new(asked, ENROLMENT_BYTES_MAX).expect(expected).await?, answer))
}

/// Gives the certificate, and waits until the other side has it.
///
/// # Errors
/// When the connection is lost.
pub async fn answer(connection: &Connection, mut to: SendStream, certificate: Vec<u8>) -> Result<(), QuicError> {
    send(&mut to, &encode_enrolled(certificate)).await?;
    to.finish().map_err(|_| QuicError::Violation("an end to a stream that was needed"))?;
    let _ = timeout(limits::PATIENCE, connection.closed()).await;
    Ok(())
}
