//! Which alert graphs are one story.

use crate::host::{HOUR, Host, aggregator, incidents_of, intrusion, key, oddity, with_file, with_process, with_socket};
use tracewell_model::{AlertGraph, EventNs, NodeKey, NodeRole, Reason};

fn n_stories(graphs: impl IntoIterator<Item = AlertGraph>) -> usize {
    incidents_of(graphs).counters.alarms_after_fold as usize
}

/// Two graphs of different programs, each holding node 7 as given.
fn sharing(a: impl Fn(AlertGraph) -> AlertGraph, b: impl Fn(AlertGraph) -> AlertGraph) -> usize {
    n_stories([a(intrusion(1, HOUR, "/bin/a")), b(intrusion(2, 2 * HOUR, "/bin/b"))])
}

const SHARED: NodeKey = NodeKey(7);

#[test]
fn graphs_that_share_what_stands_out_are_one_story() {
    let process = |role| move |graph| with_process(graph, SHARED, "/bin/shared", role, &[Reason::Connects]);
    let file = |graph| with_file(graph, SHARED, "/tmp/dropped");
    let ran = |graph: AlertGraph| {
        let reasons = [Reason::RanOwnWrite { file: SHARED, writer: SHARED }];
        file(with_process(graph, key(9, 9), "/bin/runner", NodeRole::Terminal, &reasons))
    };
    use NodeRole::{Connector, Context, Terminal};
    assert_eq!(sharing(process(Terminal), process(Terminal)), 1);
    assert_eq!(sharing(process(Terminal), process(Connector)), 1);
    assert_eq!(sharing(process(Connector), process(Connector)), 2, "everything hangs together somewhere");
    assert_eq!(sharing(process(Terminal), process(Context)), 2);
    assert_eq!(sharing(file, file), 2, "both touched a file");
    assert_eq!(sharing(ran, ran), 1, "both ran it");
}

#[test]
fn a_hub_joins_nothing() {
    let hub = |id: u64| {
        let graph = intrusion(id, id * HOUR, &format!("/bin/{id}"));
        with_process(graph, SHARED, "/bin/shared", NodeRole::Terminal, &[Reason::Connects])
    };
    assert_eq!(n_stories((1..=8).map(hub)), 1);
    assert_eq!(n_stories((1..=9).map(hub)), 9);
}

/// Graphs on two hosts with one socket each; how many incidents they are.
fn across(a: (&str, &str, u64), b: (&str, &str, u64)) -> usize {
    let (mut aggregator, mut left, mut right) = (aggregator(), Host::new("left"), Host::new("right"));
    let ((local, remote, first), graph) = (a, |id, first, exe| intrusion(id, first, exe));
    left.alert(&mut aggregator, with_socket(graph(1, first, "/bin/a"), key(1, 9), local, remote));
    let (local, remote, first) = b;
    right.alert(&mut aggregator, with_socket(graph(2, first, "/bin/b"), key(2, 9), local, remote));
    aggregator.incidents().unwrap().counters.alarms_after_fold as usize
}

#[test]
fn two_ends_of_one_connection_join_two_hosts() {
    let (client, server) = ("203.0.113.5:40000", "198.51.100.9:22");
    let (inner, inner_server) = ("10.1.0.5:40000", "10.2.0.9:22");
    let cases = [
        (1, (client, server, HOUR), (server, client, HOUR), "both ends at one time"),
        (1, (inner, inner_server, HOUR), (inner_server, inner, HOUR), "a private network seen from both sides"),
        (1, (client, server, HOUR), (server, client, HOUR + 30 * EventNs::SECOND), "clocks half a minute apart"),
        (2, (client, server, HOUR), (server, client, 2 * HOUR), "an hour apart"),
        (2, (client, server, HOUR), (client, server, HOUR), "the same end twice"),
        (2, (client, server, HOUR), (server, "203.0.113.5:40001", HOUR), "another port"),
        (2, ("127.0.0.1:5", "127.0.0.1:6", HOUR), ("127.0.0.1:6", "127.0.0.1:5", HOUR), "loopback"),
        (2, ("172.17.0.2:5", "172.17.0.3:6", HOUR), ("172.17.0.3:6", "172.17.0.2:5", HOUR), "container bridges"),
        (2, ("169.254.1.2:5", "169.254.1.3:6", HOUR), ("169.254.1.3:6", "169.254.1.2:5", HOUR), "link-local"),
        (2, ("[fe80::1]:5", "[fe80::2]:6", HOUR), ("[fe80::2]:6", "[fe80::1]:5", HOUR), "link-local of IPv6"),
    ];
    for (expected, a, b, what) in cases {
        assert_eq!(across(a, b), expected, "{what}");
    }
}

/// A connection within one host says nothing of another host that has the same pair of addresses.
#[test]
fn a_connection_seen_whole_by_one_host_joins_no_other() {
    let (mut aggregator, mut left, mut right) = (aggregator(), Host::new("left"), Host::new("right"));
    let (a, b) = ("10.88.0.2:5", "10.88.0.3:6");
    let both = with_socket(intrusion(1, HOUR, "/bin/a"), key(1, 8), a, b);
    left.alert(&mut aggregator, with_socket(both, key(1, 9), b, a));
    right.alert(&mut aggregator, with_socket(intrusion(2, HOUR, "/bin/b"), key(2, 9), b, a));
    assert_eq!(aggregator.incidents().unwrap().shown.len(), 2);
}

/// Facts of both halves count for the story, and its repeats are counted as stories, not as graphs.
#[test]
fn a_joined_story_is_scored_as_one() {
    let shared = |graph| with_process(graph, SHARED, "/bin/shared", NodeRole::Terminal, &[Reason::Connects]);
    let strong = incidents_of([intrusion(1, HOUR, "/bin/a")]).shown.remove(0);
    let incidents = incidents_of([shared(intrusion(1, HOUR, "/bin/a")), shared(oddity(2, 2 * HOUR, "/bin/b"))]);
    let [joined] = &incidents.shown[..] else { panic!("{} incidents", incidents.shown.len()) };
    assert_eq!((joined.repeats, joined.members.len(), joined.best.len()), (1, 2, 2));
    assert!(joined.score > strong.score);
    assert_eq!(joined.id, strong.id, "the first member names it");
}
