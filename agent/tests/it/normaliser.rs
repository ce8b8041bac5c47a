//! The normaliser loses nothing, repeats nothing, keeps the order, and follows no time that only a few records support.

use proptest::collection::vec;
use proptest::prelude::*;
use tracewell_agent::normalise::{Normaliser, Vetted};
use tracewell_model::{EventNs, HostId, Record};

const SLACK_NS: u64 = 1_000;

/// A tick whose host tells its place in the stream.
fn tick(place: usize, time: u64) -> Record {
    Record::Tick { host: HostId(place as u64), time: EventNs(time) }
}

fn times() -> impl Strategy<Value = Vec<u64>> {
    let base = 1_000_000;
    let time = prop_oneof![
        6 => base..base + SLACK_NS,
        2 => base + 5_000..base + 5_000 + 2 * SLACK_NS,
        1 => base + 9_000_000..base + 9_000_000 + SLACK_NS,
        1 => 1..base,
        1 => Just(u64::MAX),
    ];
    vec(time, 1..40)
}

/// The places and times of what comes out, and how many of it came out only at the end of the stream.
fn run(normaliser: &mut Normaliser, times: &[u64]) -> (Vec<(usize, u64)>, usize) {
    let mut out = Vec::new();
    for (place, &time) in times.iter().enumerate() {
        match normaliser.vet(&tick(place, time)) {
            Vetted::Pass => out.push(tick(place, time)),
            Vetted::Held => {}
            Vetted::Release(records) => out.extend(records),
        }
    }
    let at_end = normaliser.finish();
    let n_at_end = at_end.len();
    out.extend(at_end);
    let plain = |record: &Record| match record {
        Record::Tick { host, time } => (host.0 as usize, time.0),
        other => panic!("a tick became {other:?}"),
    };
    (out.iter().map(plain).collect(), n_at_end)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn every_record_comes_out_once_and_in_order(times in times()) {
        let (out, _) = run(&mut Normaliser::new(SLACK_NS, u64::MAX), &times);
        prop_assert!(out.iter().map(|(place, _)| *place).eq(0..times.len()), "{:?}", out);
    }

    #[test]
    fn clamping_only_ever_sets_back_and_is_counted(times in times()) {
        let mut normaliser = Normaliser::new(SLACK_NS, u64::MAX);
        let (out, _) = run(&mut normaliser, &times);
        prop_assert!(out.iter().all(|&(place, time)| time <= times[place]));
        let n_clamped = out.iter().filter(|&&(place, time)| time != times[place]).count();
        prop_assert_eq!(normaliser.clamped(), n_clamped as u64);
        prop_assert_eq!(normaliser.watermark().0, out.iter().map(|(_, time)| *time).max().unwrap());
    }

    #[test]
    fn time_runs_ahead_only_with_three_records_in_a_row(times in times()) {
        let (out, n_at_end) = run(&mut Normaliser::new(SLACK_NS, u64::MAX), &times);
        let mut watermark = out[0].1;
        for &(place, time) in &out {
            let is_at_end = place >= times.len() - n_at_end;
            let agree = |from: usize| {
                let three = times.get(from..from + 3);
                three.is_some_and(|three| three.iter().all(|other| *other >= time.saturating_sub(SLACK_NS)))
            };
            let is_supported = (place.saturating_sub(2)..=place).any(agree);
            let is_near = time <= watermark.saturating_add(if is_at_end { EventNs::DAY } else { SLACK_NS });
            prop_assert!(is_near || is_supported, "record {place} came out at {time} after {watermark}: {times:?}");
            watermark = watermark.max(time);
        }
    }
}
