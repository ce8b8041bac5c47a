//! The hot window's memory: slots for nodes and edges, the edge lists of each node, and nodes by age of last use.

use super::{EdgeIdx, NodeIdx, NodeState};
use crate::history::{Direction, EdgeRow};
use hashbrown::HashMap;
use std::hash::{BuildHasher, Hasher};
use tracewell_model::{EventFlags, EventNs, NodeKey, Operation};

const NIL: u32 = u32::MAX;

pub(super) struct Node {
    pub(super) key: NodeKey,
    pub(super) state: NodeState,
    ins: List,
    outs: List,
    newer: u32,
    older: u32,
    /// The touch that made it the most recently used.
    touched: u32,
    /// Its version when an edge out of it was last spilled that may repeat; no spilled edge repeats at a later one.
    pub(super) spilled_version: Option<u32>,
}

pub(super) struct Edge {
    pub(super) from: NodeIdx,
    pub(super) to: NodeIdx,
    pub(super) op: Operation,
    pub(super) flags: EventFlags,
    pub(super) from_version: u32,
    pub(super) to_version: u32,
    pub(super) surprise: u32,
    pub(super) seq: u64,
    pub(super) first: EventNs,
    pub(super) last: EventNs,
    pub(super) count: u64,
    pub(super) amount_bytes: u64,
    /// Made or repeated since it was last spared.
    pub(super) in_use: bool,
    in_links: Links,
    out_links: Links,
}

/// A doubly linked list through the edges, newest first.
#[derive(Clone, Copy)]
struct List {
    newest: u32,
    oldest: u32,
    len: u32,
}

#[derive(Clone, Copy)]
struct Links {
    newer: u32,
    older: u32,
}

const UNLINKED: Links = Links { newer: NIL, older: NIL };
const EMPTY: List = List { newest: NIL, oldest: NIL, len: 0 };

/// Index entries with their share of a table's free slots.
const NODE_BYTES: usize = size_of::<Option<Node>>() + 40;
const EDGE_BYTES: usize = size_of::<Option<Edge>>() + 32;

pub(super) struct Arena {
    nodes: Slots<Node>,
    edges: Slots<Edge>,
    by_key: HashMap<NodeKey, u32, KeyHash>,
    heads: HashMap<(u32, u32, Operation), u32, KeyHash>,
    newest: u32,
    oldest: u32,
    n_touches: u32,
    heap_bytes: usize,
}

impl Default for Arena {
    fn default() -> Self {
        Self {
            nodes: Slots::default(),
            edges: Slots::default(),
            by_key: HashMap::with_hasher(KeyHash),
            heads: HashMap::with_hasher(KeyHash),
            newest: NIL,
            oldest: NIL,
            n_touches: 0,
            heap_bytes: 0,
        }
    }
}

impl Arena {
    pub(super) fn bytes(&self) -> usize {
        self.nodes.len * NODE_BYTES + self.edges.len * EDGE_BYTES + self.heap_bytes
    }

    pub(super) fn find(&self, key: NodeKey) -> Option<NodeIdx> {
        self.by_key.get(&key).map(|&slot| NodeIdx(slot))
    }

    pub(super) fn node(&self, node: NodeIdx) -> &Node {
        self.nodes.get(node.0)
    }

    /// State for a change that adds no strings; see [`Self::change`].
    pub(super) fn state_mut(&mut self, node: NodeIdx) -> &mut NodeState {
        &mut self.nodes.get_mut(node.0).state
    }

    /// Changes a state and accounts for the bytes it gained or lost.
    pub(super) fn change<T>(&mut self, node: NodeIdx, change: impl FnOnce(&mut NodeState) -> T) -> T {
        let state = &mut self.nodes.get_mut(node.0).state;
        let before = state.heap_bytes();
        let result = change(state);
        self.heap_bytes = self.heap_bytes + state.heap_bytes() - before;
        result
    }

