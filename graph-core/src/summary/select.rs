//! Which nodes an alert graph shows, most telling first, and why each is there.

use super::general_label;
use super::terminals::{Terminal, Terminals};
use crate::graph::{Graph, NodeState, ProcessState, Rare};
use crate::history::{Direction, HistoryError};
use crate::link::{Hopset, Member};
use crate::neighbourhood::OperationSet;
use crate::structure::{Structure, is_other_machine};
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{AlertNode, EventNs, FileKind, Millibits, NodeAttrs, NodeKey, NodeRole, Operation, Reason};

/// Latest edges of a terminal that are looked through for rare ones.
const RARE_EDGES_SEEN_MAX: usize = 256;

/// Files that few others touch: how many edges they have at most, how many are shown of a terminal, and up to which size of
/// the alert graph.
const OWN_FILE_DEGREE_MAX: u32 = 8;
const OWN_FILES_MAX: usize = 4;
const OWN_FILES_UP_TO: usize = 30;

/// Connections onwards that are shown of what an alert of another host led to.
const ONWARD_MAX: usize = 16;

pub(super) struct Selection {
    pub(super) nodes: BTreeMap<NodeKey, AlertNode>,
    pub(super) n_omitted: u32,
    nodes_max: usize,
}

impl Selection {
    pub(super) fn new(nodes_max: usize) -> Self {
        Self { nodes: BTreeMap::new(), n_omitted: 0, nodes_max }
    }

    /// Selects in the order: terminals, evidence of their facts, connectors, descendants, who started the terminals, what
    /// they dealt with or changed that is rare, the connections that led to them, and files that are theirs alone.
    pub(super) fn fill(
        &mut self,
        graph: &mut Graph,
        structure: &Structure,
        hopset: &Hopset,
        terminals: &Terminals,
        rare_min_millibits: u32,
    ) -> Result<(), HistoryError> {
        for terminal in terminals.iter() {
            let (surprise, reasons) = (structure.weight(&terminal.process), reasons(&terminal.process));
            self.insert(terminal.key, &terminal.state, NodeRole::Terminal, surprise, reasons);
        }
        for Terminal { key, process, .. } in terminals.iter() {
            for fact in &process.facts {
                for evidence in evidence(fact) {
                    self.add(graph, evidence, NodeRole::Context, Reason::TouchedBy { process: *key })?;
                }
            }
        }
        for (&key, member) in &hopset.members {
            if *member == Member::Connector {
                self.add(graph, key, NodeRole::Connector, Reason::Connects)?;
            }
        }
        for (key, ancestor) in self.descendants(graph, hopset)? {
            self.add(graph, key, NodeRole::Context, Reason::DescendsFrom { ancestor })?;
        }
        for (key, socket) in self.onward(graph, hopset, terminals)? {
            self.add(graph, socket, NodeRole::Context, Reason::TouchedBy { process: key })?;
        }
        for Terminal { key, process, .. } in terminals.iter() {
            if let Some(parent) = process.parent {
                self.add(graph, parent, NodeRole::Context, Reason::Started { descendant: *key })?;
            }
        }
        for Terminal { key, .. } in terminals.iter() {
            for peer in rare_peers(graph, *key, rare_min_millibits)? {
                self.add(graph, peer, NodeRole::Context, Reason::TouchedBy { process: *key })?;
            }
        }
        for Terminal { key, process, .. } in terminals.iter() {
            if let Some((server, connection)) = led_by(graph, *key, process)? {
                self.add(graph, connection, NodeRole::Context, Reason::TouchedBy { process: server })?;
            }
        }
        // On a host that is hardly known little is rare yet; what the terminals touched alone is shown while there is room.
        for Terminal { key, .. } in terminals.iter().filter(|terminal| !terminal.process.facts.is_empty()) {
            for peer in own_files(graph, *key)? {
                if self.nodes.len() < OWN_FILES_UP_TO.min(self.nodes_max) {
                    self.add(graph, peer, NodeRole::Context, Reason::TouchedBy { process: *key })?;
                }
            }
        }
        Ok(())
    }

