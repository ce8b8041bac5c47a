//! Messages count once, deltas join, and two machines under one name are found out.

use crate::host::{HOUR, Host, aggregator, alarm, answers, graph, intrusion, key, with_process};
use std::collections::BTreeMap;
use tracewell_aggregator::IngestError;
use tracewell_model::{AlertId, EventNs, HostId, LossCause, LossRecord, NodeRole, Reason};
use tracewell_parameters::Parameters;
use tracewell_wire::{Class, Hello, Message, Payload, WireError, decode, encode};

#[test]
fn a_repeated_frame_is_acknowledged_and_counts_once() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    let mut alert = intrusion(1, 1000, "/bin/a");
    alert.host = host.id;
    let frame = host.frame(Payload::Alert(tracewell_model::AlertUpdate { extends: 0, graph: alert }));
    let first = answers(&mut aggregator, &frame);
    assert_eq!(first, [Payload::Acknowledgement { class: Class::Alert, sequence: 1 }]);
    let once = aggregator.incidents().unwrap();
    assert_eq!(answers(&mut aggregator, &frame), first);
    assert_eq!(aggregator.incidents().unwrap(), once);
    assert_eq!((once.counters.alarms_raw, once.shown.len(), once.shown[0].repeats), (1, 1, 1));
}

#[test]
fn a_delta_joins_and_keeps_the_incident() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    host.alert(&mut aggregator, intrusion(1, 1000, "/bin/a"));
    let before = aggregator.incidents().unwrap();

    let mut delta = with_process(graph(1, 1000), key(1, 9), "/bin/b", NodeRole::Terminal, &[Reason::EnteredKernel]);
    delta.revision = 2;
    assert_eq!(host.update(&mut aggregator, 1, delta), []);

    let after = aggregator.incidents().unwrap();
    assert_eq!((after.shown.len(), after.shown[0].id), (1, before.shown[0].id));
    assert_eq!(after.shown[0].members[0].nodes.len(), before.shown[0].members[0].nodes.len() + 1);
    assert!(after.shown[0].score > before.shown[0].score);
    assert_eq!(after.counters.alarms_raw, 1);
}

#[test]
fn a_gap_asks_for_the_whole_and_the_whole_heals_it() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    let mut third = intrusion(1, 1000, "/bin/a");
    third.revision = 3;
    let alert = AlertId(1);
    assert_eq!(
        host.update(&mut aggregator, 2, third.clone()),
        [Payload::WantWhole { alert, known_revision: 0 }],
        "nothing of it is known"
    );
    host.alert(&mut aggregator, intrusion(1, 1000, "/bin/a"));
    assert_eq!(
        host.update(&mut aggregator, 2, third.clone()),
        [Payload::WantWhole { alert, known_revision: 1 }],
        "revision 2 is missing"
    );
    assert_eq!(aggregator.incidents().unwrap().shown[0].members[0].revision, 1);
    assert_eq!(host.update(&mut aggregator, 0, third), []);
    assert_eq!(aggregator.incidents().unwrap().shown[0].members[0].revision, 3);
}

#[test]
fn an_older_revision_changes_nothing() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    let mut second = intrusion(1, 1000, "/bin/a");
    second.revision = 2;
    host.alert(&mut aggregator, second);
    let before = aggregator.incidents().unwrap();
    assert_eq!(host.alert(&mut aggregator, graph(1, 500)), []);
    assert_eq!(aggregator.incidents().unwrap(), before);
}

/// Those that fell silent together are one incident, until they are heard again.
#[test]
fn hosts_that_are_silent_are_an_incident() {
    let (mut aggregator, mut web) = (aggregator(), Host::new("web-1"));
    let hello = Hello { name: "web-1".into(), parameters_hash: [0; 32], version: "1".into() };
    web.send(&mut aggregator, Payload::Hello(hello));
    let silent = |hosts: &[(&str, u64)]| {
        hosts.iter().map(|&(name, at)| (HostId::from_name(name), EventNs(at))).collect::<BTreeMap<_, _>>()
    };
    assert!(!aggregator.set_silent(BTreeMap::new()), "that is nothing new");
    assert!(aggregator.set_silent(silent(&[("web-1", HOUR + 5), ("web-2", HOUR + 9), ("web-3", 3 * HOUR)])));
    let shown = aggregator.incidents().unwrap().shown;
    let found: Vec<_> =
        shown.iter().map(|incident| (incident.first.0, incident.hosts.len(), incident.repeats)).collect();
    assert_eq!(found, [(HOUR + 5, 2, 2), (3 * HOUR, 1, 1)]);
    assert!(aggregator.set_silent(silent(&[("web-1", HOUR + 5)])));
    let [incident] = &aggregator.incidents().unwrap().shown[..] else { panic!("web-1 alone is silent") };
    assert_eq!(incident.title, "nothing is heard of web-1 any more");
    assert_eq!(incident.id, shown[0].id, "it is the same incident");
    assert_eq!(incident.score, Parameters::default().score.silent_host);
}

