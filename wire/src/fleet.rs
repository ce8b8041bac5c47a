//! What hosts have learned and what the fleet vouches for. Paths are ascending, so each is sent as what differs from the
//! one before it.

use crate::error::at_most;
use crate::limits::{LABELS_MAX, LEAVES_MAX, PATH_STEPS_MAX, TEXT_BYTES_MAX, VIEW_NODES_MAX};
use crate::message::hash;
use crate::{WireError, proto};
use prost::Message as _;
use std::collections::BTreeMap;
use tracewell_graph_core::fleet::{ContributionDelta, FleetNode, FleetView, Version};
use tracewell_graph_core::profile::{Contribution, ContributionLeaf};
use tracewell_model::Str;

impl TryFrom<&ContributionDelta> for proto::ProfileDelta {
    type Error = WireError;

    fn try_from(delta: &ContributionDelta) -> Result<Self, WireError> {
        let Contribution { since_day, dictionary, leaves } = &delta.changed;
        at_most("labels of the profile", dictionary.len(), LABELS_MAX)?;
        at_most("leaves of the profile", leaves.len(), LEAVES_MAX)?;
        at_most("removed paths of the profile", delta.removed.len(), LEAVES_MAX)?;
        let mut before = Vec::new();
        let leaves = leaves.iter().map(|leaf| {
            let (shared, rest) = differing(&mut before, &leaf.path)?;
            Ok(proto::Leaf {
                shared,
                rest,
                count: leaf.count,
                days: leaf.days,
                first_day_offset: leaf.first_day.wrapping_sub(*since_day),
            })
        });
        let leaves = leaves.collect::<Result<_, WireError>>()?;
        let mut labels = Labels::default();
        let mut before = Vec::new();
        let removed = delta.removed.iter().map(|path| {
            let path: Vec<u32> = path.iter().map(|label| labels.place(label)).collect();
            let (shared, rest) = differing(&mut before, &path)?;
            Ok(proto::Path { shared, rest })
        });
        let removed = removed.collect::<Result<_, WireError>>()?;
        at_most("removed labels of the profile", labels.labels.len(), LABELS_MAX)?;
        for label in dictionary.iter().map(|label| label.len()).chain(labels.labels.iter().map(String::len)) {
            at_most("label of the profile", label, TEXT_BYTES_MAX)?;
        }
        Ok(Self {
            extends: delta.extends.map(version_to_proto),
            version: Some(version_to_proto(delta.version)),
            since_day: *since_day,
            dictionary: dictionary.iter().map(|label| label.to_string()).collect(),
            leaves,
            removed_labels: labels.labels,
            removed,
        })
    }
}

impl TryFrom<proto::ProfileDelta> for ContributionDelta {
    type Error = WireError;

    /// Whether labels and leaves are in canonical order is for the fleet's map to check.
    fn try_from(delta: proto::ProfileDelta) -> Result<Self, WireError> {
        at_most("leaves of the profile", delta.leaves.len(), LEAVES_MAX)?;
        at_most("removed paths of the profile", delta.removed.len(), LEAVES_MAX)?;
        let dictionary = texts(delta.dictionary)?;
        let removed_labels = texts(delta.removed_labels)?;
        let mut before = Vec::new();
        let leaves = delta.leaves.into_iter().map(|leaf| {
            let path = joined(&mut before, leaf.shared, &leaf.rest, dictionary.len())?;
            let first_day = delta.since_day.wrapping_add(leaf.first_day_offset);
            Ok(ContributionLeaf { path, count: leaf.count, days: leaf.days, first_day })
        });
        let leaves = leaves.collect::<Result<_, WireError>>()?;
        let mut before = Vec::new();
        let removed = delta.removed.into_iter().map(|path| {
            let path = joined(&mut before, path.shared, &path.rest, removed_labels.len())?;
            Ok(path.into_iter().map(|place| removed_labels[place as usize].clone()).collect())
        });
        Ok(Self {
            removed: removed.collect::<Result<_, WireError>>()?,
            extends: delta.extends.map(version_from_proto),
            version: version_from_proto(delta.version.ok_or(WireError::Missing { what: "version of the profile" })?),
            changed: Contribution { since_day: delta.since_day, dictionary, leaves },
        })
    }
}

/// Tells one view of the fleet from another: what a host says of the one in force ([`Inventory`](crate::Inventory)). Never 0.
///
/// # Errors
/// When the view passes a limit, so that no host can have been given it.
pub fn view_hash(view: &FleetView) -> Result<u64, WireError> {
    Ok(hash(&proto::FleetView::try_from(view)?.encode_to_vec()).max(1))
}

impl TryFrom<&FleetView> for proto::FleetView {
    type Error = WireError;

