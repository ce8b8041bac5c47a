//! Which connections lead from alerts to other hosts, and which host was told of which. What comes back is an alert graph like any
//! other, and joined by the same rule.

use crate::story::connection;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use tracewell_alert_scorer::{Context, Features, Score};
use tracewell_model::{AlertGraph, EdgeKey, FarEnd, HostId, NodeRole, Operation, Protocol, Reason};
use tracewell_parameters::ScoreParameters;
use tracewell_wire::limits::FAR_ENDS_MAX;

/// Connections that are remembered: of one host, so that none crowds out the others, and of all. The oldest goes first.
const ENDS_PER_HOST_MAX: usize = 256;
const ENDS_MAX: usize = 16_384;
/// Connections that a host is told of at once when it comes back, the latest ones.
const TOLD_AT_ONCE_MAX: usize = 4 * FAR_ENDS_MAX;

#[derive(Debug, Default)]
pub(crate) struct Follow {
    /// In the order in which they were seen, numbered from 1, each with the host whose alert it stands in.
    ends: BTreeMap<u64, (HostId, FarEnd)>,
    known: BTreeMap<(HostId, Protocol, SocketAddr, SocketAddr), u64>,
    of_host: BTreeMap<HostId, VecDeque<u64>>,
    n_seen: u64,
    /// Not told to anybody yet.
    fresh: BTreeMap<HostId, BTreeSet<u64>>,
    /// Up to which number each host was told, when it asked.
    told: BTreeMap<HostId, u64>,
}

impl Follow {
    /// Takes up where an alert graph leads: one that scores enough by itself, or that came of following another.
    pub fn see(&mut self, graph: &AlertGraph, parameters: &ScoreParameters) {
        let mut ends = Vec::new();
        for (&key, node) in &graph.nodes {
            let Some((protocol, local, remote)) = connection(node) else { continue };
            if self.known.contains_key(&(graph.host, protocol, local, remote)) {
                continue;
            }
            if graph.edges.keys().any(|edge| (edge.from == key || edge.to == key) && leads_on(graph, edge)) {
                ends.push(FarEnd { protocol, local: remote, remote: local, first: node.first, last: node.last });
            }
        }
        if !ends.is_empty() && is_worth_following(graph, parameters) {
            ends.into_iter().for_each(|end| self.add(graph.host, end));
        }
    }

    /// What nobody was told of yet, at most as much as fits a message, the hosts in turn.
    pub fn take_fresh(&mut self) -> Vec<FarEnd> {
        let mut taken = Vec::new();
        while taken.len() < FAR_ENDS_MAX && !self.fresh.is_empty() {
            self.fresh.retain(|_, numbers| {
                if taken.len() < FAR_ENDS_MAX {
                    let number = numbers.pop_first().expect("none of them is empty");
                    taken.push(self.ends[&number].1);
                }
                !numbers.is_empty()
            });
        }
        taken
    }

    /// What was seen since a host last asked, in messages' portions.
    pub fn since_last(&mut self, host: HostId) -> Vec<Vec<FarEnd>> {
        let told = self.told.insert(host, self.n_seen).unwrap_or(0);
        let ends = self.ends.range(told + 1..).filter(|(_, (of, _))| *of != host).map(|(_, (_, end))| *end);
        let mut latest: Vec<_> = ends.rev().take(TOLD_AT_ONCE_MAX).collect();
        latest.reverse();
        latest.chunks(FAR_ENDS_MAX).map(<[FarEnd]>::to_vec).collect()
    }

    fn add(&mut self, host: HostId, end: FarEnd) {
        let of_host = self.of_host.get(&host).filter(|numbers| numbers.len() >= ENDS_PER_HOST_MAX);
        if let Some(&oldest) = of_host.and_then(VecDeque::front) {
            self.remove(oldest);
        }
        if self.ends.len() >= ENDS_MAX
            && let Some((&oldest, _)) = self.ends.first_key_value()
        {
            self.remove(oldest);
        }
        self.n_seen += 1;
        self.ends.insert(self.n_seen, (host, end));
        self.known.insert(named(host, &end), self.n_seen);
        self.of_host.entry(host).or_default().push_back(self.n_seen);
        self.fresh.entry(host).or_default().insert(self.n_seen);
    }

    fn remove(&mut self, number: u64) {
        let Some((host, end)) = self.ends.remove(&number) else { return };
        self.known.remove(&named(host, &end));
        // It is the oldest of its host as well.
        if let Some(numbers) = self.of_host.get_mut(&host) {
            numbers.pop_front();
        }
        if let Some(numbers) = self.fresh.get_mut(&host) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.fresh.remove(&host);
            }
        }
    }
}

/// Whether a connection is the story's own, by one of its edges: what its processes called, and what led to them. What lies between them
/// calls others for everybody.
fn leads_on(graph: &AlertGraph, edge: &EdgeKey) -> bool {
    let is_of_story = |key| {
        graph.nodes.get(&key).is_some_and(|node| {
            let descends = node.reasons.iter().any(|reason| matches!(reason, Reason::DescendsFrom { .. }));
            node.role == NodeRole::Terminal || descends
        })
    };
    edge.op == Operation::Accept || is_of_story(edge.from) || is_of_story(edge.to)
}

/// A connection as the alert's own host sees it.
fn named(host: HostId, end: &FarEnd) -> (HostId, Protocol, SocketAddr, SocketAddr) {
    (host, end.protocol, end.remote, end.local)
}

fn is_worth_following(graph: &AlertGraph, parameters: &ScoreParameters) -> bool {
    let mut reasons = graph.nodes.values().flat_map(|node| &node.reasons);
    reasons.any(|reason| matches!(reason, Reason::Followed { .. }))
        || Score::of(&Features::of(&[graph], Context::default()), parameters).points >= parameters.followed_min
}
