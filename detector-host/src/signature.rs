//! Signed components: who vouches for a detector, and whose word counts here.
//!
//! A signature is a custom section at the very end of the component, of a fixed size: Ed25519 (RFC 8032) over all bytes before it,
//! by their BLAKE3 hash. What stands before it is the component as it was built, and that alone is run: a signed component runs
//! where nobody asks for signatures, and nothing that is run is left unsigned.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use std::fmt;
use std::str::FromStr;

/// Custom section (id 0) of 117 bytes with a name of 19, then the version of this form.
const HEAD: &[u8] = b"\x00\x75\x13tracewell-signature\x01";
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
/// Of the whole section.
const SECTION_BYTES: usize = HEAD.len() + KEY_BYTES + SIGNATURE_BYTES;
/// What is signed begins with this, so that a signature for something else is none for a detector.
const CONTEXT: &[u8] = b"tracewell detector 1\0";

/// Who may vouch: 32 bytes, written in base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_BYTES]);

/// What vouches. On disk it is PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` writes it.
pub struct PrivateKey(SigningKey);

/// How much a signature counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Nobody looks at it.
    #[default]
    Off,
    /// What is not signed by a trusted key is loaded, and said.
    Warn,
    /// What is not signed by a trusted key is refused.
    Require,
}

/// Whose word counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub trust: Trust,
    pub keys: Vec<PublicKey>,
}

/// What is wrong with a component's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    #[error("it is not signed, and detectors.trust is \"require\"")]
    Unsigned,
    #[error("it is signed by {0}, which is not among detectors.keys")]
    Stranger(PublicKey),
    #[error("its signature by {0} is not of these bytes: it was changed after it was signed")]
    Broken(PublicKey),
    #[error("its signature names a key that is none")]
    NoKey,
}

impl Policy {
    /// The component without its signature, and who vouches for it, if that counts here.
    ///
    /// # Errors
    /// When it is not to be loaded. A signature that does not fit is never let through where signatures count at all.
    pub fn check<'a>(&self, file: &'a [u8]) -> Result<(&'a [u8], Option<PublicKey>), Untrusted> {
        let (component, section) = split(file);
        if self.trust == Trust::Off {
            return Ok((component, None));
        }
        let signer = section.map(|section| verify(component, section)).transpose()?;
        match signer {
            Some(key) if self.keys.contains(&key) => Ok((component, Some(key))),
            _ if self.trust == Trust::Warn => Ok((component, None)),
            Some(key) => Err(Untrusted::Stranger(key)),
            None => Err(Untrusted::Unsigned),
        }
    }
}

/// Who signed a component, whether or not that counts; `None` if nobody did.
///
/// # Errors
/// When the signature is not of these bytes.
pub fn signer(file: &[u8]) -> Result<Option<PublicKey>, Untrusted> {
    let (component, section) = split(file);
    section.map(|section| verify(component, section)).transpose()
}

/// The component with a signature at its end, in place of one that is there.
pub fn sign(file: &[u8], key: &PrivateKey) -> Vec<u8> {
    let (component, _) = split(file);
    let signature = key.0.sign(&message(component));
    [component, HEAD, &key.public().0, &signature.to_bytes()].concat()
}

/// The component and the key and signature of its last section, if that is one of signatures.
fn split(file: &[u8]) -> (&[u8], Option<&[u8; KEY_BYTES + SIGNATURE_BYTES]>) {
    let parts = file.len().checked_sub(SECTION_BYTES).map(|at| file.split_at(at));
    match parts.and_then(|(component, section)| Some((component, section.strip_prefix(HEAD)?.as_array()?))) {
        Some((component, section)) => (component, Some(section)),
        None => (file, None),
    }
}

fn verify(component: &[u8], section: &[u8; KEY_BYTES + SIGNATURE_BYTES]) -> Result<PublicKey, Untrusted> {
    let (key, signature) = section.split_first_chunk::<KEY_BYTES>().expect("it is longer");
    let signer = PublicKey(*key);
    let key = VerifyingKey::from_bytes(key).map_err(|_| Untrusted::NoKey)?;
    let signature = Signature::from_slice(signature).map_err(|_| Untrusted::Broken(signer))?;
    // Strictly: no weak key, and one signature alone for each message.
    let verified = key.verify_strict(&message(component), &signature);
    verified.map(|()| signer).map_err(|_| Untrusted::Broken(signer))
}

