use std::collections::{BTreeMap, BTreeSet};
use tracewell_datasets::truth::Window;
use tracewell_model::{EventNs, NodeKey, NodeKind};

/// Ground truth, resolved to the nodes of one recording.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    pub label_set: String,
    /// The kinds this label set labels completely; only nodes of these are scored.
    pub kinds: BTreeSet<NodeKind>,
    pub attacks: Vec<Attack>,
    /// Mixed or unlabelled behaviour: counts neither way, also where an attack names the same node.
    pub ignored: BTreeMap<NodeKey, NodeKind>,
    /// Labelled nodes that never occur in the recording, in the truth's own words. They cannot be found by anybody, so
    /// they are no false negatives; they are listed so that nobody overlooks a label set that does not fit.
    pub absent: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Attack {
    pub id: String,
    pub name: String,
    /// When it took place; none means that the label set does not say, and any time will do.
    pub windows: Vec<Window>,
    pub nodes: BTreeMap<NodeKey, NodeKind>,
}

impl Attack {
    /// Whether anything between the two moments, both included, lies inside the attack.
    pub fn is_on(&self, first: EventNs, last: EventNs) -> bool {
        self.windows.is_empty() || self.windows.iter().any(|window| first <= window.to && window.from <= last)
    }
}

impl Labels {
    /// The labelled nodes of the scored kinds, each once, without the ignored ones.
    pub fn scored(&self) -> BTreeMap<NodeKey, NodeKind> {
        let labelled = self.attacks.iter().flat_map(|attack| &attack.nodes);
        let scored = labelled.filter(|(key, kind)| self.kinds.contains(kind) && !self.ignored.contains_key(key));
        scored.map(|(&key, &kind)| (key, kind)).collect()
    }

    /// Whether a shown node is scored at all. A source may see a labelled node as another kind than the truth does (a
    /// socket known only as a descriptor): the truth's word counts.
    pub fn counts(&self, key: NodeKey, kind: NodeKind) -> bool {
        let mut named = self.attacks.iter().filter_map(|attack| attack.nodes.get(&key));
        !self.ignored.contains_key(&key) && self.kinds.contains(named.next().unwrap_or(&kind))
    }

    /// Whether an attack names the node, of whatever kind.
    pub fn is_labelled(&self, key: NodeKey) -> bool {
        !self.ignored.contains_key(&key) && self.attacks.iter().any(|attack| attack.nodes.contains_key(&key))
    }
}
