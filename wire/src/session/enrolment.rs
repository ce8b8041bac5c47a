//! How a machine becomes a host: it shows a token and a key, and gets a certificate. A host shows its certificate in place of a token, and
//! gets another.

use crate::error::at_most;
use crate::{WireError, proto};
use prost::Message as _;

/// Bytes of either message. A request has some 300, a certificate some 600.
pub const ENROLMENT_BYTES_MAX: usize = 16 << 10;
/// Bytes of the name of a machine (gethostname(2) allows 64, DNS 253).
pub const NAME_BYTES_MAX: usize = 253;

/// What a machine asks with.
#[derive(Clone, PartialEq, Eq)]
pub struct Enrolment {
    pub token: [u8; 16],
    pub secret: [u8; 32],
    /// A signing request (PKCS #10, DER).
    pub request: Vec<u8>,
    /// What the machine calls itself.
    pub name: String,
}

impl Enrolment {
    pub fn encode(&self) -> Vec<u8> {
        let Self { token, secret, request, name } = self.clone();
        proto::Enrolment { token: token.into(), secret: secret.into(), request, name }.encode_to_vec()
    }

    /// # Errors
    /// When it is none, or a part has another length than it must have.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        at_most("enrolment", bytes.len(), ENROLMENT_BYTES_MAX)?;
        let proto::Enrolment { token, secret, request, name } = proto::Enrolment::decode(bytes)?;
        at_most("name of a machine", name.len(), NAME_BYTES_MAX)?;
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(WireError::Missing { what: "name of a machine without control characters" });
        }
        Ok(Self { token: exactly("token", &token)?, secret: exactly("secret", &secret)?, request, name })
    }
}

/// What a host asks with for another certificate: a signing request (PKCS #10, DER).
pub fn encode_renewal(request: Vec<u8>) -> Vec<u8> {
    proto::Renewal { request }.encode_to_vec()
}

/// Reads what [`encode_renewal`] gave.
///
/// # Errors
/// When it is none.
pub fn decode_renewal(bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    at_most("renewal", bytes.len(), ENROLMENT_BYTES_MAX)?;
    Ok(proto::Renewal::decode(bytes)?.request)
}

/// The answer: the certificate (DER).
pub fn encode_enrolled(certificate: Vec<u8>) -> Vec<u8> {
    proto::Enrolled { certificate }.encode_to_vec()
}

/// Reads what [`encode_enrolled`] gave.
///
/// # Errors
/// When it is no such answer.
pub fn decode_enrolled(bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    at_most("answer to an enrolment", bytes.len(), ENROLMENT_BYTES_MAX)?;
    let certificate = proto::Enrolled::decode(bytes)?.certificate;
    if certificate.is_empty() { Err(WireError::Missing { what: "certificate" }) } else { Ok(certificate) }
}

fn exactly<const LEN: usize>(what: &'static str, bytes: &[u8]) -> Result<[u8; LEN], WireError> {
    let got = bytes.len() as u64;
    bytes.try_into().map_err(|_| WireError::Invalid { what, got, expected: "of the length that it has" })
}
