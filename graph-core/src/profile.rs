//! What is normal on this host, and how unlikely the next thing is.
//!
//! One tree of counts: workload → executable → operation class → (parent executable, for executions) → generalised
//! object, component by component. Every level has its own escape (`level`, Witten–Bell), so the surprise of
//! an observation is the sum of what each level finds unlikely. What is new to a subject backs off to what all subjects
//! of the host do, counted by subjects and days instead of repetitions (Kneser and Ney, ICASSP 1995), and then to the
//! [fleet](crate::fleet). Counts are integers, decayed forward; everything is bounded in bytes.
//!
//! Reading order: `mask` and `generalise` make names comparable, `object` makes them labels, `tree` counts them, `level`
//! and `log2` turn counts into surprise, `decay` and `fold` forget, `readiness` tells how settled a workload is,
//! `contribution` is what the fleet hears of it, `reassess` what a later view of the fleet says of what was found, `checkpoint` how
//! it survives a restart. `tail` fits the threshold.

mod checkpoint;
mod contribution;
mod decay;
mod fold;
mod generalise;
mod level;
mod log2;
mod mask;
mod object;
mod readiness;
mod reassess;
mod symbols;
mod tail;
mod tree;

pub use checkpoint::{NodePart, PartsError, ProfileParts};
pub use contribution::{Contribution, ContributionLeaf};
pub use generalise::{generalise_command, generalise_path, generalises_whole};
pub use log2::{log2_milli, surprise_milli};
pub use object::{Direction, ObjectLabel, class_name};
pub use readiness::{Convergence, Readiness, State};
pub use reassess::{EntryId, Reassessment};
pub use tail::{Tail, TailDay, TailParts, Threshold};
pub use tree::NodeRank;

use crate::fleet::FleetView;
use decay::{Decay, shifted};
use object::{EVIDENCE, Labels, WILDCARD, class_is_mixed, name_label};
use std::collections::BTreeMap;
use std::sync::Arc;
use tracewell_model::{EventNs, Millibits, OpClass, Operation, Str};
use tracewell_parameters::ProfileParameters;
use tree::{NONE, Tree};

/// Room that one call may need beyond the budget before it is enforced again: a path of new labels in two trees.
const SLACK_BYTES: usize = 16_384;

/// A subject: an executable in a workload, with its parent executable as context. Cheap to keep with a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId {
    idx: u32,
    born: u64,
}

/// A leaf: one generalised object under one subject and operation class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafId {
    idx: u32,
    born: u64,
}

/// The profile has folded or forgotten what an id named; ask for the subject and the leaf again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the profile has folded or forgotten this entry")]
pub struct Stale;

/// What the profile says of one observation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Under the profile as it was before this was counted.
    pub surprise: Millibits,
    /// The same without the fleet's votes.
    pub own: Millibits,
    /// Never seen before of this subject on this host.
    pub is_new: bool,
    /// False within the quantum of an observation that counted.
    pub is_counted: bool,
    /// Hosts of the fleet that vouch for this leaf, and hosts that vouch for anything of its subject.
    pub votes: u32,
    pub peers: u32,
}

/// Whether a piece of evidence is usual, and by whom it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usual {
    Not,
    /// It counted often enough on this host before.
    OnHost,
    /// Not that, but most of the fleet vouches for it.
    InFleet,
}

/// What has happened to a profile, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProfileCounters {
    pub n_observed: u64,
    pub n_counted: u64,
    pub n_new: u64,
    /// Leaves let go for the byte budget.
    pub n_forgotten: u64,
}

#[derive(Clone, Debug)]
pub struct HostProfile {
    parameters: ProfileParameters,
    tree: Tree,
    decay: Decay,
    today: u32,
    /// First day of anything observed, `u32::MAX` before that.
    since_day: u32,
    /// The tree of what any subject does, below the root.
    any: u32,
    /// By scope node.
    scopes: BTreeMap<u32, Convergence>,
    fleet: Option<Arc<FleetView>>,
    labels: Labels,
    counters: ProfileCounters,
}

