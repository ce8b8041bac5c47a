//! What waits to be sent: it outlasts the process, is bounded, and keeps its numbers.

use std::path::Path;
use tempfile::TempDir;
use tracewell_agent::spool::Spool;
use tracewell_model::{EventNs, HostId, LossCause, LossRecord, Str};
use tracewell_store::{SpoolRows, Store, StoreOptions};
use tracewell_wire::quic::client::Outgoing;
use tracewell_wire::{Class, FrameKey, Hello, Message, Payload, Transport, decode, encode, head};

const HOST: HostId = HostId(7);
const MANY: u64 = 1 << 30;

fn open(folder: &Path, bytes_max: u64) -> Spool {
    Spool::open(&Store::open(folder, StoreOptions::default()).unwrap(), bytes_max).unwrap()
}

fn telemetry(epoch: u32, sequence: u64) -> Vec<u8> {
    let loss = LossRecord { host: HOST, time: EventNs(sequence), cause: LossCause::Gap, n_events: 1 };
    encode(&Message { host: HOST, epoch, sequence, payload: Payload::Loss(loss) }).unwrap()
}

/// Of the class control, with a name of so many bytes.
fn hello(epoch: u32, sequence: u64, len: usize) -> Vec<u8> {
    let hello = Hello { name: Str::from("x".repeat(len)), parameters_hash: [0; 32], version: "1".into() };
    encode(&Message { host: HOST, epoch, sequence, payload: Payload::Hello(hello) }).unwrap()
}

/// All that waits, in the order in which it would be sent.
fn waiting(spool: &Spool) -> Vec<FrameKey> {
    let mut found = Vec::new();
    for class in Class::ALL {
        let mut after = None;
        while let Some((key, frame)) = spool.next(class, after) {
            assert_eq!(head(&frame).unwrap().key, key);
            found.push(key);
            after = Some(key);
        }
    }
    found
}

fn key(class: Class, epoch: u32, sequence: u64) -> FrameKey {
    FrameKey { class, epoch, sequence }
}

#[test]
fn frames_stay_until_they_are_acknowledged_also_over_a_restart() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(folder.path(), MANY);
    for sequence in 1..=3 {
        spool.send(telemetry(1, sequence)).unwrap();
    }
    spool.send(hello(1, 1, 3)).unwrap();
    // The same once more is the same.
    spool.send(telemetry(1, 3)).unwrap();
    let all = [
        key(Class::Control, 1, 1),
        key(Class::Telemetry, 1, 1),
        key(Class::Telemetry, 1, 2),
        key(Class::Telemetry, 1, 3),
    ];
    assert_eq!(waiting(&spool), all);
    spool.acknowledged(all[2]);
    spool.acknowledged(all[2]);
    let n_bytes = spool.status().n_bytes;
    drop(spool);
    let spool = open(folder.path(), MANY);
    assert_eq!(waiting(&spool), [all[0], all[1], all[3]]);
    assert_eq!((spool.status().n_frames, spool.status().n_bytes, spool.epoch()), (3, n_bytes, 1));
    [0, 1, 3].into_iter().for_each(|at| spool.acknowledged(all[at]));
    assert_eq!((spool.status().n_frames, spool.status().n_bytes), (0, 0));
    drop(spool);
    assert_eq!(open(folder.path(), MANY).epoch(), 1, "its numbers were used");
}

#[test]
fn what_matters_least_goes_first_and_that_is_told_once() {
    let folder = TempDir::new().unwrap();
    let frame = telemetry(1, 1).len() as u64;
    let mut spool = open(folder.path(), 40 * frame);
    for sequence in 1..=50 {
        spool.send(telemetry(1, sequence)).unwrap();
        assert!(spool.status().n_bytes <= 40 * frame);
    }
    let kept = waiting(&spool);
    assert_eq!(kept.last(), Some(&key(Class::Telemetry, 1, 50)), "the oldest goes");
    let n_dropped = 50 - kept.len() as u64;
    assert_eq!(spool.status().n_dropped, n_dropped);
    assert_eq!(spool.dropped(), None, "there is no room to tell it in");
    // What matters more takes the place of what matters less, not the other way round.
    spool.send(hello(1, 1, usize::try_from(35 * frame).unwrap())).unwrap();
    assert_eq!(waiting(&spool)[0], key(Class::Control, 1, 1));
    for sequence in 51..=70 {
        spool.send(telemetry(1, sequence)).unwrap();
    }
    assert_eq!(waiting(&spool)[0], key(Class::Control, 1, 1));
    let n_dropped = spool.status().n_dropped;
    drop(spool);
    let spool = open(folder.path(), 40 * frame);
    spool.acknowledged(key(Class::Control, 1, 1));
    assert_eq!(spool.dropped(), Some(n_dropped), "it is known after a restart");
    spool.told_dropped(n_dropped);
    assert_eq!(spool.dropped(), None);
    drop(spool);
    assert_eq!(open(folder.path(), 40 * frame).dropped(), None);
}

