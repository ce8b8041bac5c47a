//! The arena under the profile: one tree of labelled, counted nodes with ordered removal and stale-safe ids.

use crate::profile::level::{Child, Level};
use crate::profile::object::{WILDCARD, WILDCARD_PREFIX};
use crate::profile::symbols::{Symbol, Symbols};
use hashbrown::HashMap;
use tracewell_model::{EventNs, Millibits, Str};

/// No node, or no entry of the fleet's view.
pub(super) const NONE: u32 = u32::MAX;

/// What a node stands for; decides where folding and eviction may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeRank {
    Root,
    /// A workload.
    Scope,
    /// A generalised executable.
    Subject,
    /// An operation class, or an operation below one.
    Class,
    /// The parent executable, below the class of executions.
    Context,
    /// A directory or another prefix of objects.
    Prefix,
    Leaf,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Rises with every node ever made; tells a reused slot from the node an id once named.
    pub born: u64,
    pub parent: u32,
    pub label: Symbol,
    pub rank: NodeRank,
    pub is_wildcard: bool,
    first_child: u32,
    next: u32,
    previous: u32,
    pub n_children: u32,
    /// Decayed observations at or below this node.
    pub count: u64,
    /// The children's masses, once there are two.
    level: Option<Box<Level>>,
    pub fleet: u32,
    pub last_day: u32,
    // Of leaves only.
    pub counted_at: EventNs,
    pub surprise: Millibits,
    /// The same without the fleet's votes. A checkpoint does not keep it: it holds for one quantum.
    pub own_milli: u16,
    pub first_day: u32,
    pub days: u16,
    /// Observations that counted, undecayed, up to 255.
    pub hits: u8,
}

impl Node {
    fn as_child(&self) -> Child {
        Child { count: self.count, is_wildcard: self.is_wildcard }
    }
}

/// Bytes a node costs: itself and its entry in the index of children.
const NODE_BYTES: usize = size_of::<Node>() + 28;

#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    free: Vec<u32>,
    pub symbols: Symbols,
    /// Looked up, never iterated: its order is random.
    index: HashMap<(u32, Symbol), u32>,
    /// The labels of the wildcards for prefixes and for the rest; held, so that looking for one hashes no text.
    wildcards: [Symbol; 2],
    n_born: u64,
    n_live: usize,
    n_levels: usize,
    /// What one observation weighs today.
    pub weight: u64,
    pub today: u32,
}

impl Tree {
    pub const ROOT: u32 = 0;

    pub fn new(weight: u64) -> Self {
        let mut symbols = Symbols::default();
        let wildcards = [symbols.acquire(WILDCARD_PREFIX), symbols.acquire(WILDCARD)];
        let mut tree = Self {
            nodes: Vec::new(),
            free: Vec::new(),
            symbols,
            wildcards,
            index: HashMap::new(),
            n_born: 0,
            n_live: 0,
            n_levels: 0,
            weight,
            today: 0,
        };
        let label = tree.symbols.acquire("");
        tree.push(NONE, label, NodeRank::Root);
        tree
    }

    pub fn node(&self, idx: u32) -> &Node {
        &self.nodes[idx as usize]
    }

    pub fn node_mut(&mut self, idx: u32) -> &mut Node {
        &mut self.nodes[idx as usize]
    }

    /// The node that `idx` named when it was born as `born`, unless it is gone.
    pub fn live(&self, idx: u32, born: u64) -> Option<&Node> {
        self.nodes.get(idx as usize).filter(|node| node.born == born)
    }

    pub fn text(&self, idx: u32) -> &Str {
        self.symbols.text(self.node(idx).label)
    }

    pub fn child(&self, parent: u32, label: &str) -> Option<u32> {
        let symbol = self.symbols.find(label)?;
        self.child_of(parent, symbol)
    }

    pub fn child_of(&self, parent: u32, label: Symbol) -> Option<u32> {
        self.index.get(&(parent, label)).copied()
    }

    /// The child of `parent` under which children of a rank fold.
    pub fn wildcard_of(&self, parent: u32, rank: NodeRank) -> Option<u32> {
        let [prefix, other] = self.wildcards;
        self.child_of(parent, if rank == NodeRank::Prefix { prefix } else { other })
    }

    pub fn add_child(&mut self, parent: u32, label: &str, rank: NodeRank) -> u32 {
        let label = self.symbols.acquire(label);
        let idx = self.push(parent, label, rank);
        self.attach(parent, idx);
        idx
    }

