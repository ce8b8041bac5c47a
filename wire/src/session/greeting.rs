//! Which version of the envelope's rules a connection is about.

use crate::error::at_most;
use crate::{VERSION, WireError, proto};
use prost::Message as _;

/// Bytes of either message.
pub const GREETING_BYTES_MAX: usize = 256;

/// What a host of this program says first.
pub fn opening() -> Vec<u8> {
    proto::Opening { version_min: VERSION, version_max: VERSION }.encode_to_vec()
}

/// The aggregator's answer to an opening.
///
/// # Errors
/// When it is none, or speaks no version that is known here.
pub fn welcome(opening: &[u8]) -> Result<Vec<u8>, WireError> {
    at_most("opening", opening.len(), GREETING_BYTES_MAX)?;
    let proto::Opening { version_min, version_max } = proto::Opening::decode(opening)?;
    if !(version_min..=version_max).contains(&VERSION) {
        return Err(WireError::Version { got: version_max, expected: VERSION });
    }
    Ok(proto::Welcome { version: VERSION }.encode_to_vec())
}

/// Reads the answer to [`opening`].
///
/// # Errors
/// When it is none, or goes on with another version.
pub fn check_welcome(welcome: &[u8]) -> Result<(), WireError> {
    at_most("welcome", welcome.len(), GREETING_BYTES_MAX)?;
    match proto::Welcome::decode(welcome)?.version {
        VERSION => Ok(()),
        got => Err(WireError::Version { got, expected: VERSION }),
    }
}
