//! Joining the processes that stand out: an online Steiner tree, deterministic and in event time.
//!
//! A process over the threshold becomes a **terminal**. From each terminal of which a window brought news a search grows,
//! once when the window closes, along the cheapest edges
//! (cheap where little happens, dear through hubs) until it meets a hopset that stands; the path between them becomes
//! part of it. Connecting each newcomer to the nearest point of the tree is the greedy online Steiner tree, within
//! O(log k) of the best (Imase & Waxman, SIAM J. Discrete Math. 1991); NODLINK (NDSS 2024, section IV) brought the
//! idea to provenance. What a terminal starts later joins it. Hopsets that were quiet for long leave memory for the
//! history and come back when one of their processes does something, so that slowness does not hide an attack.

mod checkpoint;
mod hopset;
mod reassess;
mod search;

pub use hopset::{Hopset, Member};

use crate::graph::{Graph, NodeIdx};
use crate::history::HistoryError;
use crate::structure::Structure;
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{EventNs, Millibits, NodeKey};
use tracewell_parameters::LinkParameters;

/// Terminals that wait for the end of their window at most.
const NEWLY_KNOWN_MAX: usize = 256;

pub struct Linker {
    parameters: LinkParameters,
    /// Hopsets in memory. The rest are in the history, under their ids.
    hopsets: BTreeMap<u64, Hopset>,
    /// Changed in the current window.
    dirty: BTreeSet<u64>,
    /// Terminals about which there was news in the current window, and when last: searched around once, when it closes.
    newly_known: BTreeMap<NodeKey, EventNs>,
    alert_min: Millibits,
    window_ends: EventNs,
    /// Hopsets begun since the start.
    n_opened: u64,
    /// The highest revision emitted of any hopset.
    revision_max: u32,
    /// What was emitted under a lower revision, its receiver may know a later state of; see [`Linker::recover`].
    revision_min: u32,
}

impl Linker {
    pub fn new(parameters: &LinkParameters) -> Self {
        Self {
            parameters: parameters.clone(),
            hopsets: BTreeMap::new(),
            dirty: BTreeSet::new(),
            newly_known: BTreeMap::new(),
            alert_min: Millibits(parameters.alert_min_millibits),
            window_ends: EventNs::ZERO,
            n_opened: 0,
            revision_max: 0,
            revision_min: 0,
        }
    }

    /// Replaces the prior's threshold by one that the host's own history gave.
    pub fn set_alert_min(&mut self, alert_min: Millibits) {
        self.alert_min = alert_min;
    }

    pub fn alert_min(&self) -> Millibits {
        self.alert_min
    }

    /// Hopsets that were begun; not part of a checkpoint.
    pub fn n_opened(&self) -> u64 {
        self.n_opened
    }

    /// Takes up that more is known against `process`. Links it if it weighs enough.
    ///
    /// # Errors
    /// When the history fails.
    pub fn raise(
        &mut self,
        graph: &mut Graph,
        structure: &Structure,
        process: NodeIdx,
        time: EventNs,
    ) -> Result<(), HistoryError> {
        let Some(state) = graph.hot(process).role.process() else { return Ok(()) };
        let (weight, joined) = (structure.weight(state), state.hopset);
        let key = graph.key(process);
        // Among those that descend from what stands out, one fact is enough.
        let is_terminal = weight.0 >= self.parameters.terminal_min_millibits || joined != 0 && !state.facts.is_empty();
        if !is_terminal {
            if joined != 0 {
                self.change(graph, joined, time, |_| ())?;
            }
            return Ok(());
        }
        let own = if joined == 0 { hopset_id(key) } else { joined };
        if joined == 0 {
            self.store(graph, own, Hopset::new(time))?;
            self.n_opened += 1;
            graph.change_process(key, |state| state.hopset = own)?;
        }
        self.change(graph, own, time, |hopset| hopset.add(key, Member::Terminal { weight }))?;
        self.newly_known.insert(key, time);
        // A flood of them does not wait for the window, so that memory stays bounded.
        if self.newly_known.len() > NEWLY_KNOWN_MAX { self.settle(graph) } else { Ok(()) }
    }

    /// Looks around the terminals about which there was news for hopsets to join. Done when a window closes.
    ///
    /// # Errors
    /// When the history fails.
    pub fn settle(&mut self, graph: &mut Graph) -> Result<(), HistoryError> {
        for (key, time) in std::mem::take(&mut self.newly_known) {
            let hopset = graph.state(key)?.and_then(|state| Some(state.role.process()?.hopset));
            let Some(own) = hopset.filter(|hopset| *hopset != 0) else { continue };
            if let Some(path) = search::nearest(graph, &self.parameters, key, own, time)? {
                self.join(graph, own, &path, time)?;
            }
        }
        Ok(())
    }

