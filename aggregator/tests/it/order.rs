//! The list depends on what arrived, not on how hosts took turns.

use crate::host::{HOUR, Host, aggregator, alarm, graph, intrusion, key, oddity, with_process, with_socket};
use proptest::prelude::*;
use tracewell_aggregator::Incidents;
use tracewell_model::{AlertGraph, AlertUpdate, NodeKey, NodeRole, Reason};
use tracewell_wire::Payload;

const N_HOSTS: usize = 4;

/// What one host sends, in its order.
fn story(host: usize, kind: u8, n: u64) -> Vec<AlertUpdate> {
    let id = host as u64 * 100 + n;
    let first = HOUR * (n % 5);
    let whole = |graph: AlertGraph| AlertUpdate { extends: 0, graph };
    match kind {
        0 => vec![whole(intrusion(id, first, "/bin/a"))],
        1 => vec![whole(oddity(id, first, "/bin/b"))],
        2 => vec![whole(alarm(id, first, &format!("/bin/{id}"), Reason::EnteredKernel))],
        3 => {
            let (a, b) = ("203.0.113.5:40000", "198.51.100.9:22");
            let (local, remote) = if host.is_multiple_of(2) { (a, b) } else { (b, a) };
            vec![whole(with_socket(intrusion(id, first, "/bin/c"), key(id, 9), local, remote))]
        }
        4 => {
            let shared = NodeKey(host as u128);
            vec![whole(with_process(intrusion(id, first, "/bin/d"), shared, "/bin/s", NodeRole::Terminal, &[]))]
        }
        _ => {
            let delta =
                with_process(graph(id, first), key(id, 5), "/bin/e", NodeRole::Terminal, &[Reason::EnteredKernel]);
            let delta = AlertUpdate { extends: 1, graph: AlertGraph { revision: 2, ..delta } };
            vec![whole(intrusion(id, first, "/bin/a")), delta]
        }
    }
}

/// The incidents when hosts take turns as `turns` says; what is left follows host by host. Some frames come twice.
fn incidents(kinds: &[Vec<u8>], turns: &[usize], twice: bool) -> Incidents {
    let mut aggregator = aggregator();
    let mut queues: Vec<_> = (0..N_HOSTS)
        .map(|index| {
            let mut host = Host::new(&format!("host-{index}"));
            let updates = kinds[index].iter().zip(1..).flat_map(|(&kind, n)| story(index, kind, n));
            let frames = updates.map(|mut update| {
                update.graph.host = host.id;
                host.frame(Payload::Alert(update))
            });
            frames.collect::<std::collections::VecDeque<_>>()
        })
        .collect();
    let order = turns.iter().copied().chain((0..N_HOSTS).flat_map(|host| std::iter::repeat_n(host, 100)));
    for host in order {
        if let Some(frame) = queues[host].pop_front() {
            aggregator.receive(&frame).unwrap();
            if twice {
                aggregator.receive(&frame).unwrap();
            }
        }
    }
    aggregator.incidents().unwrap()
}

proptest! {
    #[test]
    fn turns_and_repetition_change_nothing(
        kinds in prop::collection::vec(prop::collection::vec(0..6u8, 0..8), N_HOSTS),
        turns in prop::collection::vec(0..N_HOSTS, 0..40),
    ) {
        let one_by_one = incidents(&kinds, &[], false);
        prop_assert_eq!(&incidents(&kinds, &turns, false), &one_by_one);
        prop_assert_eq!(&incidents(&kinds, &turns, true), &one_by_one);
    }

    /// Every alert graph is in exactly one incident, overflow incidents aside, which repeat what they stand for.
    #[test]
    fn nothing_is_lost_and_nothing_is_counted_twice(
        kinds in prop::collection::vec(prop::collection::vec(0..6u8, 0..8), N_HOSTS),
    ) {
        let incidents = incidents(&kinds, &[], false);
        let all = incidents.shown.iter().filter(|incident| incident.overflow.is_none()).chain(&incidents.held);
        let mut members: Vec<_> = all.flat_map(|incident| &incident.members).map(|graph| (graph.host, graph.id)).collect();
        prop_assert_eq!(members.len() as u64, incidents.counters.alarms_raw);
        members.sort_unstable();
        members.dedup();
        prop_assert_eq!(members.len() as u64, incidents.counters.alarms_raw);
        prop_assert!(incidents.counters.alarms_after_fold <= incidents.counters.alarms_raw);
        prop_assert_eq!(incidents.counters.incidents_shown, incidents.shown.len() as u64);
    }
}
