//! What confirmed attacks did: no host's vote for it counts, however many hosts have come to do it.

use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{AlertGraph, Reason, Str};

/// Rare operations of attacks, by generalised executable and object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disputed {
    objects: BTreeMap<Str, BTreeSet<Str>>,
}

impl Disputed {
    pub fn add(&mut self, executable: Str, object: Str) {
        self.objects.entry(executable).or_default().insert(object);
    }

    /// Executables and objects of what was rare in an alert graph.
    pub fn of(graph: &AlertGraph) -> BTreeSet<(Str, Str)> {
        let rare = |reason: &Reason| match reason {
            Reason::RareOperation { what, .. } | Reason::RareChild { what, .. } => Some(what.clone()),
            _ => None,
        };
        let of_node = |node: &tracewell_model::AlertNode| {
            let executable = node.general.clone();
            node.reasons.iter().filter_map(rare).map(move |what| (executable.clone(), what)).collect::<Vec<_>>()
        };
        graph.nodes.values().flat_map(of_node).filter(|(_, what)| !what.is_empty()).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Whether a contributed path, from the workload down, is such an operation. An object is the end of its path, in steps.
    pub(super) fn holds(&self, path: &[Str]) -> bool {
        let [_, executable, below @ ..] = path else { return false };
        let Some(objects) = self.objects.get(executable) else { return false };
        let below = below.concat();
        objects.iter().any(|object| below.ends_with(&**object))
    }
}