fn message(component: &[u8]) -> Vec<u8> {
    [CONTEXT, blake3::hash(component).as_bytes()].concat()
}

impl PrivateKey {
    /// From 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// # Errors
    /// When it is no Ed25519 key of PKCS#8 in PEM.
    pub fn parse(pem: &str) -> Result<Self, String> {
        let key = SigningKey::from_pkcs8_pem(pem.trim());
        key.map(Self).map_err(|error| format!("no Ed25519 key, expected PKCS#8 in PEM: {error}"))
    }

    pub fn pem(&self) -> String {
        // Without the public one beside it, which OpenSSL does not read.
        let key = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        key.to_pkcs8_pem(LineEnding::LF).expect("a key of 32 bytes fits").to_string()
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }
}

impl FromStr for PublicKey {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || "expected 32 bytes of an Ed25519 key in base64, as `tracewell detector keygen` prints them".to_owned();
        let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| expected())?;
        let bytes = <[u8; KEY_BYTES]>::try_from(bytes).map_err(|_| expected())?;
        // One that everybody can sign for is no key.
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        key.map(|_| Self(bytes)).ok_or_else(expected)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl Trust {
    pub const ALL: [Self; 3] = [Self::Off, Self::Warn, Self::Require];

    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Require => "require",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> PrivateKey {
        PrivateKey::from_seed(&[n; 32])
    }

    fn policy(trust: Trust) -> Policy {
        Policy { trust, keys: vec![key(1).public()] }
    }

    #[test]
    fn what_counts_is_who_signed_and_where() {
        let component = b"\0asm of some length".to_vec();
        let (good, strange) = (sign(&component, &key(1)), sign(&component, &key(2)));
        assert_eq!(good.len(), component.len() + 119);
        let mut changed = good.clone();
        changed[5] ^= 1;
        let mut unkeyed = good.clone();
        // No point of the curve has this.
        unkeyed[component.len() + HEAD.len()..][..32].copy_from_slice(&[&[2][..], &[0; 31]].concat());
        // Appended to what is signed: not covered, and so not run.
        let longer = [&good[..], b"more"].concat();
        use Trust::{Off, Require, Warn};
        let (ours, theirs) = (key(1).public(), key(2).public());
        let plain = Ok((&component[..], None));
        for (file, trust, outcome) in [
            (&good, Require, Ok((&component[..], Some(ours)))),
            (&good, Warn, Ok((&component[..], Some(ours)))),
            (&good, Off, plain),
            (&component, Require, Err(Untrusted::Unsigned)),
            (&component, Warn, plain),
            (&strange, Require, Err(Untrusted::Stranger(theirs))),
            (&strange, Warn, plain),
            (&changed, Require, Err(Untrusted::Broken(ours))),
            (&changed, Warn, Err(Untrusted::Broken(ours))),
            (&changed, Off, Ok((&changed[..component.len()], None))),
            (&unkeyed, Require, Err(Untrusted::NoKey)),
            (&longer, Require, Err(Untrusted::Unsigned)),
        ] {
            assert_eq!(policy(trust).check(file), outcome, "{trust:?}");
        }
        assert_eq!(sign(&strange, &key(1)), good, "another signature takes its place");
        assert_eq!((signer(&strange), signer(&component)), (Ok(Some(theirs)), Ok(None)));
    }

    #[test]
    fn keys_are_written_and_read() {
        let key = key(7);
        assert_eq!(PrivateKey::parse(&key.pem()).unwrap().public(), key.public());
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
        assert!(PrivateKey::parse("-----BEGIN PRIVATE KEY-----\n").is_err());
        for wrong in ["", "AAAA", &"A".repeat(44), "not base64 at all", &BASE64_STANDARD.encode([0; 32])] {
            assert!(wrong.parse::<PublicKey>().unwrap_err().starts_with("expected 32 bytes"), "{wrong}");
        }
    }
}
