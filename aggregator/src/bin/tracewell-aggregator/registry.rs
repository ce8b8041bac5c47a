//! Who is a host, and who may become one. What is said here is on the disk before it counts.

use crate::table::{read, write};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};
use tracewell_aggregator::StoreError;
use tracewell_aggregator::disk::{Change, Disk, Family};
use tracewell_graph_core::fleet::Groups;
use tracewell_model::HostId;
use tracewell_wire::quic::random;
use tracewell_wire::session::Token;

/// Tokens that there may be at once; those that have expired make room.
const TOKENS_MAX: usize = 10_000;
/// Names that are tried for a host whose own is taken.
const IDS_TRIED_MAX: u32 = 64;

pub type Labels = BTreeMap<String, String>;

/// A host as the registry knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// What it called itself when it was enrolled.
    pub name: String,
    pub labels: Labels,
    /// SHA-256 of its certificate: the one that lets it in.
    pub certificate: String,
    /// That of the one that it was given in place of it. It takes its place once it is used: the answer may have been lost.
    #[serde(default)]
    pub renewed: Option<String>,
    /// When the latest of them ends to hold, in seconds since 1970.
    #[serde(default)]
    pub certificate_expires: u64,
    pub revoked: bool,
    /// Seconds since 1970.
    pub enrolled: u64,
    pub n_enrolments: u64,
    /// The token that it came with, last.
    pub token: String,
    /// The address that it came from, last.
    pub enrolled_from: String,
}

/// A certificate that was made.
pub struct Signed<T> {
    pub certificate: T,
    pub sha256: [u8; 32],
    /// Seconds since 1970.
    pub expires: u64,
}

/// A token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// BLAKE3 of the secret.
    secret_hash: String,
    /// Seconds since 1970.
    pub expires: u64,
    pub uses_left: u64,
    pub labels: Labels,
    /// The host that it enrols again.
    pub host: Option<u64>,
}

/// Why somebody is not let in. The other side never learns which of them.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("there is no such token")]
    NoToken,
    #[error("the token's secret is wrong")]
    Secret,
    #[error("the token expired {0} s ago")]
    Expired(u64),
    #[error("the token was used as often as it may be")]
    Used,
    #[error("the signing request is of no use: {0}")]
    Request(String),
    #[error("{0} hosts are enrolled, no more fit (hosts_max)")]
    Full(usize),
    #[error("no id is left for a host of this name")]
    NoId,
    #[error("host {0} is not enrolled")]
    NoHost(HostId),
    #[error("host {0} is revoked")]
    Revoked(HostId),
    #[error("host {0} was given another certificate since")]
    Superseded(HostId),
    #[error("{0}")]
    Store(#[from] StoreError),
}

pub struct Registry {
    disk: Disk,
    hosts: BTreeMap<HostId, Host>,
    tokens: BTreeMap<String, Admission>,
    hosts_max: usize,
    n_changes: u64,
}

impl Registry {
    /// # Errors
    /// When the store cannot be read.
    pub fn open(disk: Disk, hosts_max: usize) -> Result<Self, StoreError> {
        let mut hosts = BTreeMap::new();
        for (key, row) in disk.rows(Family::Hosts, &[])? {
            let id = key.as_slice().try_into().map_err(|_| corrupt("a host's key", format!("{key:02x?}")))?;
            hosts.insert(HostId(u64::from_be_bytes(id)), read("a host", &row)?);
        }
        let tokens = disk.rows(Family::Tokens, &[])?.into_iter();
        let tokens = tokens.map(|(key, row)| Ok((String::from_utf8_lossy(&key).into(), read("a token", &row)?)));
        let tokens = tokens.collect::<Result<_, StoreError>>()?;
        Ok(Self { disk, hosts, tokens, hosts_max, n_changes: 0 })
    }

    pub fn hosts(&self) -> &BTreeMap<HostId, Host> {
        &self.hosts
    }

    /// How often a host was enrolled or revoked since it was opened: as long as that stays, so do their labels.
    pub fn n_changes(&self) -> u64 {
        self.n_changes
    }

    /// The group of each host that is let in and has this label: `KEY=VALUE`.
    pub fn groups(&self, key: &str) -> Groups {
        let admitted = self.hosts.iter().filter(|(_, host)| !host.revoked);
        Groups::of(admitted.filter_map(|(id, host)| Some((*id, format!("{key}={}", host.labels.get(key)?).into()))))
    }

    /// The hosts that are let in no more.
    pub fn revoked(&self) -> Vec<HostId> {
        self.hosts.iter().filter(|(_, entry)| entry.revoked).map(|(&host, _)| host).collect()
    }

