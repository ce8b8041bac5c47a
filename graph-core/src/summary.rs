//! From a hopset to an alert graph: which nodes an analyst needs, why each is there, and what is new since last time.

mod edges;
mod select;
mod terminals;

use crate::graph::Graph;
use crate::history::HistoryError;
use crate::link::{Hopset, Linker};
use crate::profile::{generalise_command, generalise_path};
use crate::structure::Structure;
use select::Selection;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use terminals::Terminals;
use tracewell_model::{AlertGraph, AlertId, AlertUpdate, EventNs, Loss, NodeAttrs, Str};
use tracewell_parameters::{LinkParameters, StructureParameters};

/// Turns hopsets into alert graphs and remembers, in the hopset, what was emitted.
pub struct Summariser {
    parameters: LinkParameters,
    rare_min_millibits: u32,
}

impl Summariser {
    pub fn new(link: &LinkParameters, structure: &StructureParameters) -> Self {
        Self { parameters: link.clone(), rare_min_millibits: structure.rare_min_millibits }
    }

    /// The update that brings an aggregator up to date with a hopset, or `None` if it is no alert or has no news.
    ///
    /// `losses` tells what was lost between two moments.
    ///
    /// # Errors
    /// When the history fails.
    pub fn summarise(
        &self,
        graph: &mut Graph,
        structure: &Structure,
        linker: &mut Linker,
        id: u64,
        losses: impl FnOnce(EventNs, EventNs) -> Loss,
    ) -> Result<Option<AlertUpdate>, HistoryError> {
        let alert_min = linker.alert_min();
        let hopset = linker.hopset(graph, id)?.clone();
        // Most groups are never an alert: what they weigh is asked before anything is looked up to be drawn.
        let terminals = Terminals::of(graph, &hopset)?;
        let surprise = terminals.weight(structure);
        if hopset.members.is_empty() || surprise < alert_min && !terminals.are_told_anyway() {
            return Ok(None);
        }
        let mut selection = Selection::new(self.parameters.alert_nodes_max as usize);
        selection.fill(graph, structure, &hopset, &terminals, self.rare_min_millibits)?;
        let edges = edges::between(graph, &selection.nodes, self.rare_min_millibits)?;
        let near = self.parameters.loss_near_ns;
        let whole = AlertGraph {
            id: AlertId(id),
            host: graph.host(),
            revision: hopset.revision.saturating_add(1),
            first: hopset.first,
            last: hopset.last,
            surprise,
            n_omitted: hopset.n_omitted.saturating_add(selection.n_omitted),
            loss: losses(EventNs(hopset.first.0.saturating_sub(near)), hopset.last.after(near)),
            nodes: selection.nodes,
            edges,
        };
        let update = news(linker.hopset(graph, id)?, whole);
        if let Some(update) = &update {
            linker.note_revision(update.graph.revision);
        }
        Ok(update)
    }
}

/// Cuts a graph down to what was not emitted yet, and notes it as emitted.
fn news(hopset: &mut Hopset, whole: AlertGraph) -> Option<AlertUpdate> {
    let mut emitted = BTreeMap::new();
    emitted.extend(whole.nodes.iter().map(|(key, node)| (digest(&key), digest(&(key, node)))));
    emitted.extend(whole.edges.iter().map(|(key, edge)| (digest(&key), digest(&(key, edge)))));
    if emitted == hopset.emitted {
        return None;
    }
    // Nothing noted as emitted means that the receiver needs the whole.
    let extends = if hopset.emitted.is_empty() { 0 } else { hopset.revision };
    let mut graph = whole;
    if extends > 0 {
        let known = |part: u64, value: u64| hopset.emitted.get(&part) == Some(&value);
        graph.nodes.retain(|key, node| !known(digest(&key), digest(&(key, &*node))));
        graph.edges.retain(|key, edge| !known(digest(&key), digest(&(key, &*edge))));
    }
    hopset.emitted = emitted;
    hopset.revision = graph.revision;
    Some(AlertUpdate { extends, graph })
}

/// Tells equal parts from changed ones between two emissions of one agent; it never leaves the host.
fn digest(part: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    part.hash(&mut hasher);
    hasher.finish()
}

/// A node's label with everything masked that varies between occurrences.
pub fn general_label(attrs: &NodeAttrs) -> Str {
    match attrs {
        NodeAttrs::Process { exe: Some(exe), .. } => generalise_path(exe).into(),
        NodeAttrs::Process { cmdline: Some(cmdline), .. } => generalise_command(cmdline).into(),
        NodeAttrs::File { path: Some(path), .. } => generalise_path(path).into(),
        NodeAttrs::Socket { path: Some(path), .. } => format!("unix:{}", generalise_path(path)).into(),
        NodeAttrs::Socket { remote: Some(remote), .. } => general_address(*remote).into(),
        NodeAttrs::Process { .. } => "process".into(),
        NodeAttrs::File { kind, .. } => format!("{kind:?}").to_lowercase().into(),
        NodeAttrs::Socket { .. } => "socket".into(),
    }
}

/// Last octet, or interface half, masked; ports above the registered range too (RFC 6335).
fn general_address(addr: SocketAddr) -> String {
    let port = if addr.port() < 49_152 { addr.port().to_string() } else { "*".to_owned() };
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.*:{port}")
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("[{a:x}:{b:x}:{c:x}:{d:x}:*]:{port}")
        }
    }
}