    /// Notes that an edge out of a node left that may repeat.
    pub(super) fn note_repeatable(&mut self, from: NodeIdx) {
        let node = self.nodes.get_mut(from.0);
        node.spilled_version = Some(node.state.version);
    }

    pub(super) fn set_spilled_version(&mut self, node: NodeIdx, version: Option<u32>) {
        self.nodes.get_mut(node.0).spilled_version = version;
    }

    pub(super) fn edge(&self, edge: EdgeIdx) -> &Edge {
        self.edges.get(edge.0)
    }

    pub(super) fn edge_mut(&mut self, edge: EdgeIdx) -> &mut Edge {
        self.edges.get_mut(edge.0)
    }

    pub(super) fn head(&self, from: NodeIdx, to: NodeIdx, op: Operation) -> Option<EdgeIdx> {
        self.heads.get(&(from.0, to.0, op)).map(|&slot| EdgeIdx(slot))
    }

    pub(super) fn add_node(&mut self, key: NodeKey, state: NodeState) -> NodeIdx {
        self.heap_bytes += state.heap_bytes();
        // One that is read back may have left such edges.
        let spilled_version = state.spilled_out.then_some(state.version);
        let slot = self.nodes.add(Node {
            key,
            state,
            ins: EMPTY,
            outs: EMPTY,
            newer: NIL,
            older: NIL,
            touched: 0,
            spilled_version,
        });
        self.by_key.insert(key, slot);
        self.link_newest(slot);
        NodeIdx(slot)
    }

    /// Takes out a node that has no edges left.
    pub(super) fn remove_node(&mut self, node: NodeIdx) -> (NodeKey, NodeState) {
        self.unlink(node.0);
        let removed = self.nodes.take(node.0);
        debug_assert!(removed.ins.len == 0 && removed.outs.len == 0, "a node leaves after its edges");
        self.by_key.remove(&removed.key);
        self.heap_bytes -= removed.state.heap_bytes();
        (removed.key, removed.state)
    }

    /// Makes `node` the most recently used, unless it is among the most recent eighth: order there decides nothing, and
    /// relinking costs what three nodes cost.
    pub(super) fn touch(&mut self, node: NodeIdx) {
        let age = self.n_touches.wrapping_sub(self.node(node).touched);
        if age as usize > self.nodes.len / 8 {
            self.unlink(node.0);
            self.link_newest(node.0);
        }
    }

    pub(super) fn least_recent(&self) -> Option<NodeIdx> {
        (self.oldest != NIL).then_some(NodeIdx(self.oldest))
    }

    /// Adds the edge of `row` between two hot nodes and makes it the head of its ends and operation.
    pub(super) fn add_edge(&mut self, from: NodeIdx, to: NodeIdx, row: &EdgeRow) -> EdgeIdx {
        let slot = self.edges.add(Edge {
            from,
            to,
            op: row.op,
            flags: row.flags,
            from_version: row.from_version,
            to_version: row.to_version,
            surprise: row.surprise,
            seq: row.seq,
            first: row.first,
            last: row.last,
            count: row.count,
            amount_bytes: row.amount_bytes,
            in_use: true,
            in_links: UNLINKED,
            out_links: UNLINKED,
        });
        self.list_push(from, Direction::Out, slot);
        self.list_push(to, Direction::In, slot);
        self.heads.insert((from.0, to.0, row.op), slot);
        EdgeIdx(slot)
    }

    pub(super) fn remove_edge(&mut self, edge: EdgeIdx) -> EdgeRow {
        let row = self.row(edge);
        let (from, to) = (self.edge(edge).from, self.edge(edge).to);
        self.list_remove(from, Direction::Out, edge.0);
        self.list_remove(to, Direction::In, edge.0);
        let removed = self.edges.take(edge.0);
        let head = (removed.from.0, removed.to.0, removed.op);
        if self.heads.get(&head) == Some(&edge.0) {
            self.heads.remove(&head);
        }
        row
    }