impl HostProfile {
    pub fn new(parameters: &ProfileParameters) -> Self {
        let decay = Decay::new(parameters.half_life_days, 0);
        let mut tree = Tree::new(decay.weight());
        // The empty name is no workload's: `subject` calls that "host".
        let any = tree.add_child(Tree::ROOT, "", NodeRank::Scope);
        Self {
            parameters: parameters.clone(),
            tree,
            decay,
            today: 0,
            since_day: u32::MAX,
            any,
            scopes: BTreeMap::new(),
            fleet: None,
            labels: Labels::default(),
            counters: ProfileCounters::default(),
        }
    }

    /// Finds or makes a subject. An empty workload name means the host itself.
    pub fn subject(&mut self, scope: &str, exe: &str, parent_exe: Option<&str>) -> SubjectId {
        self.keep_budget();
        let scope = self.scope(scope);
        let exe = name_label(exe, &self.parameters);
        let subject = self.child_or_wildcard(scope, &exe, NodeRank::Subject);
        let exec = self.child_or_wildcard(subject, class_name(OpClass::Exec), NodeRank::Class);
        let parent = parent_exe.map_or_else(|| String::from("?"), |parent| name_label(parent, &self.parameters));
        let idx = self.child_or_wildcard(exec, &parent, NodeRank::Context);
        SubjectId { idx, born: self.tree.node(idx).born }
    }

    /// Generalises an object's label and finds or makes its leaf.
    ///
    /// # Errors
    /// When the subject was folded or forgotten since it was handed out.
    pub fn leaf(&mut self, subject: SubjectId, op: Operation, object: ObjectLabel<'_>) -> Result<LeafId, Stale> {
        self.keep_budget();
        let context = self.tree.live(subject.idx, subject.born).ok_or(Stale)?;
        let class = op.class();
        let mut idx = match class {
            OpClass::Exec => subject.idx,
            _ => {
                let subject = self.tree.node(context.parent).parent;
                self.child_or_wildcard(subject, class_name(class), NodeRank::Class)
            }
        };
        if class_is_mixed(op) {
            idx = self.child_or_wildcard(idx, op.name(), NodeRank::Class);
        }
        let mut labels = std::mem::take(&mut self.labels);
        labels.set(object, &self.parameters);
        let last = labels.len() - 1;
        for (i, label) in labels.iter().enumerate() {
            idx = self.child_or_wildcard(idx, label, if i == last { NodeRank::Leaf } else { NodeRank::Prefix });
        }
        self.labels = labels;
        Ok(LeafId { idx, born: self.tree.node(idx).born })
    }

    /// The surprise of an observation under what was known before it; then counts it.
    ///
    /// A leaf counts at most once per quantum of event time; within it every observation is as surprising as the one
    /// that counted, so that neither a loop nor its length is evidence.
    ///
    /// # Errors
    /// When the leaf was folded or forgotten since it was handed out.
    pub fn observe(&mut self, leaf: LeafId, time: EventNs) -> Result<Observation, Stale> {
        let node = self.tree.live(leaf.idx, leaf.born).ok_or(Stale)?;
        self.counters.n_observed += 1;
        let is_known = node.hits > 0;
        if is_known && time.since(node.counted_at) < self.parameters.count_quantum_ns {
            let (votes, peers) = self.votes(leaf.idx);
            let (surprise, own) = (node.surprise, node.surprise.max(Millibits(node.own_milli.into())));
            return Ok(Observation { surprise, own, is_new: false, is_counted: false, votes, peers });
        }
        if time.day() > self.today {
            self.advance(time);
            // A leaf seen before today may just have faded away; this observation is then the first of a new one.
            self.tree.live(leaf.idx, leaf.born).ok_or(Stale)?;
        }
        let (surprise, own) = self.surprise(leaf.idx);
        let (votes, peers) = self.votes(leaf.idx);
        self.count(leaf.idx, time, (surprise, own));
        Ok(Observation { surprise, own, is_new: !is_known, is_counted: true, votes, peers })
    }