    /// A child of a member that is not itself a server joins its parent's hopset.
    ///
    /// # Errors
    /// When the history fails.
    pub fn inherit(
        &mut self,
        graph: &mut Graph,
        parent: NodeIdx,
        child: NodeIdx,
        time: EventNs,
    ) -> Result<(), HistoryError> {
        let Some(state) = graph.hot(parent).role.process() else { return Ok(()) };
        let (id, serves) = (state.hopset, state.serves);
        if id == 0 || serves {
            return Ok(());
        }
        let (ancestor, key) = (graph.key(parent), graph.key(child));
        let members_max = self.parameters.members_max as usize;
        let added = self.change(graph, id, time, |hopset| {
            if hopset.members.len() >= members_max {
                hopset.n_omitted = hopset.n_omitted.saturating_add(1);
                return false;
            }
            hopset.add(key, Member::Descendant { ancestor });
            true
        })?;
        if added {
            graph.change_process(key, |state| state.hopset = id)?;
        }
        Ok(())
    }

    /// Whether event time has passed the end of the current window.
    pub fn window_is_over(&self, time: EventNs) -> bool {
        time >= self.window_ends
    }

    /// Closes the window and hands out the ids of the hopsets that changed in it, in order.
    ///
    /// # Errors
    /// When the history fails.
    pub fn close_window(&mut self, graph: &mut Graph, time: EventNs) -> Result<BTreeSet<u64>, HistoryError> {
        self.settle(graph)?;
        self.window_ends = time.after(self.parameters.window_ns);
        Ok(std::mem::take(&mut self.dirty))
    }

    /// A hopset for reading or for noting what of it was emitted.
    ///
    /// # Errors
    /// When the history fails.
    pub fn hopset(&mut self, graph: &mut Graph, id: u64) -> Result<&mut Hopset, HistoryError> {
        if !self.hopsets.contains_key(&id) {
            let hopset = match graph.history_mut().blob(id)? {
                Some(row) => Hopset::decode(&row)?,
                None => Hopset::new(EventNs::ZERO),
            };
            self.store(graph, id, hopset)?;
        }
        let hopset = self.hopsets.get_mut(&id).expect("it was just stored");
        if hopset.revision < self.revision_min {
            hopset.revision = self.revision_min;
            hopset.emitted.clear();
        }
        Ok(hopset)
    }

    /// Notes a revision that was emitted.
    pub fn note_revision(&mut self, revision: u32) {
        self.revision_max = self.revision_max.max(revision);
    }

    /// Has the whole of a hopset emitted next time, as its receiver lost track.
    ///
    /// # Errors
    /// When the history fails.
    pub fn forget_emitted(&mut self, graph: &mut Graph, id: u64) -> Result<(), HistoryError> {
        let hopset = self.hopset(graph, id)?;
        hopset.emitted.clear();
        self.dirty.insert(id);
        Ok(())
    }

    /// Forgets hopsets that last changed before `time`, as the history does.
    pub fn expire(&mut self, time: EventNs) {
        self.hopsets.retain(|_, hopset| hopset.last >= time);
    }

    fn change<T>(
        &mut self,
        graph: &mut Graph,
        id: u64,
        time: EventNs,
        change: impl FnOnce(&mut Hopset) -> T,
    ) -> Result<T, HistoryError> {
        self.dirty.insert(id);
        let hopset = self.hopset(graph, id)?;
        hopset.last = hopset.last.max(time);
        Ok(change(hopset))
    }

    /// Takes a hopset into memory; the weakest makes room.
    fn store(&mut self, graph: &mut Graph, id: u64, hopset: Hopset) -> Result<(), HistoryError> {
        let half_life = self.parameters.energy_half_life_ns;
        let now = hopset.last.max(self.window_ends);
        while self.hopsets.len() >= self.parameters.hopsets_max.max(1) as usize {
            let weakest = self.hopsets.iter().min_by_key(|(id, hopset)| (hopset.energy(now, half_life), **id));
            let (&weakest, _) = weakest.expect("there is one at least");
            let hopset = self.hopsets.remove(&weakest).expect("it was just found");
            graph.history_mut().put_blob(weakest, hopset.last, &hopset.encode())?;
        }
        self.hopsets.insert(id, hopset);
        Ok(())
    }

    /// Joins the hopset at the end of `path` with `own`; what lies between becomes connectors of the older of the two.
    fn join(&mut self, graph: &mut Graph, own: u64, path: &search::Path, time: EventNs) -> Result<(), HistoryError> {
        let other = path.hopset;
        let (own_first, other_first) = (self.hopset(graph, own)?.first, self.hopset(graph, other)?.first);
        let (keep, give) = if (own_first, own) <= (other_first, other) { (own, other) } else { (other, own) };
        let given = std::mem::take(self.hopset(graph, give)?);
        // What is left in its place must not be emitted again, also not after a reload.
        self.hopset(graph, give)?.first = given.first;
        for &member in given.members.keys() {
            graph.change_process(member, |state| state.hopset = keep)?;
        }
        for &node in &path.between {
            graph.change_process(node, |state| {
                if state.hopset == 0 {
                    state.hopset = keep;
                }
            })?;
        }
        self.change(graph, keep, time, |hopset| {
            hopset.absorb(given);
            path.between.iter().for_each(|&node| hopset.add(node, Member::Connector));
        })
    }
}

/// A hopset is named after its first terminal, so that its id is the same in every run.
fn hopset_id(terminal: NodeKey) -> u64 {
    (terminal.0 as u64).max(1)
}
