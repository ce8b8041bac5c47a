//! Places for handshakes that are under way: who may have one, and who proves its address first.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Places, and who has them.
pub struct Places {
    all: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    handshakes: usize,
    newcomers: usize,
    by_origin: BTreeMap<IpAddr, usize>,
}

/// What becomes of who comes.
pub enum Entry {
    In(Place),
    /// It is to prove its address: it costs nothing until it has.
    Prove,
    Full,
}

/// Free again when it is dropped.
pub struct Place {
    places: Arc<Places>,
    kind: Kind,
}

enum Kind {
    /// From this origin.
    Handshake(IpAddr),
    Newcomer,
}

impl Places {
    pub fn new(all: usize) -> Arc<Self> {
        Arc::new(Self { all: all.max(1), taken: Mutex::default() })
    }

    /// For a handshake. From half of the places on only those come in that have proved their address; of an origin at most a quarter of
    /// them, so that one that is slow on purpose keeps nobody waiting.
    pub fn handshake(self: &Arc<Self>, from: SocketAddr, is_proven: bool) -> Entry {
        let mut taken = self.lock();
        if !is_proven && taken.handshakes >= self.all.div_ceil(2) {
            return Entry::Prove;
        }
        let origin = origin(from.ip());
        let of_origin = taken.by_origin.get(&origin).copied().unwrap_or(0);
        if taken.handshakes >= self.all || of_origin >= self.all.div_ceil(4) {
            // Whoever wrote another's address on its packets is not to shut that one out.
            return if is_proven { Entry::Full } else { Entry::Prove };
        }
        taken.handshakes += 1;
        taken.by_origin.insert(origin, of_origin + 1);
        Entry::In(Place { places: Arc::clone(self), kind: Kind::Handshake(origin) })
    }

    /// For a machine that wants a certificate, until it is done: places of its own, an eighth as many, so that it keeps no host waiting.
    pub fn newcomer(self: &Arc<Self>) -> Option<Place> {
        let mut taken = self.lock();
        (taken.newcomers < self.all.div_ceil(8)).then(|| {
            taken.newcomers += 1;
            Place { places: Arc::clone(self), kind: Kind::Newcomer }
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        match self.kind {
            Kind::Newcomer => taken.newcomers -= 1,
            Kind::Handshake(origin) => {
                taken.handshakes -= 1;
                let of_origin = taken.by_origin.get_mut(&origin).expect("it was counted");
                *of_origin -= 1;
                if *of_origin == 0 {
                    taken.by_origin.remove(&origin);
                }
            }
        }
    }
}

/// What one party commonly has at will: an address of the older family, the upper half of one of the newer.
fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX))),
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(n: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, n], 1000))
    }

    #[test]
    fn from_half_of_the_places_on_addresses_are_proved() {
        let places = Places::new(8);
        let mut held = Vec::new();
        for n in 0..4 {
            let Entry::In(place) = places.handshake(from(n), false) else { panic!("there is room for {n}") };
            held.push(place);
        }
        assert!(matches!(places.handshake(from(9), false), Entry::Prove));
        for n in 4..8 {
            let Entry::In(place) = places.handshake(from(n), true) else { panic!("there is room for {n}") };
            held.push(place);
        }
        assert!(matches!(places.handshake(from(9), true), Entry::Full));
        assert!(matches!(places.handshake(from(9), false), Entry::Prove));
        held.pop();
        assert!(matches!(places.handshake(from(9), true), Entry::In(_)));
        drop(held);
        assert!(places.lock().by_origin.is_empty());
    }

    #[test]
    fn one_origin_takes_a_quarter_and_keeps_nobody_waiting() {
        let places = Places::new(8);
        let held: Vec<_> = (0..2).map(|_| places.handshake(from(1), true)).collect();
        assert!(held.iter().all(|entry| matches!(entry, Entry::In(_))));
        assert!(matches!(places.handshake(from(1), true), Entry::Full));
        // It may be another one that writes this address on its packets.
        assert!(matches!(places.handshake(from(1), false), Entry::Prove));
        assert!(matches!(places.handshake(from(2), true), Entry::In(_)));
        let six = |tail| SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, tail, 0, 0, 1), 1000));
        let held: Vec<_> = (1..3).map(|n| places.handshake(six(n), true)).collect();
        assert!(matches!(places.handshake(six(3), true), Entry::Full), "one network is one origin");
        drop(held);
        let mapped = SocketAddr::from((std::net::Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped(), 1000));
        assert!(matches!(places.handshake(mapped, true), Entry::Full), "the same address");
    }

    #[test]
    fn newcomers_have_places_of_their_own() {
        let places = Places::new(16);
        let held: Vec<_> = (0..2).map(|_| places.newcomer().unwrap()).collect();
        assert!(places.newcomer().is_none());
        assert!(matches!(places.handshake(from(1), true), Entry::In(_)), "hosts do not wait for them");
        drop(held);
        assert!(places.newcomer().is_some());
    }
}