    /// Counts a piece of evidence about a subject, once in a quantum of event time, and tells whether it is usual.
    ///
    /// # Errors
    /// When the subject was folded or forgotten since it was handed out.
    pub fn observe_evidence(&mut self, subject: SubjectId, label: &str, time: EventNs) -> Result<Usual, Stale> {
        if time.day() > self.today {
            self.advance(time);
        }
        self.keep_budget();
        let context = self.tree.live(subject.idx, subject.born).ok_or(Stale)?;
        let (exec, parent) = (context.parent, self.tree.text(subject.idx).clone());
        let class = self.child_or_wildcard(self.tree.node(exec).parent, EVIDENCE, NodeRank::Class);
        let context = self.child_or_wildcard(class, &parent, NodeRank::Context);
        let leaf = self.child_or_wildcard(context, label, NodeRank::Leaf);
        let (today, parameters) = (self.today, &self.parameters);
        let node = self.tree.node_mut(leaf);
        let is_counted = node.hits == 0 || time.since(node.counted_at) >= parameters.evidence_quantum_ns;
        let n_before = node.hits - u8::from(!is_counted);
        if is_counted {
            node.counted_at = time;
            node.hits = node.hits.saturating_add(1);
            node.first_day = node.first_day.min(today);
            node.days = node.days.saturating_add(u16::from(node.days == 0 || node.last_day < today));
            self.tree.count(leaf);
        }
        let is_vouched_for = self.fleet.as_ref().is_some_and(|fleet| fleet.vouches(self.tree.node(leaf).fleet));
        // What was folded stands for anything.
        let is_named = self.tree.lineage(leaf).all(|idx| !self.tree.node(idx).is_wildcard);
        Ok(match is_named {
            true if n_before >= self.parameters.evidence_usual_from => Usual::OnHost,
            true if is_vouched_for => Usual::InFleet,
            _ => Usual::Not,
        })
    }

    /// The generalised object, for words and signatures.
    pub fn label(&self, leaf: LeafId) -> Result<Str, Stale> {
        self.tree.live(leaf.idx, leaf.born).ok_or(Stale)?;
        let mut parts: Vec<&str> = Vec::new();
        for idx in self.tree.lineage(leaf.idx) {
            if !matches!(self.tree.node(idx).rank, NodeRank::Leaf | NodeRank::Prefix) {
                break;
            }
            parts.push(self.tree.text(idx));
        }
        parts.reverse();
        Ok(Str::from(parts.concat()))
    }

    /// Event time has reached `time`: decays at the day's boundary and closes periods of the convergence rule.
    pub fn advance(&mut self, time: EventNs) {
        self.scopes.values_mut().for_each(|convergence| convergence.advance(time, &self.parameters));
        let day = time.day();
        if day <= self.today {
            return;
        }
        self.today = day;
        let shift = self.decay.advance(day);
        let weight = self.decay.weight();
        let leaves: Vec<u32> =
            self.tree.live_nodes().filter(|&idx| self.tree.node(idx).rank == NodeRank::Leaf).collect();
        for idx in leaves {
            let node = self.tree.node_mut(idx);
            node.count = shifted(node.count, shift);
            // One observation is forgotten after three half-lives.
            if node.hits > 0 && node.count < weight / 8 {
                self.tree.remove(idx);
            }
        }
        (self.tree.weight, self.tree.today) = (weight, day);
        self.tree.rebuild();
    }

    /// How settled a workload is; `Learning` at 0 % for one that was never seen.
    pub fn readiness(&self, scope: &str) -> Readiness {
        let label = self.scope_label(scope);
        let known = self.tree.child(Tree::ROOT, &label).or_else(|| self.tree.child(Tree::ROOT, WILDCARD));
        let convergence = known.and_then(|idx| self.scopes.get(&idx)).copied().unwrap_or_default();
        convergence.readiness(&self.parameters)
    }

    /// The readiness of every workload, by name.
    pub fn readiness_by_scope(&self) -> BTreeMap<Str, Readiness> {
        let named = |(&idx, convergence): (&u32, &Convergence)| {
            (self.tree.text(idx).clone(), convergence.readiness(&self.parameters))
        };
        self.scopes.iter().map(named).collect()
    }

