//! What the fleet vouches for and what each of its groups does, in one tree: the views that hosts are given at one moment.
//!
//! A group's view is the fleet's and, beside each node that most of the group vouch for and most of the fleet do not, how many do. So a
//! minority of a group changes nothing, and what a group has of its own is small: fewer than twice the nodes that one host contributes at
//! most, since each of them has the votes of more than half of its hosts. All views are made in one pass over the hosts, and further groups cost what is their own.

use crate::fleet::trie::{NONE, Trie};
use crate::fleet::{Disputed, FleetMap, FleetNode, FleetView, Groups, ViewError, is_majority};
use crate::history::{HistoryError, RowReader, RowWriter};
use crate::profile::ContributionLeaf;
use std::collections::BTreeMap;
use tracewell_model::Str;
use tracewell_parameters::ProfileParameters;

/// Bytes of a node beside its label, on the wire.
const NODE_BYTES: usize = 12;
/// Further ones of a node that says the votes of a group.
const GROUP_BYTES: usize = 4;

/// By what a view keeps its nodes when not all fit: votes, then those of the group.
///
/// What most of the fleet vouches for ranks by its votes. What most of the group vouches for ranks right below that, as though half of the fleet
/// did, and among itself by the group's votes. The rest ranks by its votes. A node never ranks above its parent, so whatever is kept hangs
/// together.
type Rank = (u32, u32);

/// The views of one moment. A pure function of the joined map, of who is in which group, and of what is disputed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Views {
    /// Hosts with any vote.
    n_hosts: u32,
    /// What any of the views has, as in [`FleetView`]: the fleet's votes alone.
    nodes: Vec<FleetNode>,
    /// The least that the fleet's own view has.
    rank_min: Rank,
    groups: BTreeMap<Str, GroupVotes>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct GroupVotes {
    /// Hosts of the group with any vote.
    n_hosts: u32,
    /// The least that the group's view has.
    rank_min: Rank,
    /// By place of the node, ascending: hosts of the group that vouch for it, where they are most of the group and not most of the fleet.
    votes: Vec<(u32, u32)>,
}

impl Default for Views {
    /// Those of a fleet that vouches for nothing.
    fn default() -> Self {
        Self::from(&FleetView::default())
    }
}

impl From<&FleetView> for Views {
    /// Those of a fleet without groups.
    fn from(view: &FleetView) -> Self {
        let (n_hosts, nodes) = view.nodes();
        let rank_min = nodes.iter().map(|node| (node.votes, 0)).min().unwrap_or((u32::MAX, 0));
        let nodes = nodes.iter().map(|node| FleetNode { group: 0, ..node.clone() }).collect();
        Self { n_hosts, nodes, rank_min, groups: BTreeMap::new() }
    }
}

impl Views {
    /// The views of a fleet, each at most `view_bytes_max` large, without the votes for what is disputed. What ranks least is left out first.
    pub fn of(map: &FleetMap, groups: &Groups, disputed: &Disputed, parameters: &ProfileParameters) -> Self {
        let Counted { trie, tallies, n_hosts, groups } = count(map, groups, disputed, parameters);
        let votes = |node: u32| tallies[node as usize].votes;
        let candidates = trie.ordered(|node| votes(node) >= parameters.vote_hosts_min.max(1));
        let size = |node: u32| NODE_BYTES + trie.text(node).len();
        let mut sizes: BTreeMap<Rank, usize> = BTreeMap::new();
        candidates.iter().for_each(|&node| *sizes.entry((votes(node), 0)).or_default() += size(node));
        let rank_min = rank_that_fits(&sizes, parameters);
        let mut groups: BTreeMap<Str, GroupVotes> = groups
            .into_iter()
            .map(|(name, Group { n_hosts: n_group, votes: of_group })| {
                let mut sizes = sizes.clone();
                for &(node, of_group) in &of_group {
                    let (plain, rank) = ((votes(node), 0), rank(votes(node), of_group, n_hosts));
                    // What nobody else has is to leave no trace, as the least rank is one that there is.
                    match sizes.get_mut(&plain) {
                        Some(all) if *all > size(node) => *all -= size(node),
                        _ => _ = sizes.remove(&plain),
                    }
                    *sizes.entry(rank).or_default() += size(node) + GROUP_BYTES;
                }
                let rank_min = rank_that_fits(&sizes, parameters);
                let mut votes_of = of_group;
                votes_of.retain(|&(node, of_group)| rank(votes(node), of_group, n_hosts) >= rank_min);
                (name, GroupVotes { n_hosts: n_group, rank_min, votes: votes_of })
            })
            .collect();
        // What any of them keeps.
        let plain_min = groups.values().map(|group| group.rank_min).chain([rank_min]).min().unwrap_or_default();
        let mut is_kept: Vec<bool> = vec![false; trie.len()];
        groups.values().flat_map(|group| &group.votes).for_each(|&(node, _)| is_kept[node as usize] = true);
        let (mut nodes, mut places): (Vec<FleetNode>, Vec<u32>) = (Vec::new(), vec![NONE; trie.len()]);
        for node in candidates {
            if !is_kept[node as usize] && (votes(node), 0) < plain_min {
                continue;
            }
            let above = trie.parent(node);
            let parent = if above == NONE { NONE } else { places[above as usize] };
            let peers = match (above, nodes.get(parent as usize)) {
                (NONE, _) | (_, None) => n_hosts,
                // Right below a workload stands the subject itself.
                (_, Some(workload)) if workload.parent == NONE => votes(node),
                (_, Some(parent)) => parent.peers,
            };
            places[node as usize] = nodes.len() as u32;
            let label = trie.text(node).clone();
            nodes.push(FleetNode { parent, label, votes: votes(node), peers, group: 0 });
        }
        for group in groups.values_mut() {
            group.votes.iter_mut().for_each(|(node, _)| *node = places[*node as usize]);
            group.votes.sort_unstable();
        }
        Self { n_hosts, nodes, rank_min, groups }
    }