#[test]
fn a_forked_host_gets_a_new_epoch_and_raises_an_alert() {
    let (mut aggregator, mut host, mut twin) = (aggregator(), Host::new("web-1"), Host::new("web-1"));
    let hello = Hello { name: "web-1".into(), parameters_hash: [0; 32], version: "1".into() };
    host.send(&mut aggregator, Payload::Hello(hello));
    host.alert(&mut aggregator, intrusion(1, 1000, "/bin/a"));
    let mut other = alarm(2, 9000, "/bin/b", Reason::EnteredKernel);
    other.host = twin.id;
    let update = Payload::Alert(tracewell_model::AlertUpdate { extends: 0, graph: other.clone() });
    let frame = twin.frame(update);
    assert_eq!(answers(&mut aggregator, &frame), [Payload::NewEpoch { epoch: 2 }]);

    let incidents = aggregator.incidents().unwrap();
    let forked = incidents.shown.iter().find(|incident| incident.members.is_empty()).unwrap();
    assert_eq!(forked.title, "two machines report as web-1: a restored snapshot, a copied disk or a stolen identity");
    assert_eq!(forked.score, Parameters::default().score.forked_host);
    assert_eq!(forked.first, EventNs(1000 + EventNs::SECOND));
    assert_eq!(incidents.counters.alarms_raw, 1, "the twin's alert waits for its new epoch");

    let mut reborn = Host::new("web-1");
    reborn.epoch = 2;
    reborn.alert(&mut aggregator, other);
    assert_eq!(aggregator.incidents().unwrap().counters.alarms_raw, 2);
}

/// A host that was restarted often while it could not send: its newest hello overtakes the alert of its first epoch.
#[test]
fn what_is_long_overtaken_by_another_class_is_taken_all_the_same() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    host.epoch = 9;
    let hello = Hello { name: "web-1".into(), parameters_hash: [0; 32], version: "1".into() };
    host.send(&mut aggregator, Payload::Hello(hello));
    for epoch in [1, 5, 9] {
        let mut waited = Host::new("web-1");
        waited.epoch = epoch;
        assert_eq!(waited.alert(&mut aggregator, intrusion(u64::from(epoch), 1000, "/bin/a")), []);
    }
    let incidents = aggregator.incidents().unwrap();
    assert_eq!(incidents.counters.alarms_raw, 3);
    assert!(incidents.shown.iter().all(|incident| !incident.members.is_empty()), "no fork");
}

/// A host whose disk is new, or was restored from long ago, begins with numbers that the aggregator has forgotten.
#[test]
fn numbers_too_old_to_compare_are_asked_for_anew() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    host.epoch = 9;
    host.alert(&mut aggregator, intrusion(1, 1000, "/bin/a"));
    let mut reborn = Host::new("web-1");
    let mut alert = alarm(2, 9000, "/bin/b", Reason::EnteredKernel);
    alert.host = reborn.id;
    let frame = reborn.frame(Payload::Alert(tracewell_model::AlertUpdate { extends: 0, graph: alert.clone() }));
    // The same for each frame that was under way.
    for _ in 0..2 {
        assert_eq!(answers(&mut aggregator, &frame), [Payload::NewEpoch { epoch: 10 }]);
    }
    assert_eq!(aggregator.incidents().unwrap().counters.alarms_raw, 1);
    let mut reborn = Host::new("web-1");
    reborn.epoch = 10;
    assert_eq!(reborn.alert(&mut aggregator, alert), []);
    let incidents = aggregator.incidents().unwrap();
    assert_eq!(incidents.counters.alarms_raw, 2);
    assert!(incidents.shown.iter().all(|incident| !incident.members.is_empty()), "no fork");
}

