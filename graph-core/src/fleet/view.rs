//! What the fleet vouches for: a pure function of the joined map.
//!
//! A host's vote for a leaf counts once it has seen it on enough distinct days, and it is one vote however often the
//! host enrols or repeats itself. Only what more than half of the whole fleet does is taken for ordinary; what more than
//! half of a subject's own hosts do is taken for half as surprising. So a minority, of the fleet or of the peers,
//! noisy or hostile, can make nothing ordinary; even one that fakes being a subject's peers gains a factor of two.

use crate::fleet::FleetMap;
use crate::profile::{class_name, surprise_milli};
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{HostId, OpClass, Str};
use tracewell_parameters::ProfileParameters;

/// The parent of a node at the top; also "not in the view".
const NONE: u32 = u32::MAX;
/// Depth of a subject in a contributed path, counted from 0.
const SUBJECT_DEPTH: usize = 1;
/// Bytes of a node beside its label, on the wire.
const NODE_BYTES: usize = 12;
/// Sudden novelties that are reported; the rest of one poisoned update looks like the first.
const SUDDEN_MAX: usize = 100;
/// Age at which an executable is as trusted as age can make it.
const AGE_DAYS_FULL: u32 = 30;

/// The view as agents hold it. Nodes with too few votes to matter are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetView {
    /// Hosts with any vote.
    n_hosts: u32,
    /// Parents before children, siblings ascending by label.
    nodes: Vec<FleetNode>,
    index: BTreeMap<(u32, Str), u32>,
}

/// Plain data, part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetNode {
    /// Place of the parent, smaller than the node's own; `u32::MAX` at the top.
    pub parent: u32,
    pub label: Str,
    /// Hosts that vouch for this leaf, or for any leaf below.
    pub votes: u32,
    /// Hosts that vouch for anything of the subject this lies under; the fleet's hosts above subjects.
    pub peers: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fleet view node {at} is not canonical: expected an earlier parent and a label of its own")]
pub struct ViewError {
    pub at: usize,
}

/// The same novelty on many hosts within a day: a poisoned update arrives everywhere at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sudden {
    pub path: Vec<Str>,
    pub day: u32,
    /// Hosts that were watched before that day and saw it on that day or the next, ascending.
    pub hosts: Vec<HostId>,
}

/// How far an executable may be trusted for who runs it and since when. Owner, package and hash join in once known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Hosts that vouch for an execution of it.
    pub votes: u32,
    /// Days from the first sight anywhere to the newest anywhere in the fleet.
    pub age_days: u32,
    /// 0 to 1000: the share of hosts, lowered while it is young; 0 below a majority of the fleet.
    pub confidence_permille: u32,
}

impl FleetView {
    /// The view of a fleet, at most `view_bytes_max` large: the least voted leaves are left out first.
    pub fn of(map: &FleetMap, parameters: &ProfileParameters) -> Self {
        let mut votes: BTreeMap<Vec<Str>, u32> = BTreeMap::new();
        let mut n_hosts = 0;
        for (_, entry) in map.iter() {
            let mut vouched: BTreeSet<Vec<Str>> = BTreeSet::new();
            for (path, facts) in entry.contribution.facts() {
                if facts.days >= parameters.vote_days {
                    vouched.extend((1..=path.len()).map(|len| path[..len].to_vec()));
                }
            }
            n_hosts += u32::from(!vouched.is_empty());
            vouched.into_iter().for_each(|path| *votes.entry(path).or_default() += 1);
        }
        votes.retain(|_, votes| *votes >= parameters.vote_hosts_min.max(1));
        let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
        for (path, &votes) in &votes {
            *sizes.entry(votes).or_default() += NODE_BYTES + path.last().map_or(0, |label| label.len());
        }
        let (mut bytes, mut votes_min) = (0, u32::MAX);
        for (&votes, &size) in sizes.iter().rev() {
            bytes += size;
            if bytes > parameters.view_bytes_max {
                break;
            }
            votes_min = votes;
        }
        votes.retain(|_, votes| *votes >= votes_min);
        Self::from_votes(n_hosts, &votes)
    }

    /// Nodes in canonical order, for a message.
    pub fn nodes(&self) -> (u32, &[FleetNode]) {
        (self.n_hosts, &self.nodes)
    }

    /// # Errors
    /// When a node's parent does not come before it or two siblings share a label; says which.
    pub fn from_nodes(n_hosts: u32, nodes: Vec<FleetNode>) -> Result<Self, ViewError> {
        let mut index = BTreeMap::new();
        for (at, node) in nodes.iter().enumerate() {
            let parent_is_known = node.parent == NONE || (node.parent as usize) < at;
            if !parent_is_known || index.insert((node.parent, node.label.clone()), at as u32).is_some() {
                return Err(ViewError { at });
            }
        }
        Ok(Self { n_hosts, nodes, index })
    }

    pub fn n_hosts(&self) -> u32 {
        self.n_hosts
    }

    /// Votes for a spelled-out path, and its peers.
    pub fn votes_for(&self, path: &[&str]) -> (u32, u32) {
        let entry = path.iter().fold(None, |parent, label| Some(self.child(parent, label)));
        self.votes(entry.unwrap_or(NONE))
    }

    /// The entry below `parent` (the top, when `None`) of that label or of the wildcard that stands for it.
    pub(crate) fn child(&self, parent: Option<u32>, label: &str) -> u32 {
        if parent == Some(NONE) || self.nodes.is_empty() {
            return NONE;
        }
        let parent = parent.unwrap_or(NONE);
        let wildcard = if label.len() > 1 && label.ends_with('/') { "*/" } else { "*" };
        let find = |label: &str| self.index.get(&(parent, Str::from(label))).copied();
        find(label).or_else(|| find(wildcard)).unwrap_or(NONE)
    }

