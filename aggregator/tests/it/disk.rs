//! The store on disk: what was committed is there after a restart, and decides what an aggregator in memory would.

use crate::host::{Host, alarm, answers, intrusion, key, with_process};
use std::path::Path;
use tempfile::TempDir;
use tracewell_aggregator::disk::{Disk, Family};
use tracewell_aggregator::{Aggregator, IngestError, Store, StoreError};
use tracewell_graph_core::fleet::{ContributionDelta, Version};
use tracewell_graph_core::profile::Contribution;
use tracewell_model::{AlertGraph, AlertId, AlertUpdate, EventNs, HostId, LossCause, LossRecord, NodeRole, Reason};
use tracewell_parameters::Parameters;
use tracewell_wire::{Class, Heartbeat, Hello, Message, Payload, encode};

fn open(folder: &Path) -> Aggregator {
    let disk = Disk::open(folder).unwrap();
    Aggregator::with_store(&Parameters::default(), Box::new(disk.store())).unwrap()
}

/// What two hosts say: alerts with news, losses, profiles, and one of them twice.
fn frames() -> Vec<Vec<u8>> {
    let mut hosts = [Host::new("web-1"), Host::new("db-1")];
    let mut frames = Vec::new();
    for (n, host) in (0..).zip(&mut hosts) {
        let hello = Hello { name: "a host".into(), parameters_hash: [0; 32], version: "1".into() };
        let of = |graph: AlertGraph| AlertGraph { host: host.id, ..graph };
        let mut news = with_process(
            intrusion(1, 1000, "/bin/a"),
            key(1, 9),
            "/bin/b",
            NodeRole::Terminal,
            &[Reason::EnteredKernel],
        );
        news.revision = 2;
        let loss = LossRecord { host: host.id, time: EventNs(9), cause: LossCause::RingFull, n_events: 7 };
        let contribution = Contribution { since_day: 1, dictionary: vec![], leaves: vec![] };
        let payloads = [
            Payload::Hello(hello),
            Payload::Alert(AlertUpdate { extends: 0, graph: of(intrusion(1, 1000, "/bin/a")) }),
            Payload::Heartbeat(Heartbeat { time: EventNs(2000), n_events: 5, readiness_permille: 9, settled: n == 0 }),
            Payload::Alert(AlertUpdate { extends: 1, graph: of(news) }),
            Payload::Loss(loss),
            Payload::Profile(ContributionDelta::whole(Version { epoch: 1, number: 1 }, contribution)),
            Payload::Alert(AlertUpdate { extends: 0, graph: of(alarm(2, 5000, "/bin/c", Reason::EnteredKernel)) }),
        ];
        frames.extend(payloads.map(|payload| host.frame(payload)));
    }
    // Another machine that says to be the first host.
    let mut twin = Host::new("web-1");
    let id = twin.id;
    let other = AlertGraph { host: id, ..intrusion(8, 7000, "/bin/other") };
    frames.push(twin.frame(Payload::Alert(AlertUpdate { extends: 0, graph: other })));
    frames
}

/// A restart after each frame, with all frames of before said again, changes nothing.
#[test]
fn restarts_are_not_seen() {
    let folder = TempDir::new().unwrap();
    let mut in_memory = Aggregator::new(&Parameters::default());
    let frames = frames();
    for (n, frame) in frames.iter().enumerate() {
        let mut on_disk = open(folder.path());
        for before in &frames[..n] {
            let is_last = before == frames.last().unwrap();
            let repeated = on_disk.receive(before).unwrap().len();
            assert!(is_last || repeated == 1, "frame {n} is known");
        }
        assert_eq!(on_disk.receive(frame).unwrap(), in_memory.receive(frame).unwrap(), "frame {n}");
        on_disk.commit().unwrap();
        assert_eq!(on_disk.incidents().unwrap(), in_memory.incidents().unwrap(), "frame {n}");
        assert_eq!(on_disk.hosts(), in_memory.hosts());
    }
    let again = open(folder.path());
    let incidents = again.incidents().unwrap();
    assert_eq!(incidents, in_memory.incidents().unwrap());
    assert_eq!((incidents.counters.alarms_raw, incidents.counters.lost_events), (4, 14));
    assert!(again.hosts().iter().any(|host| host.is_forked && host.host == HostId::from_name("web-1")));
}

