use crate::{Fact, Tactic};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use tracewell_model::{
    AlertGraph, AlertNode, EventNs, Finding, Millibits, NodeAttrs, NodeKey, NodeRole, OpClass, Reason,
};
use tracewell_parameters::ScoreParameters;

/// What speaks for an intrusion in a story, each kind once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    pub facts: BTreeMap<Fact, Evidence>,
    /// Joint surprise of the graph that has most.
    pub surprise: Millibits,
    /// The longest row of tactics in a plausible order, first to last.
    pub tactics: Vec<Tactic>,
    /// Other machines that a terminal called, loopback and link-local addresses aside.
    pub n_machines_called: u32,
    /// What detectors found, each once, the most severe first.
    pub findings: Vec<Arc<Finding>>,
    pub context: Context,
}

/// Where and when a fact was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The nodes that show it; an edge's reason counts for the end the information comes from.
    pub nodes: BTreeSet<NodeKey>,
    pub first: EventNs,
    /// The highest surprise among rare facts, zero for others.
    pub surprise: Millibits,
}

/// What the story itself cannot know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Hosts of the fleet; 0 or 1 when there is no fleet to compare with.
    pub n_hosts: u32,
    /// Of these, how many ever showed this signature.
    pub n_hosts_alike: u32,
    /// The most hosts that first showed it within a day.
    pub n_hosts_within_day: u32,
}

impl Features {
    pub fn of(story: &[&AlertGraph], context: Context) -> Self {
        let facts = facts(story);
        Self {
            tactics: plausible_order(&facts),
            facts,
            surprise: story.iter().map(|graph| graph.surprise).max().unwrap_or_default(),
            n_machines_called: machines_called(story),
            findings: findings(story),
            context,
        }
    }

    /// The fact that weighs most, by which a flood of one kind is told from other news.
    pub fn class(&self, parameters: &ScoreParameters) -> Option<Fact> {
        let weight = |fact: Fact| match fact {
            Fact::Detected => self.detected_millibits(parameters),
            fact => fact.weight_millibits(&parameters.fact_millibits),
        };
        self.facts.keys().copied().max_by_key(|fact| (weight(*fact), *fact))
    }

    /// What the severity of the findings adds.
    pub(crate) fn detected_millibits(&self, parameters: &ScoreParameters) -> u32 {
        let steps = self.findings.first().map_or(0, |finding| finding.severity.steps());
        parameters.detector_millibits.saturating_mul(steps)
    }

    /// The nodes that show a fact.
    pub fn nodes(&self) -> BTreeSet<NodeKey> {
        self.facts.values().flat_map(|evidence| evidence.nodes.iter().copied()).collect()
    }
}

fn facts(story: &[&AlertGraph]) -> BTreeMap<Fact, Evidence> {
    let mut facts = BTreeMap::<Fact, Evidence>::new();
    let mut see = |node: NodeKey, time: EventNs, reason: &Reason| {
        let Some(fact) = Fact::of(reason) else { return };
        let evidence = facts.entry(fact).or_insert_with(|| Evidence { first: time, ..Evidence::default() });
        evidence.nodes.insert(node);
        evidence.first = evidence.first.min(time);
        evidence.surprise = evidence.surprise.max(surprise(reason));
    };
    for graph in story {
        for (&key, node) in &graph.nodes {
            node.reasons.iter().for_each(|reason| see(key, node.first, reason));
        }
        for (key, edge) in &graph.edges {
            edge.reasons.iter().for_each(|reason| see(key.from, edge.first, reason));
        }
    }
    facts
}

fn surprise(reason: &Reason) -> Millibits {
    match reason {
        Reason::RareOperation { surprise, .. } | Reason::RareChild { surprise, .. } => *surprise,
        _ => Millibits::ZERO,
    }
}

/// The longest row of different tactics whose stages do not fall as time goes on; the earlier one where two are equal.
fn plausible_order(facts: &BTreeMap<Fact, Evidence>) -> Vec<Tactic> {
    let mut first_seen = BTreeMap::<Tactic, EventNs>::new();
    for (fact, evidence) in facts {
        if let Some(tactic) = fact.tactic() {
            let first = first_seen.entry(tactic).or_insert(evidence.first);
            *first = evidence.first.min(*first);
        }
    }
    let mut in_time: Vec<(EventNs, u8, Tactic)> =
        first_seen.into_iter().map(|(tactic, first)| (first, tactic.stage(), tactic)).collect();
    in_time.sort_unstable();
    let mut rows: Vec<Vec<Tactic>> = Vec::with_capacity(in_time.len());
    for (i, &(_, stage, tactic)) in in_time.iter().enumerate() {
        let mut row = Vec::new();
        for (before, &(_, stage_before, _)) in rows.iter().zip(&in_time[..i]) {
            if stage_before <= stage && before.len() > row.len() {
                row.clone_from(before);
            }
        }
        row.push(tactic);
        rows.push(row);
    }
    rows.into_iter().rev().max_by_key(Vec::len).unwrap_or_default()
}

fn machines_called(story: &[&AlertGraph]) -> u32 {
    let mut machines = BTreeSet::new();
    for graph in story {
        for key in graph.edges.keys().filter(|key| key.op.class() == OpClass::NetOut) {
            let (Some(from), Some(to)) = (graph.nodes.get(&key.from), graph.nodes.get(&key.to)) else { continue };
            if from.role == NodeRole::Terminal {
                machines.extend(remote(to).filter(|&ip| is_other_machine(ip)));
            }
        }
    }
    u32::try_from(machines.len()).unwrap_or(u32::MAX)
}

fn findings(story: &[&AlertGraph]) -> Vec<Arc<Finding>> {
    let mut strongest = BTreeMap::<(&str, &str), &Arc<Finding>>::new();
    for reason in story.iter().flat_map(|graph| graph.nodes.values()).flat_map(|node| &node.reasons) {
        let Reason::Detected(finding) = reason else { continue };
        let known = strongest.entry((&finding.detector, &finding.title)).or_insert(finding);
        *known = finding.max(known);
    }
    let mut findings: Vec<_> = strongest.into_values().cloned().collect();
    findings.sort_by_key(|finding| Reverse(finding.severity));
    findings
}

fn remote(node: &AlertNode) -> Option<IpAddr> {
    match &node.attrs {
        NodeAttrs::Socket { remote, .. } => remote.map(|remote| remote.ip().to_canonical()),
        _ => None,
    }
}

/// Whether the address can be another machine's: loopback, unspecified, multicast and link-local ones cannot or need not.
fn is_other_machine(ip: IpAddr) -> bool {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || link_local)
}
