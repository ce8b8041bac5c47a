//! What both ends of a connection keep to, without one.

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tracewell_wire::limits::FRAME_BYTES_MAX;
use tracewell_wire::session::enrolment::{Enrolment, decode_enrolled, decode_renewal, encode_enrolled, encode_renewal};
use tracewell_wire::session::framing::{Framer, delimited};
use tracewell_wire::session::greeting::{check_welcome, opening, welcome};
use tracewell_wire::session::{Backoff, Bucket, Close, IN_FLIGHT_BYTES_MAX, IN_FLIGHT_FRAMES_MAX, Sender, Token};
use tracewell_wire::{Class, FrameKey, WireError, decode_with_hash, encode, head, readdress};

fn framed(bytes: &[u8], pieces: &[usize], bytes_max: usize) -> Result<(Vec<Vec<u8>>, bool), WireError> {
    let mut framer = Framer::new(bytes_max);
    let (mut frames, mut rest) = (Vec::new(), bytes);
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let len = (*pieces.next().expect("they never end")).clamp(1, rest.len());
        framer.push(&rest[..len]);
        rest = &rest[len..];
        while let Some(frame) = framer.frame()? {
            frames.push(frame);
        }
    }
    Ok((frames, framer.is_between_frames()))
}

proptest! {
    /// However a stream is cut, the same frames come out of it.
    #[test]
    fn frames_come_out_as_they_went_in(
        frames in vec(vec(any::<u8>(), 1..400), 0..8),
        pieces in vec(1..200usize, 1..8),
    ) {
        let stream: Vec<u8> = frames.iter().flat_map(|frame| delimited(frame)).collect();
        prop_assert_eq!(framed(&stream, &pieces, 400).unwrap(), (frames, true));
    }

    /// Garbage gives frames within the limit, or an error.
    #[test]
    fn garbage_on_a_stream_is_bounded(bytes in vec(any::<u8>(), 0..600), pieces in vec(1..50usize, 1..4)) {
        if let Ok((frames, _)) = framed(&bytes, &pieces, 100) {
            prop_assert!(frames.iter().all(|frame| (1..=100).contains(&frame.len())));
        }
    }

    #[test]
    fn garbage_is_no_greeting_and_no_enrolment(bytes in vec(any::<u8>(), 0..400)) {
        let _ = (welcome(&bytes), check_welcome(&bytes), decode_enrolled(&bytes), head(&bytes));
        let _ = decode_renewal(&bytes);
        let _ = (Enrolment::decode(&bytes), String::from_utf8_lossy(&bytes).parse::<Token>());
    }

    /// A head says what the message is, and another address changes nothing else of it.
    #[test]
    fn a_frame_keeps_its_content_under_another_key(
        message in crate::arbitrary::message(),
        epoch in any::<u32>(),
        sequence in any::<u64>(),
    ) {
        let frame = encode(&message).unwrap();
        let (before, hash) = decode_with_hash(&frame).unwrap();
        let key = FrameKey { class: message.payload.class(), epoch: message.epoch, sequence: message.sequence };
        let found = head(&frame).unwrap();
        prop_assert_eq!((found.host, found.key, found.content_hash), (message.host, key, hash));
        let moved = readdress(&frame, FrameKey { epoch, sequence, ..key }).unwrap();
        let (after, hash_after) = decode_with_hash(&moved).unwrap();
        prop_assert_eq!((after.epoch, after.sequence, hash_after), (epoch, sequence, hash));
        prop_assert_eq!((after.host, after.payload), (before.host, before.payload));
    }

    #[test]
    fn a_token_is_read_as_it_is_written(id in any::<[u8; 16]>(), secret in any::<[u8; 32]>(), authority in any::<[u8; 32]>()) {
        let token = Token { id, secret, authority };
        prop_assert_eq!(format!(" {token}\n").parse::<Token>().unwrap(), token);
        let shown = format!("{token:?}");
        prop_assert!(!shown.contains("secret"));
    }

    /// Whatever is lost, repeated or cut off: each frame is stored, those of a class in order on each connection, and no more
    /// are under way than may be.
    #[test]
    fn every_frame_arrives(steps in vec((0..6u8, any::<prop::sample::Index>()), 1..200)) {
        let mut run = Run::default();
        for (step, index) in steps {
            run.step(step, index);
        }
        // From now on nothing is lost.
        run.connect();
        while !run.spool.is_empty() {
            run.send();
            run.store();
            while let Some(key) = run.acknowledgements.pop_first() {
                run.acknowledge(key);
            }
        }
        prop_assert_eq!(run.stored, run.spooled);
    }
}