    pub(super) fn row(&self, edge: EdgeIdx) -> EdgeRow {
        let edge = self.edge(edge);
        EdgeRow {
            from: self.node(edge.from).key,
            to: self.node(edge.to).key,
            op: edge.op,
            seq: edge.seq,
            first: edge.first,
            last: edge.last,
            count: edge.count,
            amount_bytes: edge.amount_bytes,
            from_version: edge.from_version,
            to_version: edge.to_version,
            flags: edge.flags,
            surprise: edge.surprise,
        }
    }

    /// The [`EdgeRow::order`] of an edge.
    pub(super) fn order(&self, edge: EdgeIdx) -> (EventNs, u64) {
        let edge = self.edge(edge);
        (edge.first, edge.seq)
    }

    pub(super) fn n_edges(&self, node: NodeIdx, direction: Direction) -> u32 {
        self.list(node, direction).len
    }

    pub(super) fn oldest_edge(&self, node: NodeIdx, direction: Direction) -> Option<EdgeIdx> {
        let oldest = self.list(node, direction).oldest;
        (oldest != NIL).then_some(EdgeIdx(oldest))
    }

    /// The oldest edge that was not repeated since it was last looked at here; those that were become the newest.
    pub(super) fn idle_edge(&mut self, node: NodeIdx, direction: Direction) -> Option<EdgeIdx> {
        loop {
            let oldest = self.oldest_edge(node, direction)?;
            if !std::mem::take(&mut self.edge_mut(oldest).in_use) {
                return Some(oldest);
            }
            self.list_remove(node, direction, oldest.0);
            self.list_push(node, direction, oldest.0);
        }
    }

    /// A node's hot edges, newest first.
    pub(super) fn edges(&self, node: NodeIdx, direction: Direction) -> impl Iterator<Item = EdgeIdx> + '_ {
        let mut next = self.list(node, direction).newest;
        std::iter::from_fn(move || {
            let slot = (next != NIL).then_some(next)?;
            next = self.links(slot, direction).older;
            Some(EdgeIdx(slot))
        })
    }

    /// Hot edges that began before `time`.
    pub(super) fn edges_before(&self, time: EventNs) -> Vec<EdgeIdx> {
        self.edges.taken().filter(|(_, edge)| edge.first < time).map(|(slot, _)| EdgeIdx(slot)).collect()
    }

    /// Hot nodes without edges that were last used before `time`. One that was not used since its edges were is read from a disk alone.
    pub(super) fn nodes_before(&self, time: EventNs) -> Vec<NodeIdx> {
        let is_over = |node: &Node| node.state.last < time && node.ins.len == 0 && node.outs.len == 0;
        self.nodes.taken().filter(|(_, node)| is_over(node)).map(|(slot, _)| NodeIdx(slot)).collect()
    }

    /// All hot nodes, the least recently used first.
    pub(super) fn nodes_by_age(&self) -> Vec<NodeIdx> {
        let mut next = self.oldest;
        let by_age = std::iter::from_fn(|| {
            let slot = (next != NIL).then_some(next)?;
            next = self.nodes.get(slot).newer;
            Some(NodeIdx(slot))
        });
        by_age.collect()
    }

    /// All hot edges in the order in which they were made, so that the newest of the same ends becomes their head.
    pub(super) fn edges_by_seq(&self) -> Vec<EdgeIdx> {
        let mut edges: Vec<_> = self.edges.taken().map(|(slot, _)| EdgeIdx(slot)).collect();
        edges.sort_unstable_by_key(|&edge| self.edge(edge).seq);
        edges
    }

    /// Above every place of a node.
    pub(super) fn n_slots(&self) -> usize {
        self.nodes.slots.len()
    }

    fn list(&self, node: NodeIdx, direction: Direction) -> &List {
        let node = self.node(node);
        match direction {
            Direction::In => &node.ins,
            Direction::Out => &node.outs,
        }
    }

    fn list_mut(&mut self, node: NodeIdx, direction: Direction) -> &mut List {
        let node = self.nodes.get_mut(node.0);
        match direction {
            Direction::In => &mut node.ins,
            Direction::Out => &mut node.outs,
        }
    }

    fn links(&self, slot: u32, direction: Direction) -> Links {
        match direction {
            Direction::In => self.edges.get(slot).in_links,
            Direction::Out => self.edges.get(slot).out_links,
        }
    }

    fn links_mut(&mut self, slot: u32, direction: Direction) -> &mut Links {
        match direction {
            Direction::In => &mut self.edges.get_mut(slot).in_links,
            Direction::Out => &mut self.edges.get_mut(slot).out_links,
        }
    }

    fn list_push(&mut self, node: NodeIdx, direction: Direction, slot: u32) {
        let list = self.list_mut(node, direction);
        let older = std::mem::replace(&mut list.newest, slot);
        list.len += 1;
        if older == NIL {
            list.oldest = slot;
        } else {
            self.links_mut(older, direction).newer = slot;
        }
        *self.links_mut(slot, direction) = Links { newer: NIL, older };
    }

    fn list_remove(&mut self, node: NodeIdx, direction: Direction, slot: u32) {
        let Links { newer, older } = self.links(slot, direction);
        if newer != NIL {
            self.links_mut(newer, direction).older = older;
        }
        if older != NIL {
            self.links_mut(older, direction).newer = newer;
        }
        let list = self.list_mut(node, direction);
        list.len -= 1;
        if newer == NIL {
            list.newest = older;
        }
        if older == NIL {
            list.oldest = newer;
        }
    }

    fn link_newest(&mut self, slot: u32) {
        let older = std::mem::replace(&mut self.newest, slot);
        if older == NIL {
            self.oldest = slot;
        } else {
            self.nodes.get_mut(older).newer = slot;
        }
        self.n_touches = self.n_touches.wrapping_add(1);
        let node = self.nodes.get_mut(slot);
        (node.newer, node.older, node.touched) = (NIL, older, self.n_touches);
    }

    fn unlink(&mut self, slot: u32) {
        let node = self.nodes.get(slot);
        let (newer, older) = (node.newer, node.older);
        if newer == NIL {
            self.newest = older;
        } else {
            self.nodes.get_mut(newer).older = older;
        }
        if older == NIL {
            self.oldest = newer;
        } else {
            self.nodes.get_mut(older).newer = newer;
        }
    }
}