    /// The connections to other machines of those that an alert of another host led to, and of what they started: so that it can be
    /// followed on. Not those of servers, which are made for everybody.
    fn onward(
        &self,
        graph: &mut Graph,
        hopset: &Hopset,
        terminals: &Terminals,
    ) -> Result<Vec<(NodeKey, NodeKey)>, HistoryError> {
        if !terminals.are_followed() {
            return Ok(Vec::new());
        }
        let mut found = BTreeSet::new();
        let drawn = hopset.members.iter().filter(|(key, _)| self.nodes.contains_key(key));
        for (&key, _) in drawn.filter(|(_, member)| !matches!(member, Member::Connector)) {
            let serves =
                graph.state(key)?.is_none_or(|state| state.role.process().is_none_or(|process| process.serves));
            if serves {
                continue;
            }
            let connects = OperationSet::from_iter([Operation::Connect]);
            let (edges, _) = graph.edges_by(key, Direction::Out, EventNs::MAX, ONWARD_MAX, connects)?;
            for edge in edges {
                if graph.state(edge.to)?.is_some_and(|socket| is_other_machine(&socket.attrs)) {
                    found.insert((edge.first, edge.to, key));
                }
            }
        }
        Ok(found.into_iter().take(ONWARD_MAX).map(|(_, socket, key)| (key, socket)).collect())
    }

    /// Descendants in the order in which they came to be; of what is unusual alone, and not led by anybody, none.
    fn descendants(&self, graph: &mut Graph, hopset: &Hopset) -> Result<Vec<(NodeKey, NodeKey)>, HistoryError> {
        let mut found = Vec::new();
        for (&key, member) in &hopset.members {
            if let Member::Descendant { ancestor } = member {
                if !is_led(graph, *ancestor)? && !is_led(graph, key)? {
                    continue;
                }
                let first = graph.state(key)?.map_or(EventNs::MAX, |state| state.first);
                found.push((first, key, *ancestor));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, key, ancestor)| (key, ancestor)).collect())
    }

    fn add(&mut self, graph: &mut Graph, key: NodeKey, role: NodeRole, reason: Reason) -> Result<(), HistoryError> {
        if self.nodes.contains_key(&key) {
            return Ok(());
        }
        if let Some(state) = graph.state(key)?.map(|state| state.into_owned()) {
            let mut all = state.role.process().map(reasons).unwrap_or_default();
            all.push(reason);
            self.insert(key, &state, role, Millibits::ZERO, all);
        }
        Ok(())
    }

    fn insert(
        &mut self,
        key: NodeKey,
        state: &NodeState,
        role: NodeRole,
        surprise: Millibits,
        mut reasons: Vec<Reason>,
    ) {
        if self.nodes.len() >= self.nodes_max {
            self.n_omitted = self.n_omitted.saturating_add(1);
            return;
        }
        if reasons.is_empty() {
            reasons.push(Reason::Connects);
        }
        let general = general_label(&state.attrs);
        let (first, last) = (state.first, state.last);
        self.nodes.insert(key, AlertNode { attrs: state.attrs.clone(), general, role, surprise, reasons, first, last });
    }
}

/// Whether a fact stands against a process. That it is what someone who logged in started is none: so is all that
/// administrators do.
fn is_led(graph: &mut Graph, key: NodeKey) -> Result<bool, HistoryError> {
    let state = graph.state(key)?;
    let Some(process) = state.as_ref().and_then(|state| state.role.process()) else { return Ok(false) };
    Ok(process.facts.iter().any(|fact| !process.logged_in || !matches!(fact, Reason::ServesNetwork { .. })))
}

/// Facts first, then what was rare.
fn reasons(process: &ProcessState) -> Vec<Reason> {
    let mut reasons = process.facts.clone();
    reasons.extend(process.rare.iter().map(|Rare { surprise, op, what, .. }| match op {
        Operation::Exec => Reason::RareChild { surprise: *surprise, what: what.clone() },
        _ => Reason::RareOperation { surprise: *surprise, op: *op, what: what.clone() },
    }));
    reasons
}

/// The nodes that a fact names.
fn evidence(fact: &Reason) -> Vec<NodeKey> {
    match *fact {
        Reason::Detected(ref finding) => finding.nodes.clone(),
        Reason::RanOwnWrite { file, writer } => vec![file, writer],
        Reason::ServesNetwork { server } => vec![server],
        Reason::CallsOut { socket } | Reason::CommandsFromSocket { socket } | Reason::Followed { socket } => {
            vec![socket]
        }
        Reason::DeletedOwnExecutable { file } | Reason::RanUnlinked { file } => vec![file],
        Reason::EnteredProcess { target } => vec![target],
        _ => vec![],
    }
}

