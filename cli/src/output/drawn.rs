use super::alerts::{Edge, Incident, Node};
use std::collections::BTreeMap;

/// An incident's graph as it is drawn: a collapsed group is one node, and edges lead to and from that.
pub struct Drawn<'a> {
    pub nodes: Vec<DrawnNode<'a>>,
    pub edges: Vec<DrawnEdge<'a>>,
}

pub struct DrawnNode<'a> {
    /// The node, or the most surprising of its group.
    pub node: &'a Node,
    /// What it is called: its own label, or that of its group.
    pub label: &'a str,
}

/// Ends are indices into the drawn nodes.
#[derive(Clone, Copy)]
pub struct DrawnEdge<'a> {
    pub from: usize,
    pub to: usize,
    /// The most surprising of those that became one.
    pub edge: &'a Edge,
    pub count: u64,
    pub bytes: u64,
}

impl DrawnEdge<'_> {
    /// The process that did it and what it did it to. Information flows into the process where the object is read.
    pub fn subject_and_object(&self) -> (usize, usize) {
        let inward = tracewell_model::Operation::from_name(&self.edge.operation).is_some_and(|op| op.flows_inward());
        if inward { (self.to, self.from) } else { (self.from, self.to) }
    }
}

impl<'a> Drawn<'a> {
    /// What is seen at first sight, or with `expand` every node by itself. Both lists are in order of time.
    pub fn new(incident: &'a Incident, expand: bool) -> Self {
        let mut groups = BTreeMap::<usize, Vec<&Node>>::new();
        let mut nodes = Vec::new();
        for node in incident.nodes.iter().filter(|node| expand || node.first_sight) {
            match node.group.filter(|idx| !expand && *idx < incident.groups.len()) {
                Some(idx) => groups.entry(idx).or_default().push(node),
                None => nodes.push((DrawnNode { node, label: &node.label }, vec![node])),
            }
        }
        for (idx, alike) in groups {
            let node = alike.iter().copied().max_by_key(|node| (node.surprise_millibits, std::cmp::Reverse(&node.id)));
            let node = node.expect("a group was made by a node");
            nodes.push((DrawnNode { node, label: &incident.groups[idx].label }, alike));
        }
        nodes.sort_by_key(|(_, alike)| alike.iter().map(|node| (&node.first, &node.id)).min());
        let place = nodes.iter().enumerate();
        let place: BTreeMap<&str, usize> =
            place.flat_map(|(idx, (_, alike))| alike.iter().map(move |node| (node.id.as_str(), idx))).collect();
        Self { edges: edges(&incident.edges, &place), nodes: nodes.into_iter().map(|(node, _)| node).collect() }
    }
}

fn edges<'a>(edges: &'a [Edge], place: &BTreeMap<&str, usize>) -> Vec<DrawnEdge<'a>> {
    let mut drawn = BTreeMap::<(usize, usize, &str), DrawnEdge<'a>>::new();
    for edge in edges {
        let (Some(&from), Some(&to)) = (place.get(edge.from.as_str()), place.get(edge.to.as_str())) else {
            continue;
        };
        let new = DrawnEdge { from, to, edge, count: 0, bytes: 0 };
        let merged = drawn.entry((from, to, &edge.operation)).or_insert(new);
        merged.count = merged.count.saturating_add(edge.count);
        merged.bytes = merged.bytes.saturating_add(edge.bytes);
        if edge.surprise_millibits > merged.edge.surprise_millibits {
            merged.edge = edge;
        }
    }
    let mut drawn: Vec<_> = drawn.into_values().collect();
    drawn.sort_by(|a, b| (&a.edge.first, a.from, a.to).cmp(&(&b.edge.first, b.from, b.to)));
    drawn
}

#[cfg(test)]
mod tests {
    use super::super::alerts::{Group, Kind};
    use super::super::testing::{edge, incident, node};
    use super::*;

    /// p1 writes f2, f3 and f4, of which the first two are a group and the last is not seen at first sight.
    fn grouped() -> Incident {
        let mut nodes: Vec<_> = ["f2", "f3", "f4"].iter().map(|id| node(id, Kind::File, id)).collect();
        (nodes[0].group, nodes[1].group) = (Some(0), Some(0));
        (nodes[1].surprise_millibits, nodes[2].first_sight) = (7, false);
        nodes.push(node("p1", Kind::Process, "p1"));
        let edges = ["f2", "f3", "f4"].iter().map(|to| Edge { count: 2, bytes: 5, ..edge("p1", to, "write") });
        let group = Group { label: "f2 and 1 like it".to_owned(), nodes: 2 };
        Incident { groups: vec![group], drawn: 2, ..incident(nodes, edges.collect()) }
    }

    fn labels<'a>(drawn: &Drawn<'a>) -> Vec<&'a str> {
        drawn.nodes.iter().map(|node| node.label).collect()
    }

    #[test]
    fn a_group_is_one_node_with_the_edges_of_all() {
        let incident = grouped();
        let drawn = Drawn::new(&incident, false);
        assert_eq!(labels(&drawn), ["p1", "f2 and 1 like it"]);
        assert_eq!(drawn.nodes[1].node.id, "f3", "the most surprising stands for the group");
        assert_eq!(drawn.edges.len(), 1);
        assert_eq!((drawn.edges[0].count, drawn.edges[0].bytes), (4, 10));
        assert_eq!(drawn.edges[0].subject_and_object(), (0, 1));
    }

    #[test]
    fn expanded_every_node_is_by_itself() {
        let incident = grouped();
        let drawn = Drawn::new(&incident, true);
        assert_eq!(labels(&drawn), ["p1", "f2", "f3", "f4"]);
        assert_eq!(drawn.edges.len(), 3);
    }

    #[test]
    fn a_read_is_done_by_where_it_leads() {
        let nodes = vec![node("f1", Kind::File, "f1"), node("p2", Kind::Process, "p2")];
        let incident = incident(nodes, vec![edge("f1", "p2", "read"), edge("f1", "gone", "read")]);
        let drawn = Drawn::new(&incident, false);
        assert_eq!(drawn.edges.len(), 1, "an edge to nowhere is not drawn");
        assert_eq!(drawn.edges[0].subject_and_object(), (1, 0));
    }
}