/// Two machines send as one host: what waits gets numbers that nobody used, and the pipeline others.
#[test]
fn a_new_epoch_renumbers_what_waits() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(folder.path(), MANY);
    for sequence in 5..=7 {
        spool.send(telemetry(1, sequence)).unwrap();
    }
    let answer =
        encode(&Message { host: HOST, epoch: 1, sequence: 0, payload: Payload::NewEpoch { epoch: 4 } }).unwrap();
    // One comes for each frame that was under way.
    (0..3).for_each(|_| spool.arrived(answer.clone()));
    let told = spool.receive().map(|frame| decode(&frame).unwrap().payload);
    assert_eq!((told, spool.receive()), (Some(Payload::NewEpoch { epoch: 5 }), None));
    // The pipeline may not have heard of it yet.
    spool.send(telemetry(1, 8)).unwrap();
    spool.send(telemetry(5, 1)).unwrap();
    let moved: Vec<_> = (1..=4).map(|sequence| key(Class::Telemetry, 4, sequence)).collect();
    assert_eq!(waiting(&spool), [&moved[..], &[key(Class::Telemetry, 5, 1)]].concat());
    let (_, frame) = spool.next(Class::Telemetry, None).unwrap();
    let Payload::Loss(loss) = decode(&frame).unwrap().payload else { panic!("a loss went in") };
    assert_eq!(loss.time, EventNs(5));
}

#[test]
fn the_same_work_goes_on_in_its_epoch_and_another_in_a_new_one() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(folder.path(), MANY);
    assert_eq!(spool.epoch_of(&[1; 32]).unwrap(), 1);
    spool.send(telemetry(1, 1)).unwrap();
    drop(spool);
    let spool = open(folder.path(), MANY);
    assert_eq!(spool.epoch_of(&[1; 32]).unwrap(), 1);
    assert_eq!(spool.epoch_of(&[2; 32]).unwrap(), 2);
    assert_eq!(spool.epoch_of(&[2; 32]).unwrap(), 2);
}

#[test]
fn answers_reach_the_pipeline_within_bounds() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(folder.path(), MANY);
    let answer = encode(&Message { host: HOST, epoch: 1, sequence: 0, payload: Payload::WantProfile }).unwrap();
    for _ in 0..(8 << 20) / answer.len() {
        spool.arrived(answer.clone());
    }
    let n_bytes: usize = std::iter::from_fn(|| spool.receive()).map(|frame| frame.len()).sum();
    assert!(((4 << 20) - answer.len()..=4 << 20).contains(&n_bytes), "{n_bytes} bytes");
    spool.arrived(answer.clone());
    assert_eq!(spool.receive(), Some(answer));
}

/// What the aggregator cannot read goes, and is told as lost: but for what would only tell of losses.
#[test]
fn a_refused_frame_goes_and_is_told() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(folder.path(), MANY);
    spool.send(telemetry(1, 1)).unwrap();
    spool.send(hello(1, 1, 3)).unwrap();
    for _ in 0..2 {
        spool.refused(key(Class::Telemetry, 1, 1));
        assert_eq!((waiting(&spool), spool.dropped()), (vec![key(Class::Control, 1, 1)], None));
    }
    for _ in 0..2 {
        spool.refused(key(Class::Control, 1, 1));
        assert_eq!((waiting(&spool), spool.dropped()), (vec![], Some(1)));
    }
    let status = spool.status();
    assert_eq!((status.link.n_refused, status.n_frames, status.n_bytes, status.n_dropped), (2, 0, 0, 0));
    drop(spool);
    assert_eq!(open(folder.path(), MANY).dropped(), Some(1), "it is known after a restart");
}

/// A row that is no frame could not be answered by anybody, and would come first for ever.
#[test]
fn a_damaged_row_is_dropped() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let mut spool = Spool::open(&store, MANY).unwrap();
    spool.send(telemetry(1, 1)).unwrap();
    spool.send(telemetry(1, 2)).unwrap();
    let rows = SpoolRows::of(&store);
    let (row_key, _) = rows.first_from(&[]).unwrap().unwrap();
    rows.change(&[(&row_key, b"garbage")], &[], true).unwrap();
    assert_eq!(waiting(&spool), [key(Class::Telemetry, 1, 2)]);
    assert_eq!((spool.dropped(), spool.status().n_frames), (Some(1), 1));
}