/// Reusable slots, the last freed first.
struct Slots<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Slots<T> {
    fn get(&self, slot: u32) -> &T {
        self.slots[slot as usize].as_ref().expect("an index is used only while its slot is taken")
    }

    fn get_mut(&mut self, slot: u32) -> &mut T {
        self.slots[slot as usize].as_mut().expect("an index is used only while its slot is taken")
    }

    fn taken(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots.iter().zip(0..).filter_map(|(value, slot)| Some((slot, value.as_ref()?)))
    }

    fn add(&mut self, value: T) -> u32 {
        self.len += 1;
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(value);
            return slot;
        }
        let slot = u32::try_from(self.slots.len()).ok().filter(|&slot| slot != NIL);
        self.slots.push(Some(value));
        slot.expect("the window's byte limit stands far below 2^32 slots")
    }

    fn take(&mut self, slot: u32) -> T {
        self.len -= 1;
        self.free.push(slot);
        self.slots[slot as usize].take().expect("an index is used only while its slot is taken")
    }
}

/// Hashes keys that are hashes already, and small index tuples, in one multiplication a word. The tables are never
/// iterated, so the order they would give decides nothing.
#[derive(Clone, Copy, Default)]
struct KeyHash;

impl BuildHasher for KeyHash {
    type Hasher = Folded;
    fn build_hasher(&self) -> Folded {
        Folded(0)
    }
}

struct Folded(u64);

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        // The multiplier is 2^64 divided by the golden ratio (Knuth, TAOCP 3, 6.4).
        let product = u128::from(self.0 ^ value) * 0x9e37_79b9_7f4a_7c15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = value as u64;
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
