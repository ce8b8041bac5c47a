//! The store on disk: what was committed is there after a restart, and decides what an aggregator in memory would.

use crate::host::{Host, alarm, answers, intrusion, key, with_process};
use std::path::Path;
use tempfile::TempDir;
use tracewell_aggregator::disk::{Disk, Family, check};
use tracewell_aggregator::{Aggregator, IngestError, MemoryStore, Rank, Store, StoreError};
use tracewell_graph_core::fleet::{ContributionDelta, Version};
use tracewell_graph_core::profile::Contribution;
use tracewell_model::{
    AlertGraph, AlertId, AlertUpdate, EventNs, HostId, LossCause, LossRecord, Millibits, NodeRole, Reason,
};
use tracewell_parameters::Parameters;
use tracewell_wire::{Class, Heartbeat, Hello, Inventory, Message, Payload, encode};

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
            Payload::Loss(LossRecord { cause: LossCause::Gap, ..loss }),
            Payload::Inventory(Inventory { kernel: "6.1".into(), ..Inventory::default() }),
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
    assert_eq!((incidents.counters.alarms_raw, incidents.counters.lost_events), (4, 28));
    assert_eq!(again.inventory(HostId::from_name("db-1")).unwrap().unwrap().kernel, "6.1".into());
    assert_eq!(again.inventory(HostId(1)).unwrap(), None);
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
    assert_eq!(aggregator.receive_from(host, &frame).unwrap().answers.len(), 1);
}

#[test]
fn rows_are_found_as_they_were_put_also_before_they_are_written() {
    let folder = TempDir::new().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let mut store = disk.store();
    let graph = |host: u64, id: u64| AlertGraph { host: HostId(host), ..intrusion(id, 1000, "/bin/a") };
    for (host, id) in [(1, 1), (1, 2), (2, 1)] {
        store.put_alert(1, graph(host, id)).unwrap();
    }
    store.commit().unwrap();
    store.remove_alert(HostId(1), AlertId(1)).unwrap();
    store.put_alert(2, graph(1, 3)).unwrap();
    let ids = |host: u64, store: &dyn Store| -> Vec<_> {
        let graphs = store.alerts().unwrap();
        graphs.iter().filter(|graph| graph.host.0 == host).map(|graph| graph.id.0).collect()
    };
    assert_eq!((ids(1, &store), ids(2, &store)), (vec![2, 3], vec![1]));
    assert_eq!(store.alert(HostId(1), AlertId(1)).unwrap(), None);
    let kept = store.alert(HostId(1), AlertId(3)).unwrap().unwrap();
    assert_eq!((kept.epoch, kept.graph.as_ref()), (2, &graph(1, 3)));
    assert_eq!(store.alerts().unwrap().len(), 3);
    // The largest host and id are found, too.
    store.put_alert(1, graph(u64::MAX, u64::MAX)).unwrap();
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

/// What goes first is found without a look at the rest, also after it was lowered, removed or written.
#[test]
fn the_index_finds_what_a_look_at_all_graphs_finds() {
    let folder = TempDir::new().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let (mut on_disk, mut in_memory) = (disk.store(), MemoryStore::default());
    let mut random = 7u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for step in 0..2000 {
        let (host, id) = (HostId(next(3)), AlertId(next(20)));
        let graph = AlertGraph {
            host,
            first: EventNs(next(4)),
            last: EventNs(next(5) * EventNs::DAY),
            surprise: Millibits(next(6) as u32),
            ..intrusion(id.0, 0, "/bin/a")
        };
        let changes: [&mut dyn Store; 2] = [&mut on_disk, &mut in_memory];
        let is_removed = next(3) == 0;
        for store in changes {
            match is_removed {
                true => store.remove_alert(host, id).unwrap(),
                false => store.put_alert(1, graph.clone()).unwrap(),
            }
        }
        let all = on_disk.alerts().unwrap();
        let least = all.iter().filter(|graph| graph.host == host).map(|graph| Rank::of(graph)).min();
        assert_eq!(on_disk.least_of(host).unwrap(), least, "step {step}");
        assert_eq!(in_memory.least_of(host).unwrap(), least, "step {step}");
        let day = next(6) as u32;
        let mut old: Vec<_> = all.iter().filter(|graph| graph.last.day() < day).collect();
        old.sort_by_key(|graph| (graph.last.day(), graph.host, graph.id));
        let old: Vec<_> = old.iter().map(|graph| (graph.host, graph.id)).take(4).collect();
        assert_eq!(on_disk.last_before(day, 4).unwrap(), old, "step {step}");
        assert_eq!(in_memory.last_before(day, 4).unwrap(), old, "step {step}");
        if next(10) == 0 {
            on_disk.commit().unwrap();
        }
        if next(200) == 0 {
            on_disk.commit().unwrap();
            on_disk = disk.store();
        }
    }
}

/// What is only known of a host in passing outlasts a restart, too.
#[test]
fn questions_refusals_and_lost_votes_are_known_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let mut host = Host::new("web-1");
    let contribution = Contribution { since_day: 1, dictionary: vec![], leaves: vec![] };
    let whole = Payload::Profile(ContributionDelta::whole(Version { epoch: 1, number: 1 }, contribution.clone()));
    let mut aggregator = open(folder.path());
    host.send(&mut aggregator, whole.clone());
    let mut second = intrusion(1, 1000, "/bin/a");
    second.revision = 2;
    let asked = host.update(&mut aggregator, 1, second);
    let mut damaged = host.frame(whole);
    *damaged.last_mut().unwrap() ^= 1;
    assert!(aggregator.receive_from(host.id, &damaged).unwrap().refused.is_some());
    aggregator.forget_contribution(host.id).unwrap();
    aggregator.commit().unwrap();
    drop(aggregator);

    let mut aggregator = open(folder.path());
    assert_eq!((aggregator.n_refused(host.id), aggregator.incidents().unwrap().counters.refused_frames), (1, 1));
    assert!(aggregator.receive_from(host.id, &damaged).unwrap().refused.is_none(), "it was told");
    assert_eq!(host.beat(&mut aggregator, 5, false), asked);
    let version = |number| Version { epoch: 1, number };
    let delta = ContributionDelta::between((version(1), &contribution), (version(3), &contribution));
    assert_eq!(host.send(&mut aggregator, Payload::Profile(delta)), [Payload::WantProfile], "it has nothing of it");
}