#[test]
fn what_a_host_never_says_is_refused_without_effect() {
    let mut aggregator = aggregator();
    let mut receive = |sequence, payload| {
        aggregator.receive(&encode(&Message { host: HostId(1), epoch: 0, sequence, payload }).unwrap())
    };
    let unexpected = receive(1, Payload::NewEpoch { epoch: 9 }).unwrap_err();
    assert_eq!(unexpected.to_string(), "a host sent a new epoch, which only the aggregator sends");
    let loss = LossRecord { host: HostId(1), time: EventNs(1), cause: LossCause::RingFull, n_events: 40 };
    let no_sequence = receive(0, Payload::Loss(loss)).unwrap_err();
    assert_eq!(no_sequence.to_string(), "sequence number 0 of host 0000000000000001, expected 1 and up");
    receive(1, Payload::Loss(loss)).unwrap();
    assert!(matches!(aggregator.receive(&[1, 2, 3]), Err(IngestError::Wire(WireError::Malformed(_)))));
    assert_eq!(aggregator.incidents().unwrap().counters.lost_events, 40);
}

/// Beyond its room a host loses its least surprising graphs, and that is counted.
#[test]
fn a_host_that_floods_loses_what_surprises_least() {
    let mut parameters = Parameters::default();
    parameters.fold.alerts_per_host_max = 3;
    let mut aggregator = tracewell_aggregator::Aggregator::new(&parameters);
    let (mut noisy, mut quiet) = (Host::new("noisy"), Host::new("quiet"));
    quiet.alert(&mut aggregator, intrusion(99, 1000, "/bin/a"));
    for id in 1..=10 {
        let mut graph = intrusion(id, 1000 * id, &format!("/bin/{id}"));
        graph.surprise = tracewell_model::Millibits((id * 7 % 11) as u32);
        noisy.alert(&mut aggregator, graph);
    }
    let incidents = aggregator.incidents().unwrap();
    assert_eq!((incidents.counters.alarms_raw, incidents.counters.alarms_evicted), (11, 7));
    let kept = |host: &Host| {
        let graphs = incidents.shown.iter().chain(&incidents.held).flat_map(|incident| &incident.members);
        let mut ids: Vec<_> = graphs.filter(|graph| graph.host == host.id).map(|graph| graph.id.0).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    assert_eq!(kept(&quiet), [99]);
    // Surprise of 3, 6 and 9 is 21, 42 and 63 modulo 11, the highest of all.
    assert_eq!(kept(&noisy), [3, 6, 9]);
}

/// An envelope around bytes that are no payload of this version.
fn envelope(host: HostId, class: u64, sequence: u64, payload: &[u8]) -> Vec<u8> {
    let hash = blake3::hash(payload);
    let head = [&[0x08, 1, 0x11][..], &host.0.to_le_bytes(), &[0x18, 1, 0x20, class as u8, 0x28, sequence as u8, 0x31]];
    let rest = [&hash.as_bytes()[..8], &[0x3a, payload.len() as u8], payload];
    [head.concat(), rest.concat()].concat()
}

#[test]
fn content_that_cannot_be_read_is_refused_and_what_is_behind_it_arrives() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    let id = host.id;
    let hello = Hello { name: "web-1".into(), parameters_hash: [0; 32], version: "1".into() };
    host.send(&mut aggregator, Payload::Hello(hello.clone()));
    let mut damaged = host.frame(Payload::Hello(hello));
    *damaged.last_mut().unwrap() ^= 1;
    let refused = [
        (damaged, Class::Control, 2),
        (host.frame(Payload::NewEpoch { epoch: 9 }), Class::Control, 3),
        // Field 99: of a newer agent.
        (envelope(id, 2, 1, &[0x9a, 0x06, 0]), Class::Alert, 1),
        (envelope(id, 2, 2, b"\xff\xff"), Class::Alert, 2),
    ];
    for (n, (frame, class, sequence)) in (1..).zip(&refused) {
        let (class, sequence) = (*class, *sequence);
        for is_new in [true, false] {
            let received = aggregator.receive_from(id, frame).unwrap();
            let answers: Vec<_> = received.answers.iter().map(|frame| decode(frame).unwrap().payload).collect();
            assert_eq!(answers, [Payload::Refused { class, sequence }]);
            assert_eq!(received.refused.is_some(), is_new, "it is told once");
            assert_eq!(aggregator.incidents().unwrap().counters.refused_frames, n);
        }
    }
    assert_eq!((aggregator.hosts()[0].n_refused, aggregator.n_refused(id)), (4, 4));
    // The host has used these two numbers.
    for _ in 0..2 {
        host.frame(Payload::Alert(tracewell_model::AlertUpdate {
            extends: 0,
            graph: tracewell_model::AlertGraph { host: id, ..intrusion(9, 1, "/bin/a") },
        }));
    }
    assert_eq!(host.alert(&mut aggregator, intrusion(1, 1000, "/bin/a")), []);
    assert_eq!(aggregator.incidents().unwrap().shown.len(), 1);
    // What is not about content ends the connection, as before.
    let foreign = aggregator.receive_from(HostId(1), &refused[0].0).unwrap_err();
    assert!(matches!(foreign, IngestError::Foreign { .. }) && !foreign.is_about_content());
    assert!(aggregator.receive_from(id, &envelope(id, 2, 0, b"\xff")).is_err(), "nobody could be told");
}

