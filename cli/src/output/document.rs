//! From the aggregator's incidents to what evaluation looks at, beside the document that people get.

use crate::eval::{Shown, ShownIncident, ShownNode};
use tracewell_aggregator::document::DRAWN_MAX;
use tracewell_aggregator::{Incident as Found, Incidents};
use tracewell_model::AlertGraph;

pub use tracewell_aggregator::document::of as alerts;

/// What evaluation scores: the union of the members, and which of their nodes are drawn as one.
pub fn shown(incidents: &Incidents) -> Shown {
    let members = |found: &Found| found.members.iter().map(|graph| shown_nodes(graph)).collect();
    let collapsed = |found: &Found| {
        let groups = found.view(DRAWN_MAX).groups;
        groups.into_iter().map(|group| group.nodes.into_iter().collect()).collect()
    };
    let shown = incidents.shown.iter();
    Shown {
        incidents: shown.map(|found| ShownIncident { members: members(found), collapsed: collapsed(found) }).collect(),
    }
}

fn shown_nodes(graph: &AlertGraph) -> Vec<ShownNode> {
    let node = |(&key, node): (_, &tracewell_model::AlertNode)| ShownNode {
        key,
        kind: node.attrs.kind(),
        first: node.first,
        last: node.last,
        surprise: node.surprise,
    };
    graph.nodes.iter().map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::members::HostNames;
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;
    use tracewell_aggregator::IncidentId;
    use tracewell_alert_scorer::{Contribution as Part, Severity, Signature};
    use tracewell_model::{
        AlertEdge, AlertId, AlertNode, EdgeKey, EventNs, FileKind, HostId, Loss, Millibits, NodeAttrs, NodeKey,
        NodeKind, NodeRole, Operation, ProcessRef, Reason,
    };

    fn node(attrs: NodeAttrs, role: NodeRole, general: &str) -> AlertNode {
        let reasons = vec![Reason::Connects];
        let (first, last) = (EventNs(10), EventNs(20));
        AlertNode { attrs, general: general.into(), role, surprise: Millibits(1500), reasons, first, last }
    }

    /// Process 1, which writes `n_files` files that are alike.
    fn member(id: u64, n_files: u128) -> Arc<AlertGraph> {
        let process = ProcessRef { pid: 7, start: 1, uuid: None };
        let process = NodeAttrs::Process {
            process,
            exe: Some("/bin/tool".into()),
            cmdline: None,
            uid: None,
            container: None,
            environment: None,
        };
        let mut nodes = BTreeMap::from([(NodeKey(1), node(process, NodeRole::Terminal, "/bin/tool"))]);
        let mut edges = BTreeMap::new();
        for n in 0..n_files {
            let key = NodeKey(100 + n);
            let file = NodeAttrs::File { uuid: None, path: Some(format!("/tmp/{n}").into()), kind: FileKind::Regular };
            nodes.insert(key, node(file, NodeRole::Context, "/tmp/*"));
            let edge = AlertEdge {
                count: 1,
                amount_bytes: 0,
                first: EventNs(10),
                last: EventNs(20),
                surprise: Millibits(0),
                reasons: vec![Reason::Connects],
                incomplete: false,
            };
            edges.insert(EdgeKey { from: NodeKey(1), to: key, op: Operation::Write }, edge);
        }
        let (first, last, loss) = (EventNs(10), EventNs(20), Loss::default());
        let surprise = Millibits(1500);
        let (id, host) = (AlertId(id), HostId(9));
        Arc::new(AlertGraph { id, host, revision: 1, first, last, surprise, nodes, edges, n_omitted: 0, loss })
    }

    fn incidents(members: Vec<Arc<AlertGraph>>) -> Incidents {
        let found = Found {
            id: IncidentId(0xabc),
            score: 12_345,
            evidence: Millibits(1),
            severity: Severity::High,
            title: "a title".to_owned(),
            hosts: BTreeSet::from([HostId(9), HostId(8)]),
            first: EventNs(10),
            last: EventNs(20),
            repeats: 2,
            members,
            best: vec![0],
            explanation: vec![Part { words: "why".to_owned(), points: 12_345 }],
            signature: Signature(0),
            class: None,
            loss: Loss::default(),
            incomplete: false,
            shown: true,
            overflow: None,
        };
        Incidents { shown: vec![found], ..Incidents::default() }
    }

    #[test]
    fn an_incident_keeps_all_members_and_says_what_is_seen_first() {
        let incidents = incidents(vec![member(1, 3), member(2, 5)]);
        let names = HostNames::from([(HostId(9), "web".into())]);
        let alerts = alerts(&incidents, "hash", &names);
        let incident = &alerts.incidents[0];
        assert_eq!((incident.id.as_str(), incident.score, incident.repeats), ("0000000000000abc", 12_345, 2));
        assert_eq!(incident.hosts, ["0000000000000008", "web"]);
        assert_eq!((incident.members.len(), incident.nodes.len(), incident.edges.len()), (2, 6, 5));
        // The best story has the process and three files alike; the repeat's other two are seen after expanding.
        let seen: Vec<_> = incident.nodes.iter().map(|node| (node.first_sight, node.group)).collect();
        let [alone, grouped, later] = [(true, None), (true, Some(0)), (false, None)];
        assert_eq!(seen, [alone, grouped, grouped, grouped, later, later]);
        assert_eq!((incident.drawn, incident.groups[0].nodes), (2, 3));
    }

    #[test]
    fn evaluation_sees_every_member_and_the_groups() {
        let shown = shown(&incidents(vec![member(1, 3), member(2, 5)]));
        let incident = &shown.incidents[0];
        assert_eq!(incident.members.iter().map(Vec::len).collect::<Vec<_>>(), [4, 6]);
        assert_eq!(incident.members[0][0].kind, NodeKind::Process);
        assert_eq!(incident.collapsed, [(100..103).map(NodeKey).collect()]);
    }
}