/// A host and an aggregator with a bad network between them.
#[derive(Default)]
struct Run {
    sender: Sender,
    spool: BTreeMap<FrameKey, usize>,
    spooled: BTreeSet<FrameKey>,
    under_way: Vec<FrameKey>,
    stored: BTreeSet<FrameKey>,
    acknowledgements: BTreeSet<FrameKey>,
    last: BTreeMap<Class, FrameKey>,
}

impl Run {
    fn step(&mut self, step: u8, index: prop::sample::Index) {
        match step {
            0 | 1 => {
                let n = self.spooled.len() as u64;
                let class = Class::ALL[index.index(4)];
                let key = FrameKey { class, epoch: 1 + (n / 64) as u32, sequence: n + 1 };
                self.spool.insert(key, 1 + index.index(FRAME_BYTES_MAX));
                self.spooled.insert(key);
            }
            2 => self.send(),
            3 => self.store(),
            4 if !self.acknowledgements.is_empty() => {
                let at = index.index(self.acknowledgements.len());
                let key = *self.acknowledgements.iter().nth(at).expect("it is there");
                self.acknowledge(key);
            }
            _ => self.connect(),
        }
    }

    fn connect(&mut self) {
        self.under_way.clear();
        self.acknowledgements.clear();
        self.last.clear();
        self.sender.begin();
    }

    /// One frame of the first class that has one.
    fn send(&mut self) {
        for class in Class::ALL {
            let Some(after) = self.sender.next(class) else { continue };
            let least = FrameKey { class, epoch: 0, sequence: 0 };
            let found = self.spool.range(after.unwrap_or(least)..).find(|(key, _)| Some(**key) != after);
            let Some((&key, &n_bytes)) = found.filter(|(key, _)| key.class == class) else { continue };
            self.sender.sent(key, n_bytes);
            assert!(self.last.insert(class, key).is_none_or(|last| last < key), "in order");
            self.under_way.push(key);
            let of_class: Vec<_> = self.under_way.iter().filter(|key| key.class == class).collect();
            assert!(of_class.len() <= IN_FLIGHT_FRAMES_MAX);
            let n_bytes: usize = of_class.iter().filter_map(|key| self.spool.get(key)).sum();
            assert!(n_bytes < IN_FLIGHT_BYTES_MAX + FRAME_BYTES_MAX);
            return;
        }
    }

    fn store(&mut self) {
        self.stored.extend(&self.under_way);
        self.acknowledgements.extend(&self.under_way);
    }

    fn acknowledge(&mut self, key: FrameKey) {
        self.acknowledgements.remove(&key);
        self.spool.remove(&key);
        self.under_way.retain(|under_way| *under_way != key);
        self.sender.acknowledged(key);
    }
}