/// What a host let go and a lost store had is not there, and that shows: also in a number that came late.
#[test]
fn numbers_that_never_came_are_counted() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    let id = host.id;
    let loss = |n| Payload::Loss(LossRecord { host: id, time: EventNs(n), cause: LossCause::Gap, n_events: 0 });
    let frames: Vec<_> = (1..=9).map(|n| host.frame(loss(n))).collect();
    for (at, missing) in [(0, 0), (1, 0), (6, 4), (6, 4), (4, 3), (8, 4)] {
        aggregator.receive(&frames[at]).unwrap();
        assert_eq!(aggregator.hosts()[0].n_missing, missing, "frame {at}");
    }
    host.epoch = 2;
    host.send(
        &mut aggregator,
        Payload::Hello(Hello { name: "n".into(), parameters_hash: [0; 32], version: "1".into() }),
    );
    assert_eq!(aggregator.hosts()[0].n_missing, 4, "another class, another epoch");
}

/// A question that was lost is asked again: with the frame that raised it, and when the agent is back.
#[test]
fn what_is_missing_is_asked_for_again() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    let mut third = intrusion(1, 1000, "/bin/a");
    (third.revision, third.host) = (3, host.id);
    let frame = host.frame(Payload::Alert(tracewell_model::AlertUpdate { extends: 2, graph: third.clone() }));
    let want = Payload::WantWhole { alert: AlertId(1), known_revision: 0 };
    let acknowledged = Payload::Acknowledgement { class: Class::Alert, sequence: 1 };
    for _ in 0..2 {
        assert_eq!(answers(&mut aggregator, &frame), [want.clone(), acknowledged.clone()], "the question comes first");
    }
    let hello = Payload::Hello(Hello { name: "web-1".into(), parameters_hash: [0; 32], version: "1".into() });
    assert_eq!(host.send(&mut aggregator, hello.clone()), [want]);
    assert_eq!(host.send(&mut aggregator, hello.clone()), [], "once more, and not for ever");
    // Once it is there, nobody asks.
    let (mut aggregator, mut host) = (crate::host::aggregator(), Host::new("web-1"));
    assert_eq!(answers(&mut aggregator, &frame).len(), 2);
    host.frame(Payload::Alert(tracewell_model::AlertUpdate { extends: 2, graph: third.clone() }));
    assert_eq!(host.update(&mut aggregator, 0, third), []);
    assert_eq!(answers(&mut aggregator, &frame), [acknowledged]);
    assert_eq!(host.send(&mut aggregator, hello), []);
}

/// An agent that lost its checkpoint begins the alerts of processes that go on at revision 1, in a later epoch.
#[test]
fn an_alert_that_begins_anew_is_joined_with_what_was_known() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    let mut before = intrusion(1, 1000, "/bin/a");
    before.revision = 7;
    host.alert(&mut aggregator, before.clone());

    let mut reborn = Host::new("web-1");
    reborn.epoch = 2;
    let process = |n, exe: &str, revision| {
        let mut graph = with_process(graph(1, 9000), key(1, n), exe, NodeRole::Terminal, &[Reason::EnteredKernel]);
        graph.revision = revision;
        graph
    };
    assert_eq!(reborn.alert(&mut aggregator, process(8, "/bin/b", 1)), []);
    assert_eq!(reborn.update(&mut aggregator, 1, process(9, "/bin/c", 2)), [], "it extends what is new");
    let incidents = aggregator.incidents().unwrap();
    let [incident] = &incidents.shown[..] else { panic!("{} incidents", incidents.shown.len()) };
    let joined = &incident.members[0];
    assert_eq!((joined.revision, joined.first, joined.nodes.len()), (2, before.first, before.nodes.len() + 2));

    // Where the beginning was lost on the way, its revisions say nothing: neither older nor newer ones.
    let mut again = Host::new("web-1");
    again.epoch = 3;
    for revision in [2, 3] {
        let asked = again.update(&mut aggregator, revision - 1, process(7, "/bin/d", revision));
        assert_eq!(asked, [Payload::WantWhole { alert: AlertId(1), known_revision: 2 }]);
    }
}