    fn try_from(view: &FleetView) -> Result<Self, WireError> {
        let (hosts, nodes) = view.nodes();
        at_most("nodes of the fleet's view", nodes.len(), VIEW_NODES_MAX)?;
        let group_hosts = view.n_group();
        no_more("hosts of the group", group_hosts, hosts)?;
        let nodes = (0u32..).zip(nodes).map(|(at, node)| {
            at_most("label of the fleet's view", node.label.len(), TEXT_BYTES_MAX)?;
            no_more("votes of the group", node.group, node.votes.min(group_hosts))?;
            Ok(proto::FleetNode {
                up: if node.parent == AT_TOP { 0 } else { at.wrapping_sub(node.parent) },
                label: node.label.to_string(),
                votes: node.votes,
                peers: node.peers,
                group: node.group,
            })
        });
        Ok(Self { hosts, nodes: nodes.collect::<Result<_, WireError>>()?, group_hosts })
    }
}

impl TryFrom<proto::FleetView> for FleetView {
    type Error = WireError;

    fn try_from(view: proto::FleetView) -> Result<Self, WireError> {
        at_most("nodes of the fleet's view", view.nodes.len(), VIEW_NODES_MAX)?;
        let group_hosts = view.group_hosts;
        no_more("hosts of the group", group_hosts, view.hosts)?;
        let nodes = (0u32..).zip(view.nodes).map(|(at, node)| {
            at_most("label of the fleet's view", node.label.len(), TEXT_BYTES_MAX)?;
            no_more("votes of the group", node.group, node.votes.min(group_hosts))?;
            let parent = if node.up == 0 { AT_TOP } else { at.wrapping_sub(node.up) };
            let label = node.label.into();
            Ok(FleetNode { parent, label, votes: node.votes, peers: node.peers, group: node.group })
        });
        let view = Self::from_nodes(view.hosts, nodes.collect::<Result<_, WireError>>()?);
        view.map(|view| view.with_group(group_hosts)).map_err(|error| WireError::Invalid {
            what: "place of a node of the fleet's view",
            got: error.at as u64,
            expected: "an earlier parent and a label of its own",
        })
    }
}

/// Those of a group are among those of all hosts.
fn no_more(what: &'static str, of_group: u32, all: u32) -> Result<(), WireError> {
    let invalid = WireError::Invalid { what, got: of_group.into(), expected: "no more than of all hosts" };
    if of_group <= all { Ok(()) } else { Err(invalid) }
}

/// The parent of a node at the top of the view.
const AT_TOP: u32 = u32::MAX;

/// Labels by place, in the order of first use.
#[derive(Default)]
struct Labels {
    labels: Vec<String>,
    places: BTreeMap<Str, u32>,
}

impl Labels {
    fn place(&mut self, label: &Str) -> u32 {
        *self.places.entry(label.clone()).or_insert_with(|| {
            self.labels.push(label.to_string());
            self.labels.len() as u32 - 1
        })
    }
}

fn texts(texts: Vec<String>) -> Result<Vec<Str>, WireError> {
    at_most("labels of the profile", texts.len(), LABELS_MAX)?;
    let text = |text: String| {
        at_most("label of the profile", text.len(), TEXT_BYTES_MAX)?;
        Ok(text.into())
    };
    texts.into_iter().map(text).collect()
}

/// The steps that `path` shares with `before`, and those that follow; `before` becomes `path`.
fn differing(before: &mut Vec<u32>, path: &[u32]) -> Result<(u32, Vec<u32>), WireError> {
    at_most("steps of a path", path.len(), PATH_STEPS_MAX)?;
    let shared = before.iter().zip(path).take_while(|(a, b)| a == b).count();
    before.truncate(shared);
    before.extend(&path[shared..]);
    Ok((shared as u32, path[shared..].to_vec()))
}

/// The inverse of [`differing`], with every step within a table of `n_labels`.
fn joined(before: &mut Vec<u32>, shared: u32, rest: &[u32], n_labels: usize) -> Result<Vec<u32>, WireError> {
    let shared = shared as usize;
    at_most("shared steps of a path", shared, before.len())?;
    at_most("steps of a path", shared + rest.len(), PATH_STEPS_MAX)?;
    if let Some(&index) = rest.iter().find(|&&step| step as usize >= n_labels) {
        return Err(WireError::OutOfTable { what: "a step of a path", index, len: n_labels });
    }
    before.truncate(shared);
    before.extend(rest);
    Ok(before.clone())
}

fn version_to_proto(version: Version) -> proto::ProfileVersion {
    proto::ProfileVersion { epoch: version.epoch, number: version.number }
}

fn version_from_proto(version: proto::ProfileVersion) -> Version {
    Version { epoch: version.epoch, number: version.number }
}
