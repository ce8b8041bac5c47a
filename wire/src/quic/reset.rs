//! What an aggregator knows of connections that it no longer has: enough to tell the other side so (RFC 9000, 10.3, "Stateless Reset").
//! Without it hosts of an aggregator that was killed would notice after minutes of silence.

use super::{QuicError, Secret, random};
use quinn::crypto::{CryptoError, HmacKey};
use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig};
use std::sync::Arc;
use std::time::Duration;

/// Between two that are told: who floods with packets gets no flood back. Who is not told asks again, each time after twice as long, so that
/// hosts that came together should find room here at once.
const INTERVAL: Duration = Duration::from_millis(1);
/// Of a connection's id: as many as quinn's own have.
const ID_BYTES: usize = 8;

/// Connections have tokens that only who knows `secret` can say.
///
/// # Errors
/// When the system gives no random numbers.
pub fn endpoint(secret: &Secret) -> Result<EndpointConfig, QuicError> {
    let tokens = blake3::derive_key("tracewell.internal 2026 tokens of stateless resets", secret);
    let key = random()?;
    let mut config = EndpointConfig::new(Arc::new(Tokens(tokens)));
    config.cid_generator(move || Box::new(Ids { key, n_given: 0 })).min_reset_interval(INTERVAL);
    Ok(config)
}

/// Ids of connections that nobody can guess. Those of an earlier run are as good as these: quinn's own are known by a key of the run,
/// and a packet of any other id is passed over in silence.
struct Ids {
    key: Secret,
    n_given: u64,
}

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        self.n_given += 1;
        let hash = blake3::keyed_hash(&self.key, &self.n_given.to_be_bytes());
        ConnectionId::new(&hash.as_bytes()[..ID_BYTES])
    }

    fn cid_len(&self) -> usize {
        ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// BLAKE3 with a key.
struct Tokens(Secret);

impl HmacKey for Tokens {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        blake3::Hasher::new_keyed(&self.0).update(data).finalize_xof().fill(signature_out);
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let expected = blake3::keyed_hash(&self.0, data);
        // Compared in constant time.
        match signature.try_into() {
            Ok(signature) if expected == blake3::Hash::from_bytes(signature) => Ok(()),
            _ => Err(CryptoError),
        }
    }
}
