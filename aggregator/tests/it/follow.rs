//! Where alerts lead to other hosts, and who is told.

use crate::host::{HOUR, Host, aggregator, graph, intrusion, key, oddity, with_edge, with_process, with_socket};
use tracewell_model::{AlertGraph, EventNs, FarEnd, NodeRole, Operation, Protocol, Reason};
use tracewell_wire::limits::FAR_ENDS_MAX;
use tracewell_wire::{Hello, Payload};

const OWN: &str = "10.1.0.5:40000";
const OTHER: &str = "10.2.0.9:22";

/// The graph's process connects from one address to another.
fn calls(graph: AlertGraph, id: u64, local: &str, remote: &str) -> AlertGraph {
    with_edge(with_socket(graph, key(id, 9), local, remote), key(id, 1), Operation::Connect, key(id, 9))
}

/// What lies between the processes that stand out calls somebody, for anybody.
fn served(graph: AlertGraph) -> AlertGraph {
    let graph = with_process(graph, key(6, 3), "/bin/server", NodeRole::Connector, &[Reason::Connects]);
    with_edge(with_socket(graph, key(6, 9), OWN, OTHER), key(6, 3), Operation::Connect, key(6, 9))
}

fn ends(local: &str, remote: &str, at: u64) -> FarEnd {
    let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
    FarEnd { protocol: Protocol::Tcp, local, remote, first: EventNs(at), last: EventNs(at + EventNs::SECOND) }
}

#[test]
fn what_would_be_shown_leads_to_the_other_end_once() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("a"));
    assert_eq!(aggregator.follow(), []);
    host.alert(&mut aggregator, calls(intrusion(1, HOUR, "/bin/a"), 1, OWN, OTHER));
    let [end] = aggregator.follow()[..] else { panic!("one connection leads on") };
    assert_eq!((end.local, end.remote), (OTHER.parse().unwrap(), OWN.parse().unwrap()), "as the other host sees it");
    host.alert(&mut aggregator, calls(intrusion(2, 2 * HOUR, "/bin/a"), 2, OWN, OTHER));
    assert_eq!(aggregator.follow(), [], "it was asked for already");
}

#[test]
fn what_stands_alone_or_names_no_machine_leads_nowhere() {
    let (mut aggregator, mut host) = (aggregator(), Host::new("a"));
    for (id, graph) in [
        (1, calls(oddity(1, HOUR, "/bin/weak"), 1, OWN, OTHER)),
        (2, calls(intrusion(2, HOUR, "/bin/a"), 2, "127.0.0.1:5", "127.0.0.1:6")),
        (3, calls(intrusion(3, HOUR, "/bin/b"), 3, "172.17.0.2:5", "172.17.0.3:6")),
        (4, with_socket(intrusion(4, HOUR, "/bin/c"), key(4, 9), OWN, OTHER)),
        (6, served(intrusion(6, HOUR, "/bin/d"))),
    ] {
        host.alert(&mut aggregator, graph);
        assert_eq!(aggregator.follow(), [], "graph {id}");
    }
    // What came of following leads on, however little it weighs.
    let reasons = [Reason::Followed { socket: key(5, 9) }];
    let followed = with_process(graph(5, HOUR), key(5, 1), "/bin/sh", NodeRole::Terminal, &reasons);
    host.alert(&mut aggregator, calls(followed, 5, OWN, OTHER));
    assert_eq!(aggregator.follow().len(), 1);
}

/// A host that was away is told when it comes back, and then of what is new; of its own alerts it is not.
#[test]
fn who_was_away_is_told_what_it_missed() {
    let (mut aggregator, mut a, mut b) = (aggregator(), Host::new("a"), Host::new("b"));
    a.alert(&mut aggregator, calls(intrusion(1, HOUR, "/bin/a"), 1, OWN, OTHER));
    let followed = |answers: Vec<Payload>| -> usize {
        let ends = answers.iter().map(|answer| match answer {
            Payload::Follow(ends) => ends.len(),
            _ => 0,
        });
        ends.sum()
    };
    let hello = Hello { name: "b".into(), parameters_hash: [0; 32], version: "1".into() };
    assert_eq!(followed(b.send(&mut aggregator, Payload::Hello(hello))), 1);
    assert_eq!(followed(b.beat(&mut aggregator, HOUR, false)), 0);
    a.alert(&mut aggregator, calls(intrusion(2, HOUR, "/bin/b"), 2, OWN, "10.2.0.8:22"));
    assert_eq!(followed(b.beat(&mut aggregator, 2 * HOUR, false)), 1);
    assert_eq!(followed(a.beat(&mut aggregator, 2 * HOUR, false)), 0);
}

/// A host that floods is told of in turn with the others, and remembered no longer than they.
#[test]
fn a_flood_of_one_host_holds_up_no_other() {
    let (mut aggregator, mut loud, mut quiet) = (aggregator(), Host::new("loud"), Host::new("quiet"));
    for n in 1..=1000 {
        let remote = format!("10.2.{}.{}:22", n / 250, n % 250);
        loud.alert(&mut aggregator, calls(intrusion(n, HOUR, "/bin/a"), n, OWN, &remote));
    }
    quiet.alert(&mut aggregator, calls(intrusion(1, HOUR, "/bin/b"), 1, "10.3.0.1:40000", OTHER));
    let first = aggregator.follow();
    assert_eq!(first.len(), FAR_ENDS_MAX);
    assert!(first.contains(&ends(OTHER, "10.3.0.1:40000", HOUR)), "{first:?}");
    let rest: usize = std::iter::from_fn(|| Some(aggregator.follow().len()).filter(|n| *n > 0)).sum();
    assert_eq!(first.len() + rest, 256 + 1, "the latest of the loud one");
}
