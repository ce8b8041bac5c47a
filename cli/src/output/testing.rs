//! An invented incident for snapshots: a server starts a shell, which writes a file, runs it and calls out.

use super::alerts::{Contribution, Edge, Incident, Kind, Member, Node, Role};

pub fn node(id: &str, kind: Kind, label: &str) -> Node {
    Node {
        id: id.to_owned(),
        kind,
        host: "web".to_owned(),
        label: label.to_owned(),
        general: label.to_owned(),
        first_sight: true,
        first: format!("2020-01-01T00:00:{:0>2}.000000000Z", id.trim_start_matches(char::is_alphabetic)),
        ..Node::default()
    }
}

pub fn edge(from: &str, to: &str, operation: &str) -> Edge {
    Edge {
        from: from.to_owned(),
        to: to.to_owned(),
        operation: operation.to_owned(),
        count: 1,
        bytes: 0,
        surprise_millibits: 0,
        first: "2020-01-01T00:00:00.000000000Z".to_owned(),
        last: "2020-01-01T00:00:00.000000000Z".to_owned(),
        reasons: vec![],
        incomplete: false,
        members: vec![0],
    }
}

pub fn incident(nodes: Vec<Node>, edges: Vec<Edge>) -> Incident {
    Incident {
        id: "00112233445566778899aabbccddeeff".to_owned(),
        score: 81_250,
        severity: "high".to_owned(),
        title: "a web server ran what it had written".to_owned(),
        hosts: vec!["web".to_owned()],
        first: "2020-01-01T00:00:00.000000000Z".to_owned(),
        last: "2020-01-01T00:01:00.000000000Z".to_owned(),
        repeats: 1,
        explanation: vec![Contribution { score: 81_250, words: "ran a file that its own lineage had written".into() }],
        incomplete: false,
        members: vec![Member {
            id: "a1".to_owned(),
            host: "web".to_owned(),
            revision: 1,
            first: "2020-01-01T00:00:00.000000000Z".to_owned(),
            last: "2020-01-01T00:01:00.000000000Z".to_owned(),
            surprise_millibits: 60_000,
            nodes: nodes.len(),
            edges: edges.len(),
            nodes_omitted: 0,
            lost_events: 0,
            lost_gaps: 0,
        }],
        drawn: nodes.len(),
        nodes,
        edges,
        groups: vec![],
    }
}

pub fn dropper() -> Incident {
    let context = |node: Node| Node { role: Role::Context, ..node };
    let why = |node: Node, reason: &str| Node { reasons: vec![reason.to_owned()], ..node };
    let nodes = vec![
        context(why(node("p1", Kind::Process, "server [10]"), "started a process that stands out")),
        Node {
            surprise_millibits: 42_190,
            ..why(node("p2", Kind::Process, "sh -c \"./drop\" [11]"), "not started by this parent before")
        },
        context(why(node("f3", Kind::File, "/tmp/drop"), "touched by a process that stands out")),
        why(node("p4", Kind::Process, "./drop [12]"), "ran a file that its own lineage had written"),
        context(why(node("s5", Kind::Socket, "192.0.2.7:443"), "touched by a process that stands out")),
    ];
    let edges = vec![
        edge("p1", "p2", "fork"),
        Edge { count: 3, bytes: 12_345, ..edge("p2", "f3", "write") },
        edge("p2", "p4", "fork"),
        Edge { reasons: vec!["written by its own lineage".to_owned()], ..edge("f3", "p4", "exec") },
        edge("p4", "s5", "connect"),
        Edge { bytes: 99, ..edge("p4", "s5", "send") },
    ];
    incident(nodes, edges)
}

/// The document is the aggregator's; the incident that shows it is this file's.
mod tests {
    use super::super::alerts::{Alerts, Incident, SCHEMA};
    use super::dropper;

    fn alerts(ids: &[&str]) -> Alerts {
        let incidents = ids.iter().map(|id| Incident { id: (*id).to_owned(), ..dropper() }).collect();
        Alerts { schema: SCHEMA.to_owned(), parameters_hash: String::new(), incidents }
    }

    #[test]
    fn incidents_are_found_by_rank_id_and_beginning() {
        let alerts = alerts(&["aab1", "aac2", "bb", "bbcc"]);
        for (wanted, rank) in [("#1", 1), ("#4", 4), ("aab", 1), ("aac2", 2), ("bbc", 4), ("bb", 3)] {
            let (found, incident) = alerts.find(wanted).unwrap();
            assert_eq!((found, &incident.id), (rank, &alerts.incidents[rank - 1].id), "{wanted}");
        }
        for (wanted, problem) in [
            ("#0", "there are 4"),
            ("#5", "there are 4"),
            ("#x", "there are 4"),
            ("", "no incident"),
            ("cc", "no incident"),
            ("aa", "the start of aab1 and aac2"),
        ] {
            let error = alerts.find(wanted).unwrap_err();
            assert!(error.contains(problem), "{wanted}: {error}");
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_other_versions_are_refused() {
        let alerts = alerts(&["aa"]);
        assert_eq!(Alerts::from_bytes(&alerts.to_bytes()).unwrap(), alerts);
        for wrong in ["", "{}", "[]", "{\"schema\":\"tracewell-alerts/2\"}", "{\"schema\":\"tracewell-alerts/1\"}"] {
            let error = Alerts::from_bytes(wrong.as_bytes()).unwrap_err();
            assert!(error.starts_with("expected a document tracewell-alerts/1"), "{error}");
        }
    }
}