/// What is old by the fleet's own time goes: the same whatever the clock says, and never for a clock set ahead.
#[test]
fn old_alerts_go_by_the_day() {
    const NOW: EventNs = EventNs(1000 * EventNs::DAY);
    let folder = TempDir::new().unwrap();
    let mut on_disk = open(folder.path());
    let (mut here, mut there) = (Host::new("web-1"), Host::new("db-1"));
    let at = |id: u64, day: u64| AlertGraph {
        first: EventNs(day * EventNs::DAY),
        last: EventNs(day * EventNs::DAY + 5),
        ..intrusion(id, 0, &format!("/bin/{id}"))
    };
    for (id, day) in [(1, 100), (2, 109), (3, 110)] {
        here.alert(&mut on_disk, at(id, day));
    }
    there.alert(&mut on_disk, at(4, 105));
    let ids = |aggregator: &Aggregator| {
        let incidents = aggregator.incidents().unwrap();
        let members = incidents.shown.iter().chain(&incidents.held).flat_map(|incident| &incident.members);
        let mut ids: Vec<_> = members.map(|graph| graph.id.0).collect();
        ids.sort_unstable();
        ids.dedup();
        (ids, incidents.counters.alarms_expired)
    };
    on_disk.expire(0, NOW).unwrap();
    on_disk.expire(10, NOW).unwrap();
    assert_eq!(ids(&on_disk), (vec![1, 2, 3, 4], 0), "ten days are kept whole");
    // One host is further: the other's go as well.
    there.beat(&mut on_disk, 116 * EventNs::DAY, true);
    on_disk.expire(10, NOW).unwrap();
    assert_eq!(ids(&on_disk), (vec![2, 3], 2));
    // A clock set ahead is not believed.
    there.beat(&mut on_disk, 5000 * EventNs::DAY, true);
    on_disk.expire(10, EventNs(116 * EventNs::DAY)).unwrap();
    assert_eq!(ids(&on_disk), (vec![2, 3], 2));
    on_disk.commit().unwrap();
    drop(on_disk);
    let mut on_disk = open(folder.path());
    on_disk.expire(10, EventNs(120 * EventNs::DAY)).unwrap();
    assert_eq!(ids(&on_disk), (vec![3], 3));
    assert_eq!(on_disk.hosts().iter().map(|host| host.n_alerts).sum::<usize>(), 1);
}

/// Each kind of damage is found, and told by its place.
#[test]
fn a_check_finds_what_does_not_fit() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store");
    let mut aggregator = open(&path);
    for frame in frames() {
        aggregator.receive(&frame).unwrap();
    }
    aggregator.commit().unwrap();
    drop(aggregator);
    let disk = Disk::open(&path).unwrap();
    let whole = check(&disk).unwrap();
    assert_eq!((whole.n_alerts, whole.n_hosts, whole.n_faults), (4, 2, 0), "{:?}", whole.faults);
    let first = |family| disk.rows(family, &[]).unwrap().into_iter().next().unwrap();
    let (alert, index) = (first(Family::Alerts), first(Family::Index));
    let damages = [
        ((Family::Alerts, alert.0.clone(), None), "1 alert graphs are there, 2 are counted"),
        ((Family::Alerts, alert.0.clone(), Some(b"garbage".to_vec())), "an alert graph is not what was written"),
        ((Family::Alerts, vec![1; 16], Some(alert.1.clone())), "it is alert"),
        ((Family::Index, index.0.clone(), None), "it is missing in the index"),
        ((Family::Index, b"d".to_vec(), Some(vec![])), "the index has 9 rows, expected 8"),
        ((Family::Notes, b"x".to_vec(), Some(vec![])), "no note has such a key"),
        ((Family::Notes, b"n".to_vec(), Some(vec![9])), "counters is not what was written"),
    ];
    for (damage, expected) in damages {
        let before = disk.rows(damage.0, &damage.1).unwrap().get(&damage.1).cloned();
        disk.change(std::iter::once(&damage)).unwrap();
        let found = check(&disk).unwrap();
        assert!(found.faults.iter().any(|fault| fault.contains(expected)), "{expected}: {:?}", found.faults);
        disk.change(&[(damage.0, damage.1, before)]).unwrap();
    }
    assert_eq!(check(&disk).unwrap(), whole);
    // A copy of one moment, made while it is open, is a store of its own and read without a change.
    let copy = folder.path().join("copy");
    disk.checkpoint(&copy).unwrap();
    assert_eq!(check(&Disk::open_read_only(&copy).unwrap()).unwrap(), whole);
    assert!(disk.checkpoint(&copy).is_err(), "it is there already");
}

/// What a first start leaves that is cut off, wherever that is.
#[test]
fn a_store_that_was_cut_off_while_it_was_made_is_made_anew() {
    let folder = TempDir::new().unwrap();
    let (path, part) = (folder.path().join("store"), folder.path().join(".store.tracewell-part"));
    rocksdb::DB::open_default(&part).unwrap();
    let disk = Disk::open(&path).unwrap();
    assert!(!part.exists());
    assert_eq!(check(&disk).unwrap().n_faults, 0);
}