/// What a terminal dealt with, or changed, that its profile found unlikely, most surprising first.
fn rare_peers(graph: &mut Graph, key: NodeKey, min_millibits: u32) -> Result<Vec<NodeKey>, HistoryError> {
    let mut rare = Vec::new();
    for direction in [Direction::In, Direction::Out] {
        for edge in graph.edges(key, direction, EventNs::MAX, RARE_EDGES_SEEN_MAX)? {
            let peer = if direction == Direction::In { edge.from } else { edge.to };
            if edge.surprise >= min_millibits && is_worth_drawing(graph, key, peer, direction)? {
                rare.push((std::cmp::Reverse(edge.surprise), edge.seq, peer));
            }
        }
    }
    rare.sort();
    Ok(rare.into_iter().map(|(.., peer)| peer).collect())
}

/// Whether what lies at the other end of a process' edge may be drawn for its own sake: sockets with a name, files that keep what is
/// written and, if they were only read, that few others touch and the process was told to read. The rest is told in the reader's reasons:
/// what a program reads by itself, as its configuration, says little.
fn is_worth_drawing(
    graph: &mut Graph,
    process: NodeKey,
    peer: NodeKey,
    direction: Direction,
) -> Result<bool, HistoryError> {
    let Some(state) = graph.state(peer)? else { return Ok(false) };
    let path = match &state.attrs {
        NodeAttrs::File { kind: FileKind::Regular | FileKind::Memory | FileKind::Unknown, path, .. } => path.clone(),
        NodeAttrs::File { .. } => return Ok(false),
        NodeAttrs::Socket { remote, path, .. } => return Ok(remote.is_some() || path.is_some()),
        NodeAttrs::Process { .. } => return Ok(true),
    };
    if direction == Direction::Out {
        return Ok(true);
    }
    let (false, Some(path)) = (degree(&state) > OWN_FILE_DEGREE_MAX, path) else { return Ok(false) };
    Ok(graph.state(process)?.is_some_and(|state| match &state.attrs {
        // Of a source that gives no command lines nothing is known of what was told.
        NodeAttrs::Process { cmdline, .. } => cmdline.as_ref().is_none_or(|cmdline| names(cmdline, &path)),
        _ => false,
    }))
}

/// Whether an argument of a command is a file, by its path or, from the folder that it is in, by its name.
fn names(cmdline: &str, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut arguments = cmdline.split_ascii_whitespace().skip(1);
    !name.is_empty() && arguments.any(|argument| argument.rsplit(['/', '=']).next() == Some(name))
}

fn degree(state: &NodeState) -> u32 {
    state.n_in.saturating_add(state.n_out)
}

/// The connection that a server took last before it started, or led on, a process below it.
fn led_by(graph: &mut Graph, key: NodeKey, process: &ProcessState) -> Result<Option<(NodeKey, NodeKey)>, HistoryError> {
    let Some(server) = process.server else { return Ok(None) };
    let Some(started) = graph.state(key)?.map(|state| state.first) else { return Ok(None) };
    let edges = graph.edges(server, Direction::In, started, RARE_EDGES_SEEN_MAX)?;
    Ok(edges.into_iter().find(|edge| edge.op == Operation::Accept).map(|edge| (server, edge.from)))
}

/// Files that a process read, wrote or made and that few others touch, those of the fewest edges first; no code that it
/// mapped.
fn own_files(graph: &mut Graph, key: NodeKey) -> Result<Vec<NodeKey>, HistoryError> {
    let (mut mapped, mut files) = (BTreeSet::new(), BTreeMap::new());
    for direction in [Direction::In, Direction::Out] {
        for edge in graph.edges(key, direction, EventNs::MAX, RARE_EDGES_SEEN_MAX)? {
            let peer = if direction == Direction::In { edge.from } else { edge.to };
            match edge.op {
                Operation::MapExecutable | Operation::Exec => _ = mapped.insert(peer),
                Operation::Read | Operation::Write | Operation::Create | Operation::Rename => {
                    files.entry(peer).or_insert((edge.seq, direction));
                }
                _ => {}
            }
        }
    }
    let mut own: Vec<(u32, u64, NodeKey)> = Vec::new();
    for (file, (seq, direction)) in files {
        if !mapped.contains(&file) && is_worth_drawing(graph, key, file, direction)? {
            let state = graph.state(file)?.filter(|state| state.role.file().is_some());
            own.extend(state.map(|state| (degree(&state), seq, file)));
        }
    }
    own.retain(|(degree, ..)| *degree <= OWN_FILE_DEGREE_MAX);
    own.sort();
    Ok(own.into_iter().take(OWN_FILES_MAX).map(|(.., file)| file).collect())
}
