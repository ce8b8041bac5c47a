//! Processes that were there only for the attacker, and those that served others as well.
//!
//! A service makes processes for whoever asks: one for each login, request, connection or job. One of them was there only for the
//! attacker if the attack had begun when it was started, it takes no connections itself, and it
//! - is an ancestor of what said that it belongs to the attack,
//! - has a connection with an address that only the attacker has, or with a process of the attack on another host, or
//! - wrote what the attacker had a service write.
//!
//! It then belongs to the attack from its birth, with all that it starts. What is above it, the service itself, was there before, or
//! takes connections: it served others as well. So did a session that somebody else began meanwhile, an administrator who installs
//! what the attacker had poisoned.

use super::{Place, Who, changed_files};
use crate::journal::Journal;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use tracewell_model::{Event, EventNs, HostId, Object, Operation, Record};

/// The ends of a connection, its own and the other, and the host if it is one within that.
pub(super) type FarEnd = (Option<HostId>, SocketAddr, SocketAddr);

/// What the recording says of a process.
#[derive(Clone, Copy)]
struct Life {
    parent: Option<Who>,
    /// Its fork, or the first that is known of it.
    since: EventNs,
    takes_connections: bool,
}

pub(super) struct Causes {
    lives: HashMap<Who, Life>,
    /// When each attack began.
    begins: Vec<EventNs>,
    /// Processes that belong to a step from their birth; what they start does too.
    pub(super) from_birth: HashMap<Who, Place>,
    mixed: BTreeSet<Who>,
}

impl Causes {
    pub(super) fn new(records: &[Record], journal: &Journal) -> Self {
        let begin = |steps: &[crate::notes::StepNote]| steps.iter().map(|step| step.from).min().unwrap_or_default();
        let begins = journal.attacks.iter().map(|attack| begin(&attack.steps)).collect();
        let (from_birth, mixed) = (HashMap::new(), BTreeSet::new());
        let mut causes = Self { lives: lives(records), begins, from_birth, mixed };
        for mark in &journal.marks {
            causes.is_for(mark.who(), (mark.attack, mark.step), true);
        }
        for event in events(records) {
            if let Some(place) = wrote_what_was_brought(event, journal) {
                causes.is_for((event.host, event.subject), place, false);
            }
        }
        for event in events(records) {
            if let Some(place) = talked_with_the_attacker(event, journal) {
                causes.is_for((event.host, event.subject), place, false);
            }
        }
        causes
    }

    /// Takes what has a connection with these ends, its own and the other, and says whether there is anything new.
    pub(super) fn far_ends(&mut self, records: &[Record], ends: &HashMap<FarEnd, Place>) -> bool {
        let before = self.from_birth.len();
        for event in events(records) {
            let Object::Socket(socket) = &event.object else { continue };
            let Some((local, remote)) = socket.local.zip(socket.remote) else { continue };
            let only_there = remote.ip().is_loopback().then_some(event.host);
            if let Some(place) = ends.get(&(only_there, local, remote)) {
                self.is_for((event.host, event.subject), *place, false);
            }
        }
        self.from_birth.len() > before
    }

    /// What served others as well, the attack's own among it.
    pub(super) fn mixed(&self, records: &[Record], journal: &Journal) -> BTreeSet<Who> {
        let steps = || journal.attacks.iter().flat_map(|attack| &attack.steps);
        let infected: BTreeSet<(HostId, &str)> = steps()
            .flat_map(|step| &step.infected)
            .map(|file| (HostId::from_name(&file.host), file.path.as_str()))
            .collect();
        let loads = |event: &&Event| match &event.object {
            Object::File(file) => file.path.as_deref().is_some_and(|path| infected.contains(&(event.host, path))),
            _ => false,
        };
        let loaders = events(records).filter(loads).map(|event| (event.host, event.subject));
        self.mixed.iter().copied().chain(loaders).collect()
    }

    /// A process did something for a step. What was there only for that belongs to it from birth; what is above it is mixed, and so
    /// is the process itself if it served others and did not say that it `is_marked`.
    fn is_for(&mut self, who: Who, place: Place, is_marked: bool) {
        let begin = self.begins[place.0];
        let is_only_for_it = |life: &Life| life.parent.is_some() && life.since >= begin && !life.takes_connections;
        let line: Vec<_> = std::iter::successors(Some(who), |who| self.lives.get(who)?.parent).collect();
        let own = line.iter().take_while(|who| self.lives.get(who).is_some_and(is_only_for_it)).count();
        let root = line.get(own).and_then(|who| self.lives.get(who));
        // Somebody began a session meanwhile.
        let is_session =
            root.is_some_and(|life| life.parent.is_none() && life.since >= begin && !life.takes_connections);
        let own = if is_session { 0 } else { own };
        if let Some(top) = own.checked_sub(1) {
            self.from_birth.entry(line[top]).or_insert(place);
        }
        let above = own.max(usize::from(is_marked));
        self.mixed.extend(line.into_iter().skip(above));
    }
}

fn events(records: &[Record]) -> impl Iterator<Item = &Event> {
    records.iter().filter_map(|record| match record {
        Record::Event(event) => Some(event),
        _ => None,
    })
}

fn lives(records: &[Record]) -> HashMap<Who, Life> {
    let mut lives: HashMap<Who, Life> = HashMap::new();
    for event in events(records) {
        let life = |parent| Life { parent, since: event.time, takes_connections: false };
        let subject = lives.entry((event.host, event.subject)).or_insert(life(None));
        subject.takes_connections |= event.op == Operation::Accept && event.errno == 0;
        if let (Operation::Fork, Object::Process(child)) = (event.op, &event.object) {
            lives.entry((event.host, *child)).or_insert(life(Some((event.host, event.subject))));
        }
    }
    lives
}

/// The step that had a service write this file, while it went on.
fn wrote_what_was_brought(event: &Event, journal: &Journal) -> Option<Place> {
    changed_files(event).find_map(|path| {
        last_step(journal, event.time, |step| {
            let is_it = |file: &crate::notes::Place| HostId::from_name(&file.host) == event.host && file.path == path;
            event.time <= step.to && step.brought.iter().any(is_it)
        })
    })
}

/// The last step that began before and has the attacker at the other end.
fn talked_with_the_attacker(event: &Event, journal: &Journal) -> Option<Place> {
    let Object::Socket(socket) = &event.object else { return None };
    let remote = socket.remote?.ip();
    last_step(journal, event.time, |step| {
        let is_it =
            |far: &crate::notes::Far| HostId::from_name(&far.host) == event.host && IpAddr::V4(far.address) == remote;
        step.remotes.iter().any(is_it)
    })
}

fn last_step(journal: &Journal, time: EventNs, is_it: impl Fn(&crate::notes::StepNote) -> bool) -> Option<Place> {
    let steps = journal
        .attacks
        .iter()
        .enumerate()
        .flat_map(|(a, attack)| attack.steps.iter().enumerate().map(move |(s, step)| ((a, s), step)));
    let begun = steps.filter(|(_, step)| step.from <= time && is_it(step));
    begun.max_by_key(|(_, step)| step.from).map(|(place, _)| place)
}
