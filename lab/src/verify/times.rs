//! Whether the times of a recording are those of one clock, pauses included.

use super::COMPLAINTS_MAX;
use crate::index::Entry;
use crate::notes::TICKS_HZ;
use std::collections::BTreeSet;
use tracewell_datasets::truth::Truth;
use tracewell_model::{EventNs, Object, Operation, Record};

/// A record may be that much earlier than one before it: the agent reads what several processors wrote, a batch at a time.
const EARLIER_NS_MAX: u64 = 1_000_000_000;
/// A start is given in clock ticks, and a fork is seen when it is done.
const BIRTH_NS_MAX: u64 = 200_000_000;

pub(super) fn look(records: &[Record], truth: &Truth, entry: &Entry, wrong: &mut Vec<String>) {
    in_order(records, wrong);
    births(records, wrong);
    pauses(records, entry, wrong);
    let times: Vec<EventNs> = records.iter().filter_map(Record::time).collect();
    let (Some(&first), Some(&last)) = (times.iter().min(), times.iter().max()) else { return };
    for step in truth.attacks.iter().flat_map(|attack| &attack.steps) {
        // One that ends with the scenario ends after its last record.
        if step.window.from < first || last < step.window.from {
            wrong.push(format!("step {:?} does not begin within the recording", step.name));
        }
    }
}

fn in_order(records: &[Record], wrong: &mut Vec<String>) {
    let mut latest = EventNs(0);
    let mut n_early = 0u64;
    for time in records.iter().filter_map(Record::time) {
        n_early += u64::from(time.0 + EARLIER_NS_MAX < latest.0);
        latest = latest.max(time);
    }
    if n_early > 0 {
        wrong.push(format!("not in order of time: {n_early} records are more than a second early"));
    }
}

/// The start of every process is when it was forked, by one clock.
fn births(records: &[Record], wrong: &mut Vec<String>) {
    let forks: Vec<(u64, u32, u64)> = records
        .iter()
        .filter_map(|record| match record {
            Record::Event(event) => match (event.op, &event.object) {
                (Operation::Fork, Object::Process(child)) => {
                    let start_ns = child.start * (1_000_000_000 / TICKS_HZ);
                    Some((event.time.0.saturating_sub(start_ns), child.pid, child.start))
                }
                _ => None,
            },
            _ => None,
        })
        .collect();
    // When the machine was started, as most of them have it.
    let mut origins: Vec<u64> = forks.iter().map(|(origin, _, _)| *origin).collect();
    origins.sort_unstable();
    let Some(&origin) = origins.get(origins.len() / 2) else { return };
    let off: BTreeSet<_> = forks.iter().filter(|(is, _, _)| is.abs_diff(origin) > BIRTH_NS_MAX).collect();
    wrong.extend(off.into_iter().take(COMPLAINTS_MAX).map(|(is, pid, start)| {
        let off_ms = is.abs_diff(origin) / 1_000_000;
        format!("start of process {pid} is {start}, {off_ms} ms from when it was forked")
    }));
}

/// Each pause that the index names is a gap of that length.
fn pauses(records: &[Record], entry: &Entry, wrong: &mut Vec<String>) {
    let mut latest = None;
    let mut gaps = Vec::new();
    for time in records.iter().filter_map(Record::time) {
        let before = *latest.get_or_insert(time);
        gaps.push(time.since(before) / 1_000_000_000);
        latest = Some(before.max(time));
    }
    for &(after_s, pause_s) in &entry.pauses {
        match gaps.iter().position(|gap| (pause_s..pause_s + 60).contains(gap)) {
            Some(at) => _ = gaps.remove(at),
            None => wrong.push(format!("no pause of {pause_s} s, which the index says is after {after_s} s")),
        }
    }
}