    /// Children in the order in which they were linked, the newest first.
    pub fn children(&self, parent: u32) -> impl Iterator<Item = u32> {
        let mut next = self.node(parent).first_child;
        std::iter::from_fn(move || {
            let idx = next;
            next = self.nodes.get(idx as usize)?.next;
            Some(idx)
        })
    }

    /// From `idx` up to and without the root.
    pub fn lineage(&self, idx: u32) -> impl Iterator<Item = u32> {
        let mut next = idx;
        std::iter::from_fn(move || {
            let idx = next;
            next = self.nodes.get(idx as usize)?.parent;
            (idx != Self::ROOT).then_some(idx)
        })
    }

    /// Every live node, in the order of their slots.
    pub fn live_nodes(&self) -> impl Iterator<Item = u32> {
        (0..self.nodes.len() as u32).filter(|&idx| self.node(idx).born != 0)
    }

    /// Surprise at `idx` among its siblings, in millibits.
    pub fn surprise_milli(&self, idx: u32) -> u32 {
        self.surprise_at_milli(self.node(idx).parent, Some(idx))
    }

    /// Surprise at a child of `parent` among its siblings, or at one that is not there; in millibits.
    pub fn surprise_at_milli(&self, parent: u32, child: Option<u32>) -> u32 {
        let known = child.map_or(Child::default(), |child| self.node(child).as_child());
        match (&self.node(parent).level, child) {
            (Some(level), _) => level.surprise_milli(known, self.weight),
            (None, Some(_)) => 0,
            (None, None) => {
                let mut level = Level::default();
                self.children(parent).for_each(|only| level.add(self.node(only).as_child(), self.weight));
                level.surprise_milli(known, self.weight)
            }
        }
    }

    /// Counts one observation of today at `leaf` and at every node above it.
    pub fn count(&mut self, leaf: u32) {
        let (weight, today) = (self.weight, self.today);
        let mut idx = leaf;
        while idx != NONE {
            let node = &mut self.nodes[idx as usize];
            let (old, parent) = (node.as_child(), node.parent);
            node.count = node.count.saturating_add(weight);
            node.last_day = today;
            let new = node.as_child();
            if let Some(level) = self.nodes.get_mut(parent as usize).and_then(|parent| parent.level.as_mut()) {
                level.remove(old, weight);
                level.add(new, weight);
            }
            idx = parent;
        }
    }

    /// Removes a childless node, its count from all above it, and whatever but its scope this leaves empty.
    pub fn remove(&mut self, idx: u32) {
        let gone = self.node(idx).count;
        let mut above = self.node(idx).parent;
        self.detach(idx);
        self.release(idx);
        let mut empty = NONE;
        while above != NONE {
            let weight = self.weight;
            let node = self.node_mut(above);
            let (old, parent) = (node.as_child(), node.parent);
            node.count = node.count.saturating_sub(gone);
            let new = node.as_child();
            if let Some(level) = self.nodes.get_mut(parent as usize).and_then(|parent| parent.level.as_mut()) {
                level.remove(old, weight);
                level.add(new, weight);
            }
            let keeps = matches!(self.node(above).rank, NodeRank::Root | NodeRank::Scope);
            if empty == NONE && self.node(above).n_children == 0 && !keeps {
                empty = above;
            }
            above = parent;
        }
        if empty != NONE {
            self.remove(empty);
        }
    }

    /// Moves all that lies in `from` into its sibling `into` and removes `from`.
    pub fn merge(&mut self, from: u32, into: u32) {
        let mut work = vec![(from, into)];
        let mut emptied = Vec::new();
        while let Some((from, into)) = work.pop() {
            let gone = self.node(from).clone();
            let node = self.node_mut(into);
            node.count = node.count.saturating_add(gone.count);
            node.counted_at = node.counted_at.max(gone.counted_at);
            node.days = node.days.max(gone.days);
            node.first_day = node.first_day.min(gone.first_day);
            node.last_day = node.last_day.max(gone.last_day);
            node.hits = node.hits.saturating_add(gone.hits);
            let mut children: Vec<u32> = self.children(from).collect();
            children.sort_unstable_by_key(|&child| self.node(child).born);
            for child in children {
                let label = self.node(child).label;
                match self.child_of(into, label) {
                    Some(twin) => work.push((child, twin)),
                    None => {
                        self.detach(child);
                        self.attach(into, child);
                    }
                }
            }
            emptied.push((from, into));
        }
        // Deepest last in, so deepest first out; a level is rebuilt once all that merged into it is there.
        for &(from, _) in emptied.iter().rev() {
            self.detach(from);
            self.release(from);
        }
        for &(_, into) in emptied.iter().rev() {
            self.rebuild_level(into);
        }
        let parent = self.node(into).parent;
        self.rebuild_level(parent);
    }