    /// The view of a host that is in no group.
    pub fn fleet(&self) -> FleetView {
        self.given(self.rank_min, &[]).unwrap_or_default()
    }

    /// The view of a host of this group; that of one in no group where there is no such group.
    pub fn of_group(&self, group: &str) -> FleetView {
        let Some(GroupVotes { n_hosts, rank_min, votes }) = self.groups.get(group) else { return self.fleet() };
        self.given(*rank_min, votes).map_or_else(|_| self.fleet(), |view| view.with_group(*n_hosts))
    }

    /// Hosts with any vote.
    pub fn n_hosts(&self) -> u32 {
        self.n_hosts
    }

    /// Nodes of the view of a host that is in no group.
    pub fn n_nodes(&self) -> usize {
        self.nodes.iter().filter(|node| (node.votes, 0) >= self.rank_min).count()
    }

    /// The groups that have a view of their own, ascending, each with its hosts that have any vote.
    pub fn groups(&self) -> impl Iterator<Item = (&Str, u32)> {
        self.groups.iter().map(|(name, group)| (name, group.n_hosts))
    }

    /// Gives hosts of this group the view of those in none. What only it had goes.
    pub fn forget_group(&mut self, group: &str) {
        self.groups.remove(group);
    }

    pub fn write(&self, row: &mut RowWriter<'_>) {
        row.u64(self.n_hosts.into());
        write_rank(row, self.rank_min);
        row.u64(self.nodes.len() as u64);
        for FleetNode { parent, label, votes, peers, group: _ } in &self.nodes {
            row.u64(parent.wrapping_add(1).into());
            row.text(label);
            row.u64((*votes).into());
            row.u64((*peers).into());
        }
        row.u64(self.groups.len() as u64);
        for (name, GroupVotes { n_hosts, rank_min, votes }) in &self.groups {
            row.text(name);
            row.u64((*n_hosts).into());
            write_rank(row, *rank_min);
            row.u64(votes.len() as u64);
            for (place, votes) in votes {
                row.u64((*place).into());
                row.u64((*votes).into());
            }
        }
    }

    /// Reads what [`Self::write`] gave.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read(row: &mut RowReader<'_>) -> Result<Self, HistoryError> {
        let (n_hosts, rank_min) = (row.u32()?, read_rank(row)?);
        let node = |row: &mut RowReader<'_>| {
            let (parent, label) = (row.u32()?.wrapping_sub(1), Str::from(row.text()?));
            Ok(FleetNode { parent, label, votes: row.u32()?, peers: row.u32()?, group: 0 })
        };
        let nodes = (0..row.u64()?).map(|_| node(row)).collect::<Result<Vec<_>, HistoryError>>()?;
        let mut groups = BTreeMap::new();
        for _ in 0..row.u64()? {
            let (name, n_hosts, rank_min) = (Str::from(row.text()?), row.u32()?, read_rank(row)?);
            let votes =
                (0..row.u64()?).map(|_| Ok((row.u32()?, row.u32()?))).collect::<Result<Vec<_>, HistoryError>>()?;
            let ascend = votes.windows(2).all(|pair| pair[0].0 < pair[1].0);
            if !ascend || votes.last().is_some_and(|(place, _)| *place as usize >= nodes.len()) {
                return Err(row.corrupt(format!("the votes of group {name:?} are not of nodes that there are")));
            }
            groups.insert(name, GroupVotes { n_hosts, rank_min, votes });
        }
        FleetView::from_nodes(n_hosts, nodes.clone()).map_err(|error| row.corrupt(error.to_string()))?;
        Ok(Self { n_hosts, nodes, rank_min, groups })
    }

    /// What ranks so high or higher, with the votes of a group.
    fn given(&self, rank_min: Rank, votes: &[(u32, u32)]) -> Result<FleetView, ViewError> {
        let (mut nodes, mut places) = (Vec::with_capacity(self.nodes.len()), vec![NONE; self.nodes.len()]);
        let mut votes = votes.iter().peekable();
        for (place, node) in (0u32..).zip(&self.nodes) {
            let group = votes.next_if(|(of, _)| *of == place).map_or(0, |(_, votes)| *votes);
            let parent = if node.parent == NONE { NONE } else { places[node.parent as usize] };
            let hangs = (parent == NONE) == (node.parent == NONE);
            if hangs && rank(node.votes, group, self.n_hosts) >= rank_min {
                places[place as usize] = nodes.len() as u32;
                nodes.push(FleetNode { parent, label: node.label.clone(), group, ..*node });
            }
        }
        FleetView::from_nodes(self.n_hosts, nodes)
    }
}

