//! The processes that a hopset was linked for, as they are now, and whether they make an alert of it.

use crate::graph::{Graph, NodeState, ProcessState};
use crate::history::HistoryError;
use crate::link::Hopset;
use crate::structure::Structure;
use std::cmp::Reverse;
use tracewell_model::{FindingSeverity, Millibits, NodeKey, Reason};

/// A hopset's terminals, those first that weighed most when they were last raised.
pub(super) struct Terminals(Vec<Terminal>);

pub(super) struct Terminal {
    pub(super) key: NodeKey,
    pub(super) state: NodeState,
    pub(super) process: ProcessState,
}

impl Terminals {
    /// Costs a read for each terminal that is not in the hot window.
    pub(super) fn of(graph: &mut Graph, hopset: &Hopset) -> Result<Self, HistoryError> {
        let mut keys: Vec<_> = hopset.members.iter().filter(|(_, member)| member.weight() > Millibits::ZERO).collect();
        keys.sort_by_key(|(key, member)| (Reverse(member.weight()), **key));
        let mut terminals = Vec::with_capacity(keys.len());
        for (&key, _) in keys {
            let Some(state) = graph.state(key)?.map(|state| state.into_owned()) else { continue };
            let Some(process) = state.role.process().cloned() else { continue };
            terminals.push(Terminal { key, state, process });
        }
        Ok(Self(terminals))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Terminal> {
        self.0.iter()
    }

    /// Their joint weight.
    pub(super) fn weight(&self, structure: &Structure) -> Millibits {
        structure.joint_weight(self.iter().map(|terminal| &terminal.process))
    }

    /// Whether they are told whatever the host's own history makes of them: what a detector calls severe, or an alert of another host
    /// led to.
    pub(super) fn are_told_anyway(&self) -> bool {
        let is_severe =
            |fact: &Reason| matches!(fact, Reason::Detected(finding) if finding.severity >= FindingSeverity::High);
        self.are_followed() || self.facts().any(is_severe)
    }

    /// Whether an alert of another host led to one of them.
    pub(super) fn are_followed(&self) -> bool {
        self.facts().any(|fact| matches!(fact, Reason::Followed { .. }))
    }

    fn facts(&self) -> impl Iterator<Item = &Reason> {
        self.iter().flat_map(|terminal| &terminal.process.facts)
    }
}
