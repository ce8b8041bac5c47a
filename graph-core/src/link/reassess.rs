//! A new view of the fleet, and the hopsets that are no alert yet.

use super::{Hopset, Linker};
use crate::graph::{Graph, ProcessState};
use crate::history::HistoryError;
use crate::profile::Reassessment;
use crate::structure::Structure;
use std::cmp::Reverse;

impl Linker {
    /// Weighs the terminals of hopsets anew; a hopset whose terminals are none any more is undone.
    ///
    /// Only of hopsets in memory of which nothing was ever told: what was shown stays as it was shown. Only by what was rare:
    /// evidence stands. Costs a read for each terminal that is not in the hot window.
    ///
    /// # Errors
    /// When the history fails.
    pub fn reassess(
        &mut self,
        graph: &mut Graph,
        structure: &Structure,
        fleet: &Reassessment<'_>,
    ) -> Result<(), HistoryError> {
        let open = self.hopsets.iter().filter(|(_, hopset)| hopset.revision == 0 && !hopset.members.is_empty());
        for id in open.map(|(&id, _)| id).collect::<Vec<_>>() {
            let terminals: Vec<_> = self.hopsets[&id].terminals().collect();
            let mut is_one_left = false;
            for (key, before) in terminals {
                let mut weight = before;
                graph.change_process(key, |process| {
                    reassess(process, fleet);
                    weight = structure.weight(process);
                    is_one_left |= !process.facts.is_empty();
                })?;
                is_one_left |= weight.0 >= self.parameters.terminal_min_millibits;
                if weight > before {
                    self.dirty.insert(id);
                }
                self.hopsets.get_mut(&id).expect("it stays in memory").set_weight(key, weight);
            }
            if !is_one_left {
                self.undo(graph, id)?;
            }
        }
        Ok(())
    }

    /// Lets the members of a hopset go.
    fn undo(&mut self, graph: &mut Graph, id: u64) -> Result<(), HistoryError> {
        self.dirty.remove(&id);
        let Some(Hopset { members, .. }) = self.hopsets.remove(&id) else { return Ok(()) };
        for key in members.into_keys() {
            self.newly_known.remove(&key);
            graph.change_process(key, |process| {
                if process.hopset == id {
                    process.hopset = 0;
                }
            })?;
        }
        Ok(())
    }
}

fn reassess(process: &mut ProcessState, fleet: &Reassessment<'_>) {
    for rare in &mut process.rare {
        if let Some(surprise) = fleet.surprise(rare.entry, rare.own) {
            rare.surprise = surprise;
        }
    }
    process.rare.sort_by_key(|rare| Reverse(rare.surprise));
}