/// Work that is done again puts frames with lower numbers into the spool than those that waited there.
#[test]
fn a_lower_number_is_sent_once_all_that_was_sent_is_stored() {
    let key = |sequence| FrameKey { class: Class::Alert, epoch: 1, sequence };
    let mut sender = Sender::default();
    [5, 6].into_iter().for_each(|sequence| sender.sent(key(sequence), 10));
    assert_eq!(sender.next(Class::Alert), Some(Some(key(6))));
    assert!(sender.acknowledged(key(5)));
    assert_eq!(sender.next(Class::Alert), Some(Some(key(6))));
    assert!(sender.acknowledged(key(6)));
    assert_eq!(sender.next(Class::Alert), Some(None), "from the first on");
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_it_comes() {
    let mut framer = Framer::new(FRAME_BYTES_MAX);
    framer.push(&delimited(&vec![1; FRAME_BYTES_MAX + 1])[..3]);
    assert!(matches!(framer.frame(), Err(WireError::TooLarge { what: "frame", .. })));
    for (bytes, what) in [(&[0][..], "empty"), (&[0x80, 0x80, 0x80], "four bytes of length")] {
        let mut framer = Framer::new(FRAME_BYTES_MAX);
        framer.push(bytes);
        assert!(framer.frame().is_err(), "{what}");
    }
}

#[test]
fn both_sides_agree_on_a_version_or_say_which_they_speak() {
    check_welcome(&welcome(&opening()).unwrap()).unwrap();
    // From version 7 to 9.
    let newer = welcome(&[0x08, 7, 0x10, 9]).unwrap_err();
    assert_eq!(newer.to_string(), "version 9 of the wire format is not understood, expected 1");
    assert!(check_welcome(&[0x08, 2]).is_err());
}

#[test]
fn an_enrolment_is_read_as_it_is_written_and_names_are_names() {
    let enrolment =
        |name: &str| Enrolment { token: [1; 16], secret: [2; 32], request: vec![3; 300], name: name.into() };
    assert!(Enrolment::decode(&enrolment("web-1").encode()).unwrap() == enrolment("web-1"));
    for name in ["", "a\nb", &"x".repeat(254)] {
        assert!(Enrolment::decode(&enrolment(name).encode()).is_err(), "{name:?}");
    }
    assert_eq!(decode_enrolled(&encode_enrolled(vec![7; 600])).unwrap(), vec![7; 600]);
    assert!(decode_enrolled(&[]).is_err());
    assert_eq!(decode_renewal(&encode_renewal(vec![7; 300])).unwrap(), vec![7; 300]);
}

#[test]
fn waits_grow_to_a_minute_and_differ() {
    let mut backoff = Backoff::default();
    let seconds = |wait: Duration| wait.as_secs_f64();
    for whole in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        let (mut one, mut other) = (backoff, backoff);
        assert_eq!(seconds(one.failed(0)), whole / 2.0);
        assert!(seconds(other.failed(u64::MAX)) > whole * 0.99);
        backoff.failed(1 << 63);
    }
    backoff.succeeded();
    assert!(seconds(backoff.failed(u64::MAX)) <= 1.0);
}

#[test]
fn a_reason_to_close_is_known_by_its_code() {
    for close in [Close::Done, Close::Version, Close::Refused, Close::Violation, Close::Overloaded, Close::Replaced] {
        assert_eq!(Close::of(close.code().into()), Some(close));
    }
    assert_eq!((Close::Refused.code(), Close::of(99)), (2, None));
}

proptest! {
    /// Whoever comes when: no more passes than the rate and one burst allow, and what asks for no more never waits.
    #[test]
    fn a_bucket_lets_pass_what_it_may(
        steps in vec((0..500u64, 0..3000u64), 1..60),
        per_second in 1..2000u64,
        burst_ms in 0..5000u64,
    ) {
        let burst = Duration::from_millis(burst_ms);
        let mut bucket = Bucket::new(per_second, burst);
        let (mut now, mut passed) = (Duration::from_secs(5), 0u64);
        let began = now;
        for (n, pause_ms) in steps {
            now += Duration::from_millis(pause_ms);
            now += bucket.take(n, now);
            passed += n;
            let allowed = (now - began + burst).as_secs_f64() * per_second as f64;
            prop_assert!(passed as f64 <= allowed + 1.0, "{passed} passed, {allowed} may");
        }
        now += burst;
        prop_assert_eq!(bucket.take((burst.as_secs_f64() * per_second as f64) as u64, now + burst), Duration::ZERO);
    }
}
