//! All contributed paths of a fleet in one tree, so that votes are counted without spelling paths out.

use crate::profile::{Contribution, ContributionLeaf};
use hashbrown::HashMap;
use tracewell_model::Str;

pub(super) const NONE: u32 = u32::MAX;

/// Nodes are numbered as they are met; [`Trie::ordered`] gives the canonical order.
#[derive(Default)]
pub(super) struct Trie {
    texts: Vec<Str>,
    /// Parent and label.
    nodes: Vec<(u32, u32)>,
    // Looked up, never iterated: their order is random.
    labels: HashMap<Str, u32>,
    index: HashMap<(u32, u32), u32>,
}

impl Trie {
    /// Adds one host's paths and gives each leaf's node. Paths must lie within the dictionary, as the map checks.
    pub fn add<'a>(&mut self, contribution: &'a Contribution) -> Vec<(u32, &'a ContributionLeaf)> {
        let labels: Vec<u32> = contribution.dictionary.iter().map(|label| self.label(label)).collect();
        let (mut steps, mut previous): (Vec<u32>, &[u32]) = (Vec::new(), &[]);
        let mut leaves = Vec::with_capacity(contribution.leaves.len());
        for leaf in &contribution.leaves {
            // Neighbours share most of their path.
            steps.truncate(leaf.path.iter().zip(previous).take_while(|(a, b)| a == b).count());
            for &step in &leaf.path[steps.len()..] {
                let parent = steps.last().copied().unwrap_or(NONE);
                steps.push(self.node(parent, labels[step as usize]));
            }
            previous = &leaf.path;
            leaves.extend(steps.last().map(|&node| (node, leaf)));
        }
        leaves
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn parent(&self, node: u32) -> u32 {
        self.nodes[node as usize].0
    }

    pub fn text(&self, node: u32) -> &Str {
        &self.texts[self.nodes[node as usize].1 as usize]
    }

    pub fn path(&self, node: u32) -> Vec<Str> {
        let mut path = Vec::new();
        let mut next = node;
        while next != NONE {
            path.push(self.text(next).clone());
            next = self.parent(next);
        }
        path.reverse();
        path
    }

    /// Nodes that `keeps` and all whose ancestors it keeps: parents before children, siblings ascending by label.
    pub fn ordered(&self, keeps: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); self.nodes.len()];
        let mut work = Vec::new();
        for node in (0..self.nodes.len() as u32).filter(|&node| keeps(node)) {
            match self.parent(node) {
                NONE => work.push(node),
                parent => children[parent as usize].push(node),
            }
        }
        // A stack: the last one is taken first.
        let descending = |nodes: &mut Vec<u32>| nodes.sort_unstable_by(|&a, &b| self.text(b).cmp(self.text(a)));
        descending(&mut work);
        let mut ordered = Vec::new();
        while let Some(node) = work.pop() {
            ordered.push(node);
            let mut below = std::mem::take(&mut children[node as usize]);
            descending(&mut below);
            work.append(&mut below);
        }
        ordered
    }

    fn label(&mut self, text: &Str) -> u32 {
        if let Some(&label) = self.labels.get(text) {
            return label;
        }
        let label = self.texts.len() as u32;
        self.texts.push(text.clone());
        self.labels.insert(text.clone(), label);
        label
    }

    fn node(&mut self, parent: u32, label: u32) -> u32 {
        *self.index.entry((parent, label)).or_insert_with(|| {
            self.nodes.push((parent, label));
            self.nodes.len() as u32 - 1
        })
    }
}