#[test]
fn what_was_not_committed_is_not_there() {
    let folder = TempDir::new().unwrap();
    let mut host = Host::new("web-1");
    let mut aggregator = open(folder.path());
    let graph = AlertGraph { host: host.id, ..intrusion(1, 1000, "/bin/a") };
    let frame = host.frame(Payload::Alert(AlertUpdate { extends: 0, graph }));
    let acknowledged = answers(&mut aggregator, &frame);
    drop(aggregator);
    let mut aggregator = open(folder.path());
    assert!(aggregator.incidents().unwrap().shown.is_empty());
    assert_eq!(answers(&mut aggregator, &frame), acknowledged, "it is new");
    aggregator.commit().unwrap();
    drop(aggregator);
    assert_eq!(open(folder.path()).incidents().unwrap().shown.len(), 1);
}

#[test]
fn a_host_is_known_by_other_means_than_what_it_says() {
    let mut aggregator = Aggregator::new(&Parameters::default());
    let (host, other) = (HostId(1), HostId(2));
    let loss = Payload::Loss(LossRecord { host, time: EventNs(1), cause: LossCause::Gap, n_events: 1 });
    let frame = encode(&Message { host, epoch: 1, sequence: 1, payload: loss }).unwrap();
    let refused = aggregator.receive_from(other, &frame).unwrap_err();
    assert_eq!(refused, IngestError::Foreign { host: other, claimed: host });
    assert!(aggregator.hosts().is_empty());
    assert_eq!(aggregator.receive_from(host, &frame).unwrap().len(), 1);
}

#[test]
fn rows_are_found_as_they_were_put_also_before_they_are_written() {
    let folder = TempDir::new().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let mut store = disk.store();
    let graph = |host: u64, id: u64| AlertGraph { host: HostId(host), ..intrusion(id, 1000, "/bin/a") };
    for (host, id) in [(1, 1), (1, 2), (2, 1)] {
        store.put_alert(graph(host, id)).unwrap();
    }
    store.commit().unwrap();
    store.remove_alert(HostId(1), AlertId(1)).unwrap();
    store.put_alert(graph(1, 3)).unwrap();
    let ids = |host: u64, store: &dyn Store| -> Vec<_> {
        store.alerts_of(HostId(host)).unwrap().iter().map(|graph| graph.id.0).collect()
    };
    assert_eq!((ids(1, &store), ids(2, &store)), (vec![2, 3], vec![1]));
    assert_eq!(store.alert(HostId(1), AlertId(1)).unwrap(), None);
    assert_eq!(*store.alert(HostId(1), AlertId(3)).unwrap().unwrap(), graph(1, 3));
    assert_eq!(store.alerts().unwrap().len(), 3);
    // The largest host and id are found, too.
    store.put_alert(graph(u64::MAX, u64::MAX)).unwrap();
    store.commit().unwrap();
    assert_eq!(ids(u64::MAX, &store), [u64::MAX]);
}

#[test]
fn damage_is_told_and_other_databases_are_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store");
    for (family, key) in
        [(Family::Alerts, vec![0; 16]), (Family::Notes, b"h12345678".to_vec()), (Family::Notes, b"x".to_vec())]
    {
        let disk = Disk::open(&path).unwrap();
        disk.change(&[(family, key.clone(), Some(b"garbage".to_vec()))]).unwrap();
        let opened = Aggregator::with_store(&Parameters::default(), Box::new(disk.store()));
        let error = opened.and_then(|aggregator| aggregator.incidents()).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        disk.change(&[(family, key, None)]).unwrap();
    }
    let theirs = folder.path().join("theirs");
    rocksdb::DB::open_default(&theirs).unwrap().put(b"theirs", b"1").unwrap();
    let error = Disk::open(&theirs).err().unwrap().to_string();
    assert!(error.contains("not an aggregator's"), "{error}");
}

/// The class is what it is taken by, not only the number.
#[test]
fn classes_count_apart() {
    let folder = TempDir::new().unwrap();
    let mut aggregator = open(folder.path());
    let mut host = Host::new("web-1");
    let graph = AlertGraph { host: host.id, ..intrusion(1, 1000, "/bin/a") };
    let beat = host.frame(Payload::Heartbeat(Heartbeat {
        time: EventNs(1),
        n_events: 1,
        readiness_permille: 0,
        settled: false,
    }));
    let alert = host.frame(Payload::Alert(AlertUpdate { extends: 0, graph }));
    for (frame, class) in [(&beat, Class::Telemetry), (&alert, Class::Alert)] {
        assert_eq!(answers(&mut aggregator, frame), [Payload::Acknowledgement { class, sequence: 1 }]);
    }
}