    /// Good and Turing's estimate of how likely the subject's next leaf is a new one, in thousandths.
    pub fn unseen_permille(&self, subject: SubjectId) -> Result<u32, Stale> {
        let context = self.tree.live(subject.idx, subject.born).ok_or(Stale)?;
        let subject = self.tree.node(context.parent).parent;
        let (mut work, mut once, mut all) = (vec![subject], 0u64, 0u64);
        while let Some(idx) = work.pop() {
            let node = self.tree.node(idx);
            if node.rank == NodeRank::Leaf {
                all = all.saturating_add(node.count);
                once += if node.hits == 1 { node.count } else { 0 };
            }
            work.extend(self.tree.children(idx));
        }
        Ok((once.saturating_mul(1000)).checked_div(all).map_or(1000, |permille| permille as u32))
    }

    /// Takes over a new view of the fleet.
    pub fn set_fleet(&mut self, view: Arc<FleetView>) {
        self.fleet = Some(view);
        let mut work: Vec<u32> = self.tree.children(Tree::ROOT).filter(|&scope| scope != self.any).collect();
        while let Some(idx) = work.pop() {
            self.tree.node_mut(idx).fleet = self.fleet_entry(idx);
            work.extend(self.tree.children(idx));
        }
    }

    /// The view of the fleet in force.
    pub fn fleet(&self) -> Option<&Arc<FleetView>> {
        self.fleet.as_ref()
    }

    /// How rare what so many of its hosts vouch for is in the fleet; `None` without a view of it.
    pub fn fleet_rarity(&self, votes: u32) -> Option<Millibits> {
        self.fleet.as_ref()?.rarity(votes)
    }

    /// The same of an executable in a workload, whether or not this host knows it. An empty workload name means the host itself.
    pub fn fleet_rarity_of(&self, scope: &str, exe: &str) -> Option<Millibits> {
        let fleet = self.fleet.as_ref().filter(|fleet| fleet.n_hosts() > 0)?;
        let scope = fleet.child(None, &self.scope_label(scope));
        let (votes, _) = fleet.votes(fleet.child(Some(scope), &name_label(exe, &self.parameters)));
        fleet.rarity(votes)
    }

    pub fn counters(&self) -> ProfileCounters {
        self.counters
    }

    /// Bytes held, by a formula that does not depend on the allocator; the budget is about these.
    pub fn accounted_bytes(&self) -> usize {
        self.tree.accounted_bytes() + self.scopes.len() * (size_of::<Convergence>() + 16)
    }

    /// At a leaf, and the same without the fleet's votes.
    fn surprise(&self, leaf: u32) -> (Millibits, Millibits) {
        let tree = &self.tree;
        let below = |idx: u32, rank: NodeRank| tree.lineage(idx).take_while(move |&idx| tree.node(idx).rank != rank);
        let mut milli: u32 = below(leaf, NodeRank::Subject).map(|idx| tree.surprise_milli(idx)).sum();
        if tree.node(leaf).hits == 0 {
            milli = milli.saturating_add(self.any_surprise_milli(leaf));
        }
        let own = milli.min(self.parameters.surprise_max_millibits);
        let lowered = self.fleet.as_ref().map_or(own, |fleet| fleet.lowered(tree.node(leaf).fleet, own));
        (Millibits(lowered), Millibits(own))
    }

    /// Surprise at a leaf's object among what any subject of the host does in its class.
    fn any_surprise_milli(&self, leaf: u32) -> u32 {
        let mut idx = self.any;
        let mut milli: u32 = 0;
        for step in self.any_path(leaf) {
            let rank = self.tree.node(step).rank;
            let child = self.tree.child_of(idx, self.tree.node(step).label);
            let child = child.or_else(|| self.tree.wildcard_of(idx, rank));
            // That the class is rare at all was said by the subject's own level.
            if rank != NodeRank::Class {
                milli = milli.saturating_add(self.tree.surprise_at_milli(idx, child));
            }
            match child {
                Some(child) => idx = child,
                None => break,
            }
        }
        milli
    }

    /// The steps from class to leaf, without the context of executions.
    fn any_path(&self, leaf: u32) -> Vec<u32> {
        let is_kept =
            |idx: &u32| matches!(self.tree.node(*idx).rank, NodeRank::Class | NodeRank::Prefix | NodeRank::Leaf);
        let mut path: Vec<u32> = self.tree.lineage(leaf).filter(is_kept).collect();
        path.reverse();
        path
    }