/// Of a node for which so many of all hosts vouch, and so many of the group where that is to be told.
fn rank(votes: u32, of_group: u32, n_hosts: u32) -> Rank {
    if of_group == 0 { (votes, 0) } else { (votes.max(n_hosts / 2), of_group) }
}

struct Tally {
    votes: u32,
    /// The last host that was counted here.
    last_host: u32,
    /// Votes of the group whose hosts are being counted.
    of_group: u32,
}

struct Counted {
    trie: Trie,
    /// By node.
    tallies: Vec<Tally>,
    n_hosts: u32,
    groups: BTreeMap<Str, Group>,
}

#[derive(Default)]
struct Group {
    n_hosts: u32,
    /// Nodes that most of the group vouch for and most of the fleet do not, with the group's votes.
    votes: Vec<(u32, u32)>,
}

/// Counts all votes, group after group, so that what a group vouches for is known when its last host was counted.
fn count(map: &FleetMap, groups: &Groups, disputed: &Disputed, parameters: &ProfileParameters) -> Counted {
    let (mut trie, mut tallies, mut n_hosts) = (Trie::default(), Vec::<Tally>::new(), 0);
    let mut hosts: Vec<_> = map.iter().map(|(host, entry)| (groups.get(host), entry)).collect();
    hosts.sort_by_key(|(group, _)| *group);
    let mut counted: BTreeMap<Str, Group> = BTreeMap::new();
    let mut host_no = 0;
    for hosts in hosts.chunk_by(|(a, _), (b, _)| a == b) {
        let (mut n_group, mut touched) = (0, Vec::new());
        let group = hosts.first().and_then(|(group, _)| *group);
        for (_, entry) in hosts {
            let mut leaves = trie.add(&entry.contribution);
            if !disputed.is_empty() {
                leaves.retain(|(node, _)| !disputed.holds(&trie.path(*node)));
            }
            let voting = |leaf: &ContributionLeaf| leaf.days >= parameters.vote_days;
            tallies.resize_with(trie.len(), || Tally { votes: 0, last_host: NONE, of_group: 0 });
            n_group += u32::from(leaves.iter().any(|(_, leaf)| voting(leaf)));
            for (node, _) in leaves.into_iter().filter(|(_, leaf)| voting(leaf)) {
                let mut next = node;
                while next != NONE && tallies[next as usize].last_host != host_no {
                    let tally = &mut tallies[next as usize];
                    (tally.votes, tally.last_host) = (tally.votes + 1, host_no);
                    if group.is_some() {
                        touched.extend((tally.of_group == 0).then_some(next));
                        tally.of_group += 1;
                    }
                    next = trie.parent(next);
                }
            }
            host_no += 1;
        }
        n_hosts += n_group;
        if let Some(name) = group.filter(|_| n_group > 0) {
            let of_group = |node: u32| (node, std::mem::take(&mut tallies[node as usize].of_group));
            let votes = touched
                .into_iter()
                .map(of_group)
                .filter(|&(_, votes)| votes >= parameters.vote_hosts_min.max(1) && is_majority(votes, n_group));
            counted.insert(name.clone(), Group { n_hosts: n_group, votes: votes.collect() });
        }
    }
    for group in counted.values_mut() {
        group.votes.retain(|(node, _)| !is_majority(tallies[*node as usize].votes, n_hosts));
    }
    Counted { trie, tallies, n_hosts, groups: counted }
}

/// The least rank that is kept, so that all that rank so high fit a view's budget.
fn rank_that_fits(sizes: &BTreeMap<Rank, usize>, parameters: &ProfileParameters) -> Rank {
    let (mut bytes, mut rank_min) = (0, (u32::MAX, 0));
    for (&rank, &size) in sizes.iter().rev() {
        bytes += size;
        if bytes > parameters.view_bytes_max {
            break;
        }
        rank_min = rank;
    }
    rank_min
}

fn write_rank(row: &mut RowWriter<'_>, (votes, of_group): Rank) {
    row.u64(votes.into());
    row.u64(of_group.into());
}

fn read_rank(row: &mut RowReader<'_>) -> Result<Rank, HistoryError> {
    Ok((row.u32()?, row.u32()?))
}
