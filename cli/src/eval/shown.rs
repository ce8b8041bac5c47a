use super::Labels;
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{EventNs, Millibits, NodeKey, NodeKind};

/// The incidents of a result as a person meets them, best first.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    pub incidents: Vec<ShownIncident>,
}

#[derive(Clone, Debug, Default)]
pub struct ShownIncident {
    /// The nodes of each member; repeats of a story may hold the same node at other times.
    pub members: Vec<Vec<ShownNode>>,
    /// Nodes drawn as one ("and 12 like it") until a person expands them. Disjoint.
    pub collapsed: Vec<BTreeSet<NodeKey>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownNode {
    pub key: NodeKey,
    pub kind: NodeKind,
    pub first: EventNs,
    pub last: EventNs,
    pub surprise: Millibits,
}

impl ShownIncident {
    pub fn nodes(&self) -> impl Iterator<Item = &ShownNode> {
        self.members.iter().flatten()
    }

    /// What is seen without expanding anything. The unlabelled nodes of a group stay: collapsing never hides a false
    /// alarm. The labelled ones stay only if all members of their group are labelled.
    pub fn at_first_sight(&self, labels: &Labels) -> impl Iterator<Item = &ShownNode> {
        let hidden = self.hidden(labels);
        self.nodes().filter(move |node| !hidden.contains(&node.key))
    }

    fn hidden(&self, labels: &Labels) -> BTreeSet<NodeKey> {
        let mixed = self.collapsed.iter().filter(|group| !group.iter().all(|key| labels.is_labelled(*key)));
        mixed.flatten().copied().filter(|key| labels.is_labelled(*key)).collect()
    }
}

impl Shown {
    /// Every node of every member.
    pub fn expanded(&self) -> BTreeMap<NodeKey, NodeKind> {
        self.incidents.iter().flat_map(ShownIncident::nodes).map(|node| (node.key, node.kind)).collect()
    }

    /// Without the labelled nodes that only a mixed group holds.
    pub fn at_first_sight(&self, labels: &Labels) -> BTreeMap<NodeKey, NodeKind> {
        let nodes = self.incidents.iter().flat_map(|incident| incident.at_first_sight(labels));
        nodes.map(|node| (node.key, node.kind)).collect()
    }
}