    fn count(&mut self, leaf: u32, time: EventNs, (surprise, own): (Millibits, Millibits)) {
        let today = self.today;
        self.since_day = self.since_day.min(today);
        let node = self.tree.node_mut(leaf);
        let (is_new, is_new_today) = (node.hits == 0, node.days == 0 || node.last_day < today);
        node.counted_at = time;
        node.surprise = surprise;
        node.own_milli = u16::try_from(own.0).unwrap_or(u16::MAX);
        node.hits = node.hits.saturating_add(1);
        node.first_day = node.first_day.min(today);
        node.days = node.days.saturating_add(u16::from(is_new_today));
        self.tree.count(leaf);
        let scope = self.tree.lineage(leaf).last().expect("a leaf is not the root");
        if let Some(convergence) = self.scopes.get_mut(&scope) {
            convergence.advance(time, &self.parameters);
            convergence.observe(is_new);
        }
        self.counters.n_counted += 1;
        self.counters.n_new += u64::from(is_new);
        if is_new_today {
            self.count_any(leaf);
        }
    }

    fn count_any(&mut self, leaf: u32) {
        let mut idx = self.any;
        for step in self.any_path(leaf) {
            idx = match self.tree.child_of(idx, self.tree.node(step).label) {
                Some(child) => child,
                None => {
                    let (label, rank) = (self.tree.text(step).clone(), self.tree.node(step).rank);
                    self.child_or_wildcard(idx, &label, rank)
                }
            };
        }
        let today = self.today;
        let node = self.tree.node_mut(idx);
        node.hits = node.hits.saturating_add(1);
        node.first_day = node.first_day.min(today);
        node.days = node.days.saturating_add(u16::from(node.days == 0 || node.last_day < today));
        self.tree.count(idx);
    }

    fn votes(&self, leaf: u32) -> (u32, u32) {
        match &self.fleet {
            Some(fleet) => fleet.votes(self.tree.node(leaf).fleet),
            None => (0, 0),
        }
    }

    fn scope_label(&self, scope: &str) -> String {
        if scope.is_empty() { String::from("host") } else { name_label(scope, &self.parameters) }
    }

    fn scope(&mut self, scope: &str) -> u32 {
        let label = self.scope_label(scope);
        let idx = match self.tree.child(Tree::ROOT, &label) {
            Some(idx) => idx,
            None if self.scopes.len() < self.parameters.scopes_max => {
                self.add_child(Tree::ROOT, &label, NodeRank::Scope)
            }
            None => match self.tree.child(Tree::ROOT, WILDCARD) {
                Some(idx) => idx,
                None => self.add_child(Tree::ROOT, WILDCARD, NodeRank::Scope),
            },
        };
        self.scopes.entry(idx).or_default();
        idx
    }

    /// The child of that name, else the wildcard that stands for it, else a new one.
    fn child_or_wildcard(&mut self, parent: u32, label: &str, rank: NodeRank) -> u32 {
        if let Some(idx) = self.find(parent, label, rank) {
            return idx;
        }
        fold::fold_children(&mut self.tree, parent, &self.parameters);
        self.find(parent, label, rank).unwrap_or_else(|| self.add_child(parent, label, rank))
    }

    fn find(&self, parent: u32, label: &str, rank: NodeRank) -> Option<u32> {
        self.tree.child(parent, label).or_else(|| self.tree.wildcard_of(parent, rank))
    }

    fn add_child(&mut self, parent: u32, label: &str, rank: NodeRank) -> u32 {
        let idx = self.tree.add_child(parent, label, rank);
        self.tree.node_mut(idx).fleet = self.fleet_entry(idx);
        idx
    }

    /// The fleet's entry for a node whose parent's entry is set.
    fn fleet_entry(&self, idx: u32) -> u32 {
        let Some(fleet) = &self.fleet else { return NONE };
        let node = self.tree.node(idx);
        let label = self.tree.text(idx);
        match node.parent {
            Tree::ROOT => fleet.child(None, label),
            parent => fleet.child(Some(self.tree.node(parent).fleet), label),
        }
    }

    fn keep_budget(&mut self) {
        let room = self.parameters.bytes_max.saturating_sub(SLACK_BYTES);
        if self.accounted_bytes() > room {
            self.counters.n_forgotten += fold::forget(&mut self.tree, room);
        }
    }
}

#[cfg(test)]
mod tests;