    pub(crate) fn votes(&self, entry: u32) -> (u32, u32) {
        self.nodes.get(entry as usize).map_or((0, 0), |node| (node.votes, node.peers))
    }

    /// A host's own surprise at a leaf, lowered as far as the fleet's votes for it allow.
    pub(crate) fn lowered(&self, entry: u32, own_milli: u32) -> u32 {
        let (votes, peers) = self.votes(entry);
        let of = |hosts: u32| surprise_milli(u64::from(votes), u64::from(hosts) + 1);
        if is_majority(votes, self.n_hosts) {
            own_milli.min(of(self.n_hosts))
        } else if is_majority(votes, peers) {
            own_milli.min(of(peers).max(own_milli / 2))
        } else {
            own_milli
        }
    }

    fn from_votes(n_hosts: u32, votes: &BTreeMap<Vec<Str>, u32>) -> Self {
        let (mut view, mut places) = (Self { n_hosts, ..Self::default() }, BTreeMap::new());
        // A map's order puts each path right after the paths it begins with.
        for (path, &votes) in votes {
            let (label, above) = path.split_last().expect("paths are not empty");
            let parent = places.get(above).copied().unwrap_or(NONE);
            let depth = path.len() - 1;
            let peers = match depth {
                0 => n_hosts,
                SUBJECT_DEPTH => votes,
                _ => view.nodes.get(parent as usize).map_or(0, |parent: &FleetNode| parent.peers),
            };
            let place = view.nodes.len() as u32;
            view.nodes.push(FleetNode { parent, label: label.clone(), votes, peers });
            view.index.insert((parent, label.clone()), place);
            places.insert(path.as_slice(), place);
        }
        view
    }
}

impl FleetMap {
    /// What many hosts saw first within a day, and no host before; most hosts first, at most 100.
    pub fn sudden(&self, parameters: &ProfileParameters) -> Vec<Sudden> {
        let mut first: BTreeMap<Vec<Str>, Vec<(u32, u32, HostId)>> = BTreeMap::new();
        for (host, entry) in self.iter() {
            for (path, facts) in entry.contribution.facts() {
                first.entry(path).or_default().push((facts.first_day, entry.contribution.since_day, host));
            }
        }
        let share = self.len() as u64 * u64::from(parameters.sudden_share_permille);
        let mut sudden: Vec<Sudden> = Vec::new();
        for (path, sights) in first {
            let day = sights.iter().map(|sight| sight.0).min().unwrap_or(0);
            // A host must have been watched for a while, else everything is new on it.
            let counts = |&&(first, since, _): &&(u32, u32, HostId)| {
                first <= day.saturating_add(1) && since.saturating_add(parameters.vote_days) <= first
            };
            let hosts: Vec<HostId> = sights.iter().filter(counts).map(|sight| sight.2).collect();
            let n_hosts = hosts.len() as u64;
            if n_hosts >= u64::from(parameters.sudden_hosts_min.max(2)) && 1000 * n_hosts >= share {
                sudden.push(Sudden { path, day, hosts });
            }
        }
        sudden.sort_by(|a, b| b.hosts.len().cmp(&a.hosts.len()).then_with(|| a.path.cmp(&b.path)));
        sudden.truncate(SUDDEN_MAX);
        sudden
    }

    /// The standing of every executable that any host vouches for, by its generalised path.
    pub fn standings(&self, parameters: &ProfileParameters) -> BTreeMap<Str, Standing> {
        let (mut known, mut newest, mut n_hosts) = (BTreeMap::<Str, (u32, u32)>::new(), 0, 0);
        for (_, entry) in self.iter() {
            let mut of_host: BTreeMap<Str, u32> = BTreeMap::new();
            let mut votes_at_all = false;
            for (path, facts) in entry.contribution.facts() {
                newest = newest.max(facts.first_day);
                if facts.days < parameters.vote_days {
                    continue;
                }
                votes_at_all = true;
                // Workload, executable, class, parent, then the executed file's own labels.
                if let [_, _, class, _, object @ ..] = path.as_slice()
                    && **class == *class_name(OpClass::Exec)
                {
                    let day = of_host.entry(Str::from(object.concat())).or_insert(facts.first_day);
                    *day = facts.first_day.min(*day);
                }
            }
            n_hosts += u32::from(votes_at_all);
            for (executable, day) in of_host {
                let (votes, first_day) = known.entry(executable).or_insert((0, day));
                *votes += 1;
                *first_day = day.min(*first_day);
            }
        }
        let standing = |(executable, (votes, first_day)): (Str, (u32, u32))| {
            let age_days = newest - first_day.min(newest);
            let share = u64::from(votes) * 1000 / u64::from(n_hosts.max(1));
            let aged = share * u64::from(age_days.min(AGE_DAYS_FULL)) / u64::from(AGE_DAYS_FULL);
            let trusted = votes >= parameters.vote_hosts_min && is_majority(votes, n_hosts);
            (executable, Standing { votes, age_days, confidence_permille: if trusted { aged as u32 } else { 0 } })
        };
        known.into_iter().map(standing).collect()
    }
}

fn is_majority(votes: u32, hosts: u32) -> bool {
    votes > 0 && 2 * u64::from(votes) > u64::from(hosts)
}
