//! What a new view of the fleet does to hopsets that are no alert yet, and to those that are.

use crate::sketch::Sketch;
use std::sync::Arc;
use tracewell_graph_core::fleet::{FleetNode, FleetView};
use tracewell_graph_core::link::Member;
use tracewell_graph_core::profile::{EntryId, HostProfile, ObjectLabel, Reassessment};
use tracewell_model::{Loss, Millibits, Operation};
use tracewell_parameters::Parameters;

const HOSTS: u32 = 100;

/// A host that wrote /etc/a and /etc/b, the names of these two in its profile, and a fleet that vouches for /etc/a.
struct Host {
    profile: HostProfile,
    vouched_for: EntryId,
    other: EntryId,
}

impl Host {
    fn new(votes: u32, peers: u32) -> Self {
        let mut profile = HostProfile::new(&Parameters::default().profile);
        let subject = profile.subject("", "/bin/x", None);
        let mut entry = |path| profile.leaf(subject, Operation::Write, ObjectLabel::File(path)).unwrap().entry();
        let (vouched_for, other) = (entry("/etc/a"), entry("/etc/b"));
        let labels = ["host", "/bin/x", "file-write", "/etc/", "a"].into_iter().enumerate();
        let node = |(at, label): (usize, &str)| {
            let parent = u32::try_from(at).unwrap().wrapping_sub(1);
            FleetNode { parent, label: label.into(), votes, peers, group: 0 }
        };
        profile.set_fleet(Arc::new(FleetView::from_nodes(HOSTS, labels.map(node).collect()).unwrap()));
        Self { profile, vouched_for, other }
    }

    fn fleet(&self) -> Reassessment<'_> {
        self.profile.reassessment()
    }
}

fn reassess(sketch: &mut Sketch, host: &Host) {
    sketch.linker.reassess(&mut sketch.graph, &sketch.structure, &host.fleet()).unwrap();
}

fn weight(sketch: &mut Sketch, process: &str) -> Option<u32> {
    let (key, id) = (sketch.key(process), sketch.hopset_of(process));
    match sketch.linker.hopset(&mut sketch.graph, id).unwrap().members.get(&key) {
        Some(Member::Terminal { weight }) => Some(weight.0),
        _ => None,
    }
}

/// A process that wrote a file by surprise.
fn wrote(process: &str, file: &str, entry: EntryId) -> String {
    format!("{process} write {file} surprise=20000 entry={}\n", entry.0)
}

#[test]
fn votes_lower_by_the_fleets_rule_and_only_what_they_are_for() {
    let own = Millibits(20_000);
    let most = Host::new(90, 90);
    assert!(most.fleet().surprise(most.vouched_for, own).unwrap() < Millibits(1000));
    assert_eq!(most.fleet().surprise(most.other, own), Some(own));
    assert_eq!(most.fleet().surprise(EntryId::default(), own), None, "0 names nothing");
    // A majority of a minority gains a factor of two.
    let peers = Host::new(9, 10);
    assert_eq!(peers.fleet().surprise(peers.vouched_for, own), Some(Millibits(10_000)));
    let nobody = Host::new(9, 20);
    assert_eq!(nobody.fleet().surprise(nobody.vouched_for, own), Some(own));
}

#[test]
fn a_group_whose_only_terminal_became_ordinary_is_undone() {
    let host = Host::new(90, 90);
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(&wrote("p1", "/etc/a", host.vouched_for));
    sketch.run("p1 fork p2");
    assert_ne!([sketch.hopset_of("p1"), sketch.hopset_of("p2")], [0, 0]);
    reassess(&mut sketch, &host);
    assert_eq!([sketch.hopset_of("p1"), sketch.hopset_of("p2")], [0, 0]);
    assert!(sketch.emit(Loss::default()).is_empty());
    // What it does next begins anew.
    sketch.run(&wrote("p1", "/etc/b", host.other));
    assert_eq!(weight(&mut sketch, "p1"), Some(8000));
}

#[test]
fn what_nobody_vouches_for_keeps_its_group() {
    let host = Host::new(90, 90);
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(&(wrote("p1", "/etc/a", host.vouched_for) + &wrote("p1", "/etc/b", host.other)));
    let before = sketch.hopset_of("p1");
    reassess(&mut sketch, &host);
    assert_eq!((sketch.hopset_of("p1"), weight(&mut sketch, "p1")), (before, Some(8000)));
}

#[test]
fn evidence_stands_whatever_the_fleet_does() {
    let host = Host::new(90, 90);
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(&wrote("p1", "/etc/a", host.vouched_for));
    sketch.run("p1 module-load /lib/m.ko");
    let before = weight(&mut sketch, "p1").unwrap();
    reassess(&mut sketch, &host);
    let after = weight(&mut sketch, "p1").unwrap();
    assert!(0 < after && after < before, "{before} became {after}");
}

#[test]
fn what_was_shown_stays_as_it_was_shown() {
    let host = Host::new(90, 90);
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(&wrote("p1", "/etc/a", host.vouched_for));
    sketch.run("p1 exec memory:p1\n p1 module-load /lib/m.ko");
    let before = weight(&mut sketch, "p1");
    assert_eq!(sketch.emit(Loss::default()).len(), 1);
    reassess(&mut sketch, &host);
    assert_eq!(weight(&mut sketch, "p1"), before);
    assert!(sketch.emit(Loss::default()).is_empty(), "nothing is told again");
}

/// A view that was rolled back, or lost votes that hostile hosts had given.
#[test]
fn what_is_no_longer_vouched_for_weighs_in_full_again() {
    let host = Host::new(1, 10);
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run("p1 exec memory:p1");
    sketch.run(&format!("p1 write /etc/a surprise=7000 own=14000 entry={}", host.vouched_for.0));
    assert_eq!(weight(&mut sketch, "p1"), Some(9000));
    assert!(sketch.emit(Loss::default()).is_empty(), "it is no alert");
    reassess(&mut sketch, &host);
    assert_eq!(weight(&mut sketch, "p1"), Some(14_000));
    assert_eq!(sketch.emit(Loss::default()).len(), 1);
}
