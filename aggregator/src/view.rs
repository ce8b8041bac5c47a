//! An incident at first sight: its story at its strongest, siblings that are alike drawn as one, and no more than fits.

use crate::Incident;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use tracewell_alert_scorer::{Fact, words};
use tracewell_model::{AlertEdge, AlertNode, EdgeKey, HostId, NodeKey, NodeRole, Operation};

/// What is drawn of an incident before a person expands anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Most important first. Each group is drawn as one; all its nodes are here, side by side.
    pub nodes: Vec<ViewNode>,
    /// Edges between these, in order of time.
    pub edges: Vec<ViewEdge>,
    pub groups: Vec<ViewGroup>,
    /// Boxes on the screen: each group and each node outside one counts as one.
    pub n_drawn: usize,
    /// Nodes of the story that did not fit, beside those that the hosts left out.
    pub n_left_out: usize,
    /// Alert graphs that are repeats and therefore not drawn.
    pub n_repeats_folded: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewNode {
    pub key: NodeKey,
    pub host: HostId,
    pub node: AlertNode,
    pub label: String,
    /// Why it is here, in words, strongest first.
    pub reasons: Vec<String>,
    /// Indices into the incident's members.
    pub members: Vec<usize>,
    /// Index into the view's groups.
    pub group: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewEdge {
    pub key: EdgeKey,
    pub edge: AlertEdge,
    /// Who did what, in words.
    pub sentence: String,
    pub reasons: Vec<String>,
}

/// Nodes with the same label, role and facts that hang on the same nodes by the same operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewGroup {
    pub label: String,
    pub nodes: Vec<NodeKey>,
}

impl Incident {
    /// The first sight of at most `nodes_max` boxes. O(nodes · log nodes) of the story at its strongest.
    pub fn view(&self, nodes_max: usize) -> View {
        let story: Vec<_> = self.best.iter().map(|&index| self.members[index].as_ref()).collect();
        let names = words::Names::of(&story);
        let drawing = Drawing::of(self);
        let mut view = View { n_repeats_folded: self.members.len() - self.best.len(), ..View::default() };
        let mut chosen = BTreeSet::new();
        for siblings in drawing.boxes() {
            if view.n_drawn == nodes_max {
                view.n_left_out += siblings.len();
                continue;
            }
            view.n_drawn += 1;
            let group = (siblings.len() > 1).then_some(view.groups.len());
            for &key in &siblings {
                let placed = &drawing.nodes[&key];
                chosen.insert(key);
                view.nodes.push(ViewNode {
                    key,
                    host: placed.host,
                    node: placed.node.clone(),
                    label: words::label(placed.node),
                    reasons: placed.node.reasons.iter().map(|reason| names.reason(reason)).collect(),
                    members: placed.members.clone(),
                    group,
                });
            }
            if group.is_some() {
                let label =
                    format!("{} and {} like it", words::label(drawing.nodes[&siblings[0]].node), siblings.len() - 1);
                view.groups.push(ViewGroup { label, nodes: siblings });
            }
        }
        view.edges = drawing
            .edges
            .iter()
            .filter(|(key, _)| chosen.contains(&key.from) && chosen.contains(&key.to))
            .map(|(&key, &edge)| ViewEdge {
                key,
                edge: edge.clone(),
                sentence: names.edge(&key),
                reasons: edge.reasons.iter().map(|reason| names.reason(reason)).collect(),
            })
            .collect();
        view.edges.sort_by_key(|edge| (edge.edge.first, edge.key));
        view
    }
}

struct Placed<'a> {
    host: HostId,
    node: &'a AlertNode,
    members: Vec<usize>,
}

/// The union of the graphs that are drawn.
struct Drawing<'a> {
    nodes: BTreeMap<NodeKey, Placed<'a>>,
    edges: BTreeMap<EdgeKey, &'a AlertEdge>,
}

/// What siblings have in common: their looks, and who they hang on.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Likeness<'a> {
    kind: tracewell_model::NodeKind,
    role: NodeRole,
    general: &'a str,
    facts: BTreeSet<Option<Fact>>,
    neighbours: BTreeSet<(bool, Operation, NodeKey)>,
}

impl<'a> Drawing<'a> {
    fn of(incident: &'a Incident) -> Self {
        let mut drawing = Self { nodes: BTreeMap::new(), edges: BTreeMap::new() };
        for &index in &incident.best {
            let graph = &incident.members[index];
            for (&key, node) in &graph.nodes {
                let placed = drawing.nodes.entry(key).or_insert(Placed { host: graph.host, node, members: vec![] });
                placed.members.push(index);
                if importance(node) < importance(placed.node) {
                    placed.node = node;
                }
            }
            drawing.edges.extend(graph.edges.iter().map(|(&key, edge)| (key, edge)));
        }
        drawing
    }

    /// Siblings together, most important first. Terminals are never grouped: each was worth an alarm.
    fn boxes(&self) -> Vec<Vec<NodeKey>> {
        let mut neighbours = BTreeMap::<NodeKey, BTreeSet<(bool, Operation, NodeKey)>>::new();
        for key in self.edges.keys() {
            neighbours.entry(key.from).or_default().insert((true, key.op, key.to));
            neighbours.entry(key.to).or_default().insert((false, key.op, key.from));
        }
        let mut alone = Vec::new();
        let mut alike = BTreeMap::<Likeness<'_>, Vec<NodeKey>>::new();
        for (&key, placed) in &self.nodes {
            if placed.node.role == NodeRole::Terminal {
                alone.push(vec![key]);
                continue;
            }
            let likeness = Likeness {
                kind: placed.node.attrs.kind(),
                role: placed.node.role,
                general: &placed.node.general,
                facts: placed.node.reasons.iter().map(Fact::of).collect(),
                neighbours: neighbours.remove(&key).unwrap_or_default(),
            };
            alike.entry(likeness).or_default().push(key);
        }
        let mut boxes: Vec<_> = alone.into_iter().chain(alike.into_values()).collect();
        boxes.sort_by_cached_key(|siblings| (importance(self.nodes[&siblings[0]].node), siblings[0]));
        boxes
    }
}

/// Terminals before what connects them before what they touched; then structural facts, surprise, time.
fn importance(node: &AlertNode) -> impl Ord + use<> {
    let facts: BTreeSet<_> = node.reasons.iter().filter_map(Fact::of).filter(|fact| !fact.is_rarity()).collect();
    (node.role, Reverse(facts.len()), Reverse(node.surprise), node.first)
}
