//! Incidents as the document `alerts.json`, for a person or a program: the same from a replay and from an aggregator.

pub mod alerts;
pub mod members;
pub mod time;

use crate::{Incident as Found, Incidents, View};
use alerts::{Alerts, Contribution, Group, Incident, SCHEMA};
use members::{HostNames, host_name, member, nodes_and_edges};
use std::collections::BTreeMap;
use time::rfc3339;

/// What a person takes in at first sight (DESIGN.md, "Numbers to reach").
pub const DRAWN_MAX: usize = 50;

/// The shown incidents, best first, with all their members.
pub fn of(incidents: &Incidents, parameters_hash: &str, names: &HostNames) -> Alerts {
    Alerts {
        schema: SCHEMA.to_owned(),
        parameters_hash: parameters_hash.to_owned(),
        incidents: incidents.shown.iter().map(|found| incident(found, names)).collect(),
    }
}

/// One incident with all its members.
pub fn incident(found: &Found, names: &HostNames) -> Incident {
    let members: Vec<_> = found.members.iter().map(AsRef::as_ref).collect();
    let view = found.view(DRAWN_MAX);
    let (mut nodes, edges) = nodes_and_edges(&members, names);
    let in_view: BTreeMap<String, Option<usize>> =
        view.nodes.iter().map(|node| (node.key.to_string(), node.group)).collect();
    for node in &mut nodes {
        let group = in_view.get(&node.id);
        node.first_sight = group.is_some();
        node.group = group.copied().flatten();
    }
    let explanation = found.explanation.iter();
    let mut hosts: Vec<_> = found.hosts.iter().map(|&host| host_name(names, host)).collect();
    hosts.sort();
    Incident {
        id: found.id.to_string(),
        score: found.score.into(),
        severity: found.severity.name().to_owned(),
        title: found.title.clone(),
        hosts,
        first: rfc3339(found.first),
        last: rfc3339(found.last),
        repeats: found.repeats.into(),
        explanation: explanation
            .map(|part| Contribution { score: part.points.into(), words: part.words.clone() })
            .collect(),
        incomplete: found.incomplete || found.loss != tracewell_model::Loss::default(),
        members: members.iter().map(|graph| member(graph, names)).collect(),
        nodes,
        edges,
        drawn: view.n_drawn,
        groups: groups(view),
    }
}

fn groups(view: View) -> Vec<Group> {
    view.groups.into_iter().map(|group| Group { nodes: group.nodes.len(), label: group.label }).collect()
}