    /// Sets every inner count to the sum of the leaves below it and sorts all children into today's classes.
    pub fn rebuild(&mut self) {
        let live: Vec<u32> = self.live_nodes().collect();
        for &idx in &live {
            if self.node(idx).rank != NodeRank::Leaf {
                self.node_mut(idx).count = 0;
            }
        }
        for &idx in &live {
            if self.node(idx).rank != NodeRank::Leaf {
                continue;
            }
            let (count, mut above) = (self.node(idx).count, self.node(idx).parent);
            while above != NONE {
                let node = self.node_mut(above);
                node.count = node.count.saturating_add(count);
                above = node.parent;
            }
        }
        for &idx in &live {
            self.rebuild_level(idx);
        }
    }

    pub fn n_live(&self) -> usize {
        self.n_live
    }

    /// Above every place of a node.
    pub fn n_slots(&self) -> usize {
        self.nodes.len()
    }

    /// Nodes ever made.
    pub fn n_born(&self) -> u64 {
        self.n_born
    }

    pub fn set_n_born(&mut self, n_born: u64) {
        self.n_born = n_born;
    }

    pub fn accounted_bytes(&self) -> usize {
        self.n_live * NODE_BYTES + self.n_levels * size_of::<Level>() + self.symbols.accounted_bytes()
    }

    fn push(&mut self, parent: u32, label: Symbol, rank: NodeRank) -> u32 {
        self.n_born += 1;
        self.n_live += 1;
        let node = Node {
            is_wildcard: self.wildcards.contains(&label),
            born: self.n_born,
            parent,
            label,
            rank,
            first_child: NONE,
            next: NONE,
            previous: NONE,
            n_children: 0,
            count: 0,
            level: None,
            fleet: NONE,
            counted_at: EventNs::ZERO,
            surprise: Millibits::ZERO,
            own_milli: 0,
            first_day: u32::MAX,
            last_day: 0,
            days: 0,
            hits: 0,
        };
        if let Some(idx) = self.free.pop() {
            self.nodes[idx as usize] = node;
            return idx;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).expect("the byte budget holds far fewer nodes than 2^32")
    }

    fn attach(&mut self, parent: u32, idx: u32) {
        let head = self.node(parent).first_child;
        let node = self.node_mut(idx);
        (node.parent, node.next, node.previous) = (parent, head, NONE);
        let label = node.label;
        if head != NONE {
            self.node_mut(head).previous = idx;
        }
        self.node_mut(parent).first_child = idx;
        self.node_mut(parent).n_children += 1;
        self.index.insert((parent, label), idx);
        if self.node(parent).level.is_some() {
            let (child, weight) = (self.node(idx).as_child(), self.weight);
            let level = self.node_mut(parent).level.as_mut().expect("just seen");
            level.add(child, weight);
        } else if self.node(parent).n_children == 2 {
            self.rebuild_level(parent);
        }
    }

    fn detach(&mut self, idx: u32) {
        let Node { parent, next, previous, label, .. } = *self.node(idx);
        let child = self.node(idx).as_child();
        match previous {
            NONE => self.node_mut(parent).first_child = next,
            _ => self.node_mut(previous).next = next,
        }
        if next != NONE {
            self.node_mut(next).previous = previous;
        }
        let weight = self.weight;
        let node = self.node_mut(parent);
        node.n_children -= 1;
        if node.n_children < 2 {
            let had_level = node.level.take().is_some();
            self.n_levels -= usize::from(had_level);
        } else if let Some(level) = &mut node.level {
            level.remove(child, weight);
        }
        self.index.remove(&(parent, label));
    }

    fn release(&mut self, idx: u32) {
        let node = self.node_mut(idx);
        node.born = 0;
        let (label, had_level) = (node.label, node.level.take().is_some());
        self.n_levels -= usize::from(had_level);
        self.n_live -= 1;
        self.symbols.release(label);
        self.free.push(idx);
    }

    fn rebuild_level(&mut self, idx: u32) {
        let mut level = self.node(idx).n_children.ge(&2).then(Level::default);
        if let Some(level) = &mut level {
            self.children(idx).for_each(|child| level.add(self.node(child).as_child(), self.weight));
        }
        self.n_levels -= usize::from(self.node(idx).level.is_some());
        self.n_levels += usize::from(level.is_some());
        self.node_mut(idx).level = level.map(Box::new);
    }
}
