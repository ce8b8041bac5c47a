use crate::WireError;
use std::fmt;
use std::str::FromStr;

const BYTES: usize = 16 + 32 + 32;

/// What an operator gives to a machine that is to become a host: the right to ask, and whom to ask. As text it is `twt1-` and
/// 160 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub id: [u8; 16],
    pub secret: [u8; 32],
    /// SHA-256 of the authority's certificate (DER).
    pub authority: [u8; 32],
}

impl Token {
    /// What its text begins with, so that one that leaked is known for what it is.
    pub const PREFIX: &str = "twt1-";
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        let bytes = self.id.iter().chain(&self.secret).chain(&self.authority);
        bytes.into_iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Not its secret.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("id", &self.id).finish_non_exhaustive()
    }
}

impl FromStr for Token {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        let missing = WireError::Missing { what: "token as \"twt1-\" and 160 hexadecimal digits" };
        let digits = text.trim().strip_prefix(Self::PREFIX).ok_or(missing.clone())?.as_bytes();
        if digits.len() != 2 * BYTES {
            return Err(missing);
        }
        let mut bytes = [0; BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else { return Err(missing) };
            *byte = high << 4 | low;
        }
        let (id, rest) = bytes.split_first_chunk().expect("it has 80 bytes");
        let (secret, rest) = rest.split_first_chunk().expect("it has 64 bytes");
        Ok(Self { id: *id, secret: *secret, authority: rest.try_into().expect("it has 32 bytes") })
    }
}
