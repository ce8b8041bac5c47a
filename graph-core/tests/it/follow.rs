//! Where an alert of another host leads on this one.

use crate::sketch::Sketch;
use tracewell_graph_core::checkpoint::{LoadRows, SaveRows};
use tracewell_graph_core::follow::Connections;
use tracewell_model::{AlertGraph, EventNs, FarEnd, Loss, NodeRole, Protocol, Reason};
use tracewell_parameters::Parameters;

/// A login with a key, a look around, and on to the next host: nothing that stands out by itself. Beside it another one's session.
const LOGINS: &str = "
    p1 exec /usr/sbin/sshd
    p1 accept tcp:10.0.0.2:22>10.0.0.1:4000
    p1 fork p2
    p2 receive tcp:10.0.0.2:22>10.0.0.1:4000
    p2 fork p3
    p3 exec /bin/sh
    p3 fork p4
    p4 exec /usr/bin/ssh
    p4 connect tcp:10.0.0.2:4001>10.0.0.3:22
    p1 accept tcp:10.0.0.2:22>10.0.0.9:4000
    p1 fork p5
    p5 receive tcp:10.0.0.2:22>10.0.0.9:4000
    p5 exec /bin/sh
";

fn end(local: &str, remote: &str, at: u64) -> FarEnd {
    let time = EventNs(at * EventNs::SECOND);
    let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
    FarEnd { protocol: Protocol::Tcp, local, remote, first: time, last: time }
}

fn led_to(trace: &str, ends: &[FarEnd], slack_ns: u64) -> (Sketch, Vec<AlertGraph>) {
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(trace);
    assert!(sketch.emit(Loss::default()).is_empty(), "nothing of it stands out");
    sketch.follow(ends, slack_ns);
    let updates = sketch.emit(Loss::default());
    (sketch, updates.into_iter().map(|update| update.graph).collect())
}

fn holds(sketch: &mut Sketch, graph: &AlertGraph, names: &[&str]) -> Vec<bool> {
    names.iter().map(|name| graph.nodes.contains_key(&sketch.key(name))).collect()
}

#[test]
fn a_session_at_the_other_end_is_shown_with_where_it_leads_on() {
    let (mut sketch, graphs) = led_to(LOGINS, &[end("10.0.0.2:22", "10.0.0.1:4000", 3)], 0);
    let [graph] = &graphs[..] else { panic!("{} graphs", graphs.len()) };
    let (session, socket) = (sketch.key("p2"), sketch.key("tcp:10.0.0.2:22>10.0.0.1:4000"));
    assert_eq!(graph.nodes[&session].role, NodeRole::Terminal);
    assert!(graph.nodes[&session].reasons.contains(&Reason::Followed { socket }));
    let shown = ["p2", "p3", "p4", "tcp:10.0.0.2:22>10.0.0.1:4000", "tcp:10.0.0.2:4001>10.0.0.3:22"];
    assert_eq!(holds(&mut sketch, graph, &shown), [true; 5]);
    let others = ["p5", "tcp:10.0.0.2:22>10.0.0.9:4000"];
    assert_eq!(holds(&mut sketch, graph, &others), [false; 2], "another session is none of its business");
    // To be asked again changes nothing; what it does next belongs to it.
    sketch.follow(&[end("10.0.0.2:22", "10.0.0.1:4000", 3)], 0);
    assert!(sketch.emit(Loss::default()).is_empty());
    sketch.run("p3 fork p6");
    let [update] = &sketch.emit(Loss::default())[..] else { panic!("no news") };
    assert_eq!(holds(&mut sketch, &update.graph, &["p6"]), [true]);
}

/// Backwards it is who called: its session is led by the connection before, which stands there to be followed on.
#[test]
fn who_called_is_shown_at_the_end_that_called() {
    let (mut sketch, graphs) = led_to(LOGINS, &[end("10.0.0.2:4001", "10.0.0.3:22", 9)], 0);
    let [graph] = &graphs[..] else { panic!("{} graphs", graphs.len()) };
    let caller = sketch.key("p4");
    assert_eq!(graph.nodes[&caller].role, NodeRole::Terminal);
    assert_eq!(holds(&mut sketch, graph, &["p3", "tcp:10.0.0.2:22>10.0.0.1:4000", "p5"]), [true, true, false]);
}

/// A server that hands its connection to a child by no edge that is seen.
#[test]
fn of_a_server_alone_those_are_shown_that_it_started_for_this_connection() {
    let trace = "
        p1 exec /usr/sbin/inetd
        p1 accept tcp:10.0.0.2:23>10.0.0.1:4000
        p1 fork p2
        p2 exec /bin/login
        p1 accept tcp:10.0.0.2:23>10.0.0.9:4000
        p1 fork p3
        p3 exec /bin/login
    ";
    let (mut sketch, graphs) = led_to(trace, &[end("10.0.0.2:23", "10.0.0.1:4000", 2)], 0);
    let [graph] = &graphs[..] else { panic!("{} graphs", graphs.len()) };
    assert_eq!(holds(&mut sketch, graph, &["p2", "p3"]), [true, false]);
}

#[test]
fn connections_of_others_and_of_other_times_lead_nowhere() {
    let minute = 60 * EventNs::SECOND;
    for (ends, slack_ns) in [
        (end("10.0.0.3:22", "10.0.0.2:4001", 9), 0),
        (end("10.0.0.2:22", "10.0.0.1:4002", 3), 0),
        (end("10.0.0.2:22", "10.0.0.1:4000", 100), minute),
    ] {
        assert_eq!(led_to(LOGINS, &[ends], slack_ns).1, [], "{ends:?}");
    }
    assert_eq!(led_to(LOGINS, &[end("10.0.0.2:22", "10.0.0.1:4000", 50)], minute).1.len(), 1, "clocks differ a little");
}

/// Times that never come fill no place for ever.
#[test]
fn who_asks_about_the_far_future_keeps_nobody_waiting() {
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(LOGINS);
    for n in 0..5000u32 {
        let remote = format!("10.9.{}.{}:22", n / 250, n % 250);
        sketch.connections.ask(vec![FarEnd { last: EventNs::MAX, ..end("10.0.0.2:22", &remote, 3) }]);
    }
    sketch.follow(&[end("10.0.0.2:22", "10.0.0.1:4000", 3)], 0);
    assert_eq!(sketch.emit(Loss::default()).len(), 1);
}

#[test]
fn what_is_remembered_outlasts_the_process() {
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(LOGINS);
    let mut rows = Vec::new();
    sketch.connections.save(&mut SaveRows::new(&mut |row: &[u8]| rows.push(row.to_vec())));
    let mut rows = rows.into_iter();
    let mut next = |row: &mut Vec<u8>| rows.next().map(|saved| *row = saved).ok_or("no more rows".to_owned());
    sketch.connections = Connections::load(&mut LoadRows::new(&mut next)).unwrap();
    sketch.follow(&[end("10.0.0.2:22", "10.0.0.1:4000", 3)], 0);
    assert_eq!(sketch.emit(Loss::default()).len(), 1);
}
