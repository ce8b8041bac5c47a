//! Invented truth and results, written as short lines: `p1` is a process, `f1` a file, `s1` a socket.

use super::{Attack, Labels, Shown, ShownIncident, ShownNode};
use tracewell_datasets::truth::Window;
use tracewell_model::{EventNs, Millibits, NodeKey, NodeKind};

pub fn key(name: &str) -> NodeKey {
    let number: u128 = name[1..].parse().expect("a node is a letter and a number");
    NodeKey(u128::from(name.as_bytes()[0]) << 64 | number)
}

pub fn kind(name: &str) -> NodeKind {
    match name.as_bytes()[0] {
        b'p' => NodeKind::Process,
        b'f' => NodeKind::File,
        b's' => NodeKind::Socket,
        other => panic!("no node kind {other}"),
    }
}

fn times(text: &str) -> (EventNs, EventNs) {
    let (from, to) = text.split_once('-').expect("times are from-to");
    (EventNs(from.parse().unwrap()), EventNs(to.parse().unwrap()))
}

/// Attacks as `id from-to node…`, of a label set that labels processes only.
pub fn labels(attacks: &[&str]) -> Labels {
    let attack = |line: &&str| {
        let mut words = line.split(' ');
        let id = words.next().unwrap().to_owned();
        let (from, to) = times(words.next().unwrap());
        let nodes = words.map(|name| (key(name), kind(name))).collect();
        Attack { name: format!("attack {id}"), id, windows: vec![Window { from, to }], nodes }
    };
    Labels {
        label_set: "invented".to_owned(),
        kinds: [NodeKind::Process].into(),
        attacks: attacks.iter().map(attack).collect(),
        ..Labels::default()
    }
}

/// An incident of members written as `node@from-to…`; the surprise of a node is its number in bits.
pub fn incident(members: &[&str]) -> ShownIncident {
    let node = |text: &str| {
        let (name, span) = text.split_once('@').unwrap_or((text, "0-0"));
        let (first, last) = times(span);
        let surprise = Millibits::bits(name[1..].parse().unwrap());
        ShownNode { key: key(name), kind: kind(name), first, last, surprise }
    };
    let members = members.iter().map(|member| member.split(' ').map(node).collect()).collect();
    ShownIncident { members, collapsed: vec![] }
}

/// Incidents of one member each, best first.
pub fn shown(incidents: &[&str]) -> Shown {
    Shown { incidents: incidents.iter().map(|member| incident(&[member])).collect() }
}

pub fn collapse(mut incident: ShownIncident, groups: &[&str]) -> ShownIncident {
    incident.collapsed = groups.iter().map(|group| group.split(' ').map(key).collect()).collect();
    incident
}
