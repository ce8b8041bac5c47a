//! Who is in the fleet and which of its machines may be called now.

use super::rng::Rng;
use super::roles::Role;
use std::net::{Ipv4Addr, SocketAddr};
use tracewell_model::EventNs;

/// A connection from one machine of the fleet to another, on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub at: EventNs,
    pub to: usize,
    pub from: SocketAddr,
    pub service: Service,
}

/// What a machine offers to others, by port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Service {
    Ssh = 22,
    Smtp = 25,
    Https = 443,
    Imap = 993,
    Registry = 5000,
    Postgres = 5432,
}

/// Calls that may wait at one machine; callers look before they call, so none is ever lost.
const WAITING_MAX: u32 = 16;

#[derive(Debug)]
pub(crate) struct Fleet {
    addresses: Vec<Ipv4Addr>,
    doors: Vec<Door>,
}

/// Whether a machine has time for callers.
#[derive(Clone, Copy, Debug, Default)]
struct Door {
    open_from: EventNs,
    n_waiting: u32,
}

impl Fleet {
    pub fn new(n_hosts: usize) -> Self {
        let addresses = (0..n_hosts).map(|i| Ipv4Addr::new(10, 20, (i / 250) as u8, (i % 250) as u8 + 1)).collect();
        Self { addresses, doors: vec![Door::default(); n_hosts] }
    }

    pub fn address(&self, host: usize, service: Service) -> SocketAddr {
        SocketAddr::from((self.addresses[host], service as u16))
    }

    pub fn ip(&self, host: usize) -> Ipv4Addr {
        self.addresses[host]
    }

    /// Hosts take the roles in turn.
    pub fn role(host: usize) -> Role {
        Role::ALL[host % Role::ALL.len()]
    }

    /// The `nth` host of a role, counted around if there are fewer; `None` if there is none.
    pub fn nth(&self, role: Role, nth: usize) -> Option<usize> {
        let (n_roles, first) = (Role::ALL.len(), role as usize);
        let n = self.addresses.len().saturating_sub(first).div_ceil(n_roles);
        (n > 0).then(|| first + nth % n * n_roles)
    }

    /// A host of a role that has time for a call now.
    pub fn free(&self, role: Role, now: EventNs, rng: &mut Rng) -> Option<usize> {
        let host = self.nth(role, rng.next() as usize >> 1)?;
        let door = self.doors[host];
        (door.open_from <= now && door.n_waiting < WAITING_MAX).then_some(host)
    }

    pub fn set_door(&mut self, host: usize, open_from: EventNs) {
        self.doors[host].open_from = open_from;
    }

    pub fn called(&mut self, host: usize) {
        self.doors[host].n_waiting += 1;
    }

    pub fn served(&mut self, host: usize) {
        self.doors[host].n_waiting -= 1;
    }
}