    pub fn tokens(&self) -> &BTreeMap<String, Admission> {
        &self.tokens
    }

    /// Has all tokens count no more, and gives how many there were.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn forget_tokens(&mut self) -> Result<usize, StoreError> {
        let removed: Vec<Change> =
            self.tokens.keys().map(|id| (Family::Tokens, id.clone().into_bytes(), None)).collect();
        self.disk.change(&removed)?;
        self.tokens.clear();
        Ok(removed.len())
    }

    /// Makes a token. Its secret is in what this gives, and nowhere else.
    ///
    /// # Errors
    /// When there are too many, or the store cannot be written.
    pub fn token(
        &mut self,
        authority: [u8; 32],
        expires: u64,
        uses: u64,
        labels: Labels,
        host: Option<u64>,
    ) -> anyhow::Result<Token> {
        let now = now();
        let stale: Vec<_> =
            self.tokens.iter().filter(|(_, token)| token.expires <= now).map(|(id, _)| id.clone()).collect();
        let removed: Vec<Change> = stale.iter().map(|id| (Family::Tokens, id.clone().into_bytes(), None)).collect();
        self.disk.change(&removed)?;
        stale.iter().for_each(|id| drop(self.tokens.remove(id)));
        anyhow::ensure!(self.tokens.len() < TOKENS_MAX, "there are {TOKENS_MAX} tokens, no more fit");
        if let Some(host) = host.map(HostId) {
            anyhow::ensure!(self.hosts.contains_key(&host), "{}", Refusal::NoHost(host));
        }
        let token = Token { id: random()?, secret: random()?, authority };
        let secret_hash = blake3::hash(&token.secret).to_hex().to_string();
        let admission = Admission { secret_hash, expires, uses_left: uses, labels, host };
        let id = hex(&token.id);
        self.disk.change(&[(Family::Tokens, id.clone().into_bytes(), Some(write(&admission)))])?;
        self.tokens.insert(id, admission);
        Ok(token)
    }

    /// Lets nobody use a token any more.
    ///
    /// # Errors
    /// When there is none, or the store cannot be written.
    pub fn revoke_token(&mut self, id: &str) -> anyhow::Result<()> {
        anyhow::ensure!(self.tokens.contains_key(id), "{}", Refusal::NoToken);
        self.disk.change(&[(Family::Tokens, id.into(), None)])?;
        self.tokens.remove(id);
        Ok(())
    }

    /// Takes a machine in as a host. The token counts as used once `sign` has made the certificate.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn enrol<T>(
        &mut self,
        (token, secret): (&[u8; 16], &[u8; 32]),
        (name, from): (&str, &str),
        sign: impl FnOnce(HostId) -> Result<Signed<T>, String>,
    ) -> Result<(HostId, T), Refusal> {
        let (id, now) = (hex(token), now());
        let admission = self.tokens.get(&id).ok_or(Refusal::NoToken)?;
        // Hashes are compared: how long that takes says nothing of the secret.
        if blake3::hash(secret).to_hex().as_str() != admission.secret_hash {
            return Err(Refusal::Secret);
        }
        if admission.expires <= now {
            return Err(Refusal::Expired(now - admission.expires));
        }
        if admission.uses_left == 0 {
            return Err(Refusal::Used);
        }
        let host = match admission.host.map(HostId) {
            Some(host) => host,
            None => self.free_id(name)?,
        };
        let Signed { certificate, sha256, expires } = sign(host).map_err(Refusal::Request)?;
        let admission = Admission { uses_left: admission.uses_left - 1, ..admission.clone() };
        let before = self.hosts.get(&host);
        let entry = Host {
            name: name.into(),
            labels: admission.labels.clone(),
            certificate: hex(&sha256),
            renewed: None,
            certificate_expires: expires,
            revoked: false,
            enrolled: now,
            n_enrolments: before.map_or(0, |before| before.n_enrolments) + 1,
            token: id.clone(),
            enrolled_from: from.into(),
        };
        self.disk.change(&[
            (Family::Tokens, id.clone().into_bytes(), Some(write(&admission))),
            (Family::Hosts, host.0.to_be_bytes().to_vec(), Some(write(&entry))),
        ])?;
        self.tokens.insert(id, admission);
        self.hosts.insert(host, entry);
        self.n_changes += 1;
        Ok((host, certificate))
    }

    /// Whether a certificate that the authority vouches for lets a host in now.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn admit(&mut self, host: HostId, certificate: [u8; 32]) -> Result<&Host, Refusal> {
        let (entry, shown) = (self.hosts.get(&host).ok_or(Refusal::NoHost(host))?, Some(hex(&certificate)));
        if entry.revoked {
            return Err(Refusal::Revoked(host));
        }
        if entry.renewed == shown {
            let entry = Host { certificate: hex(&certificate), renewed: None, ..entry.clone() };
            self.put(host, entry)?;
        } else if Some(&entry.certificate) != shown.as_ref() {
            return Err(Refusal::Superseded(host));
        }
        Ok(&self.hosts[&host])
    }

    /// Gives a host another certificate in place of the one that it shows.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn renew<T>(
        &mut self,
        host: HostId,
        certificate: [u8; 32],
        sign: impl FnOnce(HostId) -> Result<Signed<T>, String>,
    ) -> Result<T, Refusal> {
        let entry = self.admit(host, certificate)?.clone();
        let Signed { certificate, sha256, expires } = sign(host).map_err(Refusal::Request)?;
        self.put(host, Host { renewed: Some(hex(&sha256)), certificate_expires: expires, ..entry })?;
        Ok(certificate)
    }

    /// Lets a host in no more, until it is enrolled again.
    ///
    /// # Errors
    /// When there is none, or the store cannot be written.
    pub fn revoke(&mut self, host: HostId) -> Result<(), Refusal> {
        let entry = self.hosts.get(&host).ok_or(Refusal::NoHost(host))?;
        let entry = Host { revoked: true, ..entry.clone() };
        self.put(host, entry)?;
        self.n_changes += 1;
        Ok(())
    }

    fn put(&mut self, host: HostId, entry: Host) -> Result<(), StoreError> {
        self.disk.change(&[(Family::Hosts, host.0.to_be_bytes().to_vec(), Some(write(&entry)))])?;
        self.hosts.insert(host, entry);
        Ok(())
    }

    /// The id that follows from the name, as in recordings; another one if a host has that. A name is a claim, an id is not:
    /// nobody gets that of another host by calling itself alike.
    fn free_id(&self, name: &str) -> Result<HostId, Refusal> {
        if self.hosts.len() >= self.hosts_max {
            return Err(Refusal::Full(self.hosts.len()));
        }
        let ids = (0..IDS_TRIED_MAX).map(|n| match n {
            0 => HostId::from_name(name),
            n => HostId::from_name(&format!("{name}\0{n}")),
        });
        ids.into_iter().find(|id| !self.hosts.contains_key(id)).ok_or(Refusal::NoId)
    }
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "tokens expire by the wall clock; nothing of what hosts found is decided by it"
)]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn corrupt(what: &'static str, why: String) -> StoreError {
    StoreError::Corrupt { what, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn registry(folder: &TempDir) -> Registry {
        Registry::open(Disk::open(folder.path()).unwrap(), 3).unwrap()
    }

    fn enrol(registry: &mut Registry, token: &Token, name: &str) -> Result<HostId, Refusal> {
        let sign = |host: HostId| Ok(Signed { certificate: (), sha256: [host.0 as u8; 32], expires: 1 });
        registry.enrol((&token.id, &token.secret), (name, "here"), sign).map(|(host, ())| host)
    }

    fn token(registry: &mut Registry, hours: u64, uses: u64, host: Option<HostId>) -> Token {
        let expires = now() + hours * 3600;
        registry.token([9; 32], expires, uses, Labels::new(), host.map(|host| host.0)).unwrap()
    }

    #[test]
    fn a_token_counts_until_it_is_used_up_also_after_a_restart() {
        let folder = TempDir::new().unwrap();
        let mut one = registry(&folder);
        let good = token(&mut one, 1, 2, None);
        assert_eq!(enrol(&mut one, &good, "web-1").unwrap(), HostId::from_name("web-1"));
        drop(one);
        let mut two = registry(&folder);
        let second = enrol(&mut two, &good, "web-1").unwrap();
        assert_ne!(second, HostId::from_name("web-1"), "a name is no right to the other's id");
        assert!(matches!(enrol(&mut two, &good, "web-2"), Err(Refusal::Used)));
        let wrong = Token { secret: [0; 32], ..good };
        assert!(matches!(enrol(&mut two, &wrong, "web-2"), Err(Refusal::Secret)));
        let unknown = Token { id: [0; 16], ..good };
        assert!(matches!(enrol(&mut two, &unknown, "web-2"), Err(Refusal::NoToken)));
        let old = token(&mut two, 0, 2, None);
        assert!(matches!(enrol(&mut two, &old, "web-2"), Err(Refusal::Expired(_))));
        let more = token(&mut two, 1, 9, None);
        enrol(&mut two, &more, "web-2").unwrap();
        assert!(matches!(enrol(&mut two, &more, "web-3"), Err(Refusal::Full(3))));
    }

    #[test]
    fn a_revoked_or_superseded_certificate_lets_nobody_in() {
        let folder = TempDir::new().unwrap();
        let mut registry = registry(&folder);
        let first = token(&mut registry, 1, 1, None);
        let host = enrol(&mut registry, &first, "web-1").unwrap();
        let certificate = [host.0 as u8; 32];
        assert_eq!(registry.admit(host, certificate).unwrap().name, "web-1");
        assert!(matches!(registry.admit(host, [0; 32]), Err(Refusal::Superseded(_))));
        assert!(matches!(registry.admit(HostId(1), certificate), Err(Refusal::NoHost(_))));
        registry.revoke(host).unwrap();
        assert!(matches!(registry.admit(host, certificate), Err(Refusal::Revoked(_))));
        let again = token(&mut registry, 1, 1, Some(host));
        assert_eq!(enrol(&mut registry, &again, "renamed").unwrap(), host);
        assert_eq!(registry.admit(host, certificate).unwrap().n_enrolments, 2);
    }

    /// Labels come with the token alone; another token gives others, and who is revoked is in no group.
    #[test]
    fn hosts_are_in_the_group_of_their_label() {
        let folder = TempDir::new().unwrap();
        let mut one = registry(&folder);
        let labelled = |registry: &mut Registry, role: &str, host: Option<HostId>| {
            let labels = Labels::from([("role".to_owned(), role.to_owned())]);
            registry.token([9; 32], now() + 60, 1, labels, host.map(|host| host.0)).unwrap()
        };
        let (web, plain) = (labelled(&mut one, "web", None), token(&mut one, 1, 1, None));
        let host = enrol(&mut one, &web, "web-1").unwrap();
        let other = enrol(&mut one, &plain, "web-2").unwrap();
        let group = |registry: &Registry, key: &str| registry.groups(key).get(host).map(ToString::to_string);
        assert_eq!((group(&one, "role").as_deref(), group(&one, "site")), (Some("role=web"), None));
        assert_eq!(one.groups("role").get(other), None);
        let (n_changes, again) = (one.n_changes(), labelled(&mut one, "db", Some(host)));
        enrol(&mut one, &again, "web-1").unwrap();
        assert_eq!((group(&one, "role").as_deref(), one.n_changes()), (Some("role=db"), n_changes + 1));
        one.revoke(host).unwrap();
        assert_eq!((group(&one, "role"), one.n_changes()), (None, n_changes + 2));
    }

    /// The answer to a renewal may be lost, and so may the host's disk afterwards: the certificate that it shows lets it in, until another is
    /// shown.
    #[test]
    fn a_renewed_certificate_takes_the_place_of_the_other_once_it_is_shown() {
        let folder = TempDir::new().unwrap();
        let mut one = registry(&folder);
        let token = token(&mut one, 1, 1, None);
        let host = enrol(&mut one, &token, "web-1").unwrap();
        let renew = |registry: &mut Registry, shown: u8, next: u8| {
            let sign = |_| Ok(Signed { certificate: (), sha256: [next; 32], expires: next.into() });
            registry.renew(host, [shown; 32], sign)
        };
        let (first, lost, second) = (host.0 as u8, host.0 as u8 ^ 1, host.0 as u8 ^ 2);
        renew(&mut one, first, lost).unwrap();
        renew(&mut one, first, second).unwrap();
        drop(one);
        let mut two = registry(&folder);
        assert!(two.admit(host, [first; 32]).is_ok());
        assert!(matches!(two.admit(host, [lost; 32]), Err(Refusal::Superseded(_))));
        assert_eq!(two.admit(host, [second; 32]).unwrap().certificate_expires, u64::from(second));
        drop(two);
        let mut three = registry(&folder);
        assert!(matches!(three.admit(host, [first; 32]), Err(Refusal::Superseded(_))));
        assert!(matches!(renew(&mut three, first, lost), Err(Refusal::Superseded(_))));
        three.revoke(host).unwrap();
        assert!(matches!(renew(&mut three, second, lost), Err(Refusal::Revoked(_))));
    }

    #[test]
    fn a_request_that_cannot_be_signed_uses_nothing_up() {
        let folder = TempDir::new().unwrap();
        let mut registry = registry(&folder);
        let token = token(&mut registry, 1, 1, None);
        let refused =
            registry.enrol((&token.id, &token.secret), ("web-1", "here"), |_| Err::<Signed<()>, _>("no".into()));
        assert!(matches!(refused, Err(Refusal::Request(_))));
        enrol(&mut registry, &token, "web-1").unwrap();
    }
}
