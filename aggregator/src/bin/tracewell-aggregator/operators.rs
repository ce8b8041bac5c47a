//! Who may use the API. Of a token only the hash is kept.

use crate::registry::{hex, now};
use crate::table::Table;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tracewell_aggregator::disk::{Disk, Family};
use tracewell_api::v1::Role;
use tracewell_wire::quic::random;

/// Operators that there may be at once.
const OPERATORS_MAX: usize = 1000;
/// What a token begins with, so that one that leaked is known for what it is.
pub const PREFIX: &str = "tracewell-operator-";

/// An operator, without its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    role: i32,
    /// BLAKE3 of the token.
    token_hash: String,
    /// Seconds since 1970.
    pub created: u64,
    pub expires: u64,
}

impl Operator {
    pub fn role(&self) -> Role {
        Role::try_from(self.role).unwrap_or_default()
    }
}

pub struct Operators {
    table: Table<Operator>,
    /// Names by the hash of the token: how long a look-up takes says nothing of a token.
    by_hash: BTreeMap<String, String>,
}

impl Operators {
    /// # Errors
    /// When the store cannot be read.
    pub fn open(disk: Disk) -> Result<Self> {
        let table = Table::<Operator>::open(disk, Family::Operators)?;
        let by_hash = table.rows().iter().map(|(name, operator)| (operator.token_hash.clone(), name.clone())).collect();
        Ok(Self { table, by_hash })
    }

    pub fn all(&self) -> &BTreeMap<String, Operator> {
        self.table.rows()
    }

    /// Makes an operator. The token is in what this gives, and nowhere else.
    ///
    /// # Errors
    /// When the name is taken or no name, there are too many, or the store cannot be written.
    pub fn create(&mut self, name: &str, role: Role, seconds: u64) -> Result<String> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_@".contains(&byte);
        let is_good = (1..=64).contains(&name.len()) && name.bytes().all(is_name);
        ensure!(is_good, "name is {name:?}, expected 1 to 64 of letters, digits and \".-_@\"");
        ensure!(!self.all().contains_key(name), "there is an operator {name:?}");
        ensure!(self.all().len() < OPERATORS_MAX, "there are {OPERATORS_MAX} operators, no more fit");
        let token = format!("{PREFIX}{}", hex(&random::<32>()?));
        let token_hash = hash(&token);
        let created = now();
        let operator =
            Operator { role: role.into(), token_hash: token_hash.clone(), created, expires: created + seconds };
        self.table.put(name, operator)?;
        self.by_hash.insert(token_hash, name.into());
        Ok(token)
    }

    /// # Errors
    /// When there is none, or the store cannot be written.
    pub fn revoke(&mut self, name: &str) -> Result<()> {
        ensure!(self.all().contains_key(name), "there is no operator {name:?}");
        if let Some(operator) = self.table.remove(name)? {
            self.by_hash.remove(&operator.token_hash);
        }
        Ok(())
    }

    /// Whose token it is, while it holds.
    pub fn of_token(&self, token: &str) -> Option<(&str, Role)> {
        let (name, operator) = self.all().get_key_value(self.by_hash.get(&hash(token))?)?;
        (operator.expires > now()).then(|| (name.as_str(), operator.role()))
    }
}

fn hash(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_counts_until_it_expires_or_is_taken_away_and_is_not_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        let mut operators = Operators::open(disk.clone()).unwrap();
        let token = operators.create("kim", Role::Analyst, 60).unwrap();
        let old = operators.create("old", Role::Admin, 0).unwrap();
        let mut operators = Operators::open(disk.clone()).unwrap();
        assert_eq!(operators.of_token(&token), Some(("kim", Role::Analyst)));
        assert_eq!((operators.of_token(&old), operators.of_token("")), (None, None));
        let rows = disk.rows(Family::Operators, &[]).unwrap();
        assert!(rows.values().all(|row| !String::from_utf8_lossy(row).contains(token.trim_start_matches(PREFIX))));
        assert_eq!(operators.create("kim", Role::Viewer, 1).unwrap_err().to_string(), "there is an operator \"kim\"");
        for name in ["", "a b", "a\n", &"a".repeat(65)] {
            assert!(operators.create(name, Role::Viewer, 1).unwrap_err().to_string().contains("expected 1 to 64"));
        }
        operators.revoke("kim").unwrap();
        assert_eq!(operators.of_token(&token), None);
        assert_eq!(operators.revoke("kim").unwrap_err().to_string(), "there is no operator \"kim\"");
    }
}
