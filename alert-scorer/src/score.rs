use crate::words::printable;
use crate::{Fact, Features};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use tracewell_model::{Finding, Millibits};
use tracewell_parameters::ScoreParameters;

/// How much a story deserves attention, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// Milli-points, 0 to 100_000. Rises with `evidence` and with nothing else.
    pub points: u32,
    /// Sum of all evidence. Tells stories apart that both come close to all points.
    pub evidence: Millibits,
    pub severity: Severity,
    /// What the points are made of, most first; the points add up exactly.
    pub contributions: Vec<Contribution>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    pub words: String,
    pub points: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// All points of the scale.
const POINTS_MAX: u64 = 100_000;

impl Score {
    pub fn of(features: &Features, parameters: &ScoreParameters) -> Self {
        let parts = parts(features, parameters);
        let evidence = parts.iter().fold(0u32, |sum, part| sum.saturating_add(part.millibits));
        let points = points(evidence, parameters.half_score_millibits);
        Self {
            points,
            evidence: Millibits(evidence),
            severity: Severity::of(points, parameters),
            contributions: contributions(parts, points, evidence),
        }
    }
}

impl Severity {
    pub fn of(points: u32, parameters: &ScoreParameters) -> Self {
        match points {
            points if points >= parameters.critical_min => Self::Critical,
            points if points >= parameters.high_min => Self::High,
            points if points >= parameters.medium_min => Self::Medium,
            _ => Self::Low,
        }
    }

    /// The one of that name, as [`Self::name`] gives it.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High, Self::Critical].into_iter().find(|severity| severity.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Evidence for one line of the explanation.
struct Part {
    words: String,
    millibits: u32,
}

fn parts(features: &Features, parameters: &ScoreParameters) -> Vec<Part> {
    let context = features.context;
    let mut parts: Vec<Part> = features
        .facts
        .iter()
        .map(|(&fact, evidence)| {
            let n_nodes = u32::try_from(evidence.nodes.len()).unwrap_or(u32::MAX);
            Part {
                words: match n_nodes {
                    1 => fact.words().to_owned(),
                    n => format!("{} ({n} nodes)", fact.words()),
                },
                millibits: fact_millibits(fact, n_nodes, evidence.surprise, parameters),
            }
        })
        .collect();
    let mut add = |words: String, millibits: u32| parts.push(Part { words, millibits });
    let joint = features.surprise.0 / parameters.joint_divisor.max(1);
    add(format!("all of it together is {} unlikely", features.surprise), joint.min(parameters.joint_millibits_max));
    let steps = u32::try_from(features.tactics.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let tactics: Vec<_> = features.tactics.iter().map(|tactic| tactic.name()).collect();
    add(
        format!("{} in the order of an intrusion", tactics.join(", ")),
        parameters.tactic_step_millibits.saturating_mul(steps),
    );
    add(
        match features.n_machines_called {
            1 => "called another machine".to_owned(),
            n => format!("called {n} other machines"),
        },
        weighted(parameters.reach_millibits, doublings_millis(features.n_machines_called.saturating_add(1))),
    );
    let n_alike = context.n_hosts_alike.max(1);
    add(
        format!("seen on {n_alike} of {} hosts", context.n_hosts),
        doublings_millis(context.n_hosts.max(1))
            .saturating_sub(doublings_millis(n_alike))
            .min(parameters.fleet_rarity_millibits_max),
    );
    add(
        format!("new on {} hosts within a day", context.n_hosts_within_day),
        weighted(parameters.spread_millibits, doublings_millis(context.n_hosts_within_day)),
    );
    add(detected_words(&features.findings), detected_millibits(features, parameters));
    parts.retain(|part| part.millibits > 0);
    parts
}

/// The most severe finding in words, and how many there are beside it.
fn detected_words(findings: &[Arc<Finding>]) -> String {
    let Some(finding) = findings.first() else { return String::new() };
    let words = format!(
        "detector {} ({}): {}",
        printable(&finding.detector),
        finding.severity.name(),
        printable(&finding.title)
    );
    match findings.len() - 1 {
        0 => words,
        1 => format!("{words}; and one finding more"),
        n => format!("{words}; and {n} findings more"),
    }
}

/// The severest finding counts by its severity, and a little more for every doubling of the detectors that agree.
fn detected_millibits(features: &Features, parameters: &ScoreParameters) -> u32 {
    let weight = features.detected_millibits(parameters);
    let detectors: BTreeSet<_> = features.findings.iter().map(|finding| &finding.detector).collect();
    let n_detectors = u32::try_from(detectors.len()).unwrap_or(u32::MAX);
    let doublings = doublings_millis(n_detectors).min(parameters.growth_doublings_max.saturating_mul(1000));
    weight.saturating_add(weighted(parameters.growth_millibits, doublings))
}

/// A fact counts once, and a little more for every doubling of the nodes that show it.
fn fact_millibits(fact: Fact, n_nodes: u32, surprise: Millibits, parameters: &ScoreParameters) -> u32 {
    let weight = fact.weight_millibits(&parameters.fact_millibits);
    let weight = if fact.is_rarity() {
        let full = u64::from(parameters.rare_full_millibits.max(1));
        let share = u64::from(weight) * u64::from(surprise.0).min(full) / full;
        u32::try_from(share).unwrap_or(u32::MAX)
    } else {
        weight
    };
    if weight == 0 {
        return 0;
    }
    let doublings = doublings_millis(n_nodes).min(parameters.growth_doublings_max.saturating_mul(1000));
    weight.saturating_add(weighted(parameters.growth_millibits, doublings))
}

/// log2 of a count in thousandths, rounded down; 0 for 0 and 1. libm's logarithm is the same on every machine.
fn doublings_millis(n: u32) -> u32 {
    (libm::log2(f64::from(n.max(1))) * 1000.0) as u32
}

fn weighted(millibits: u32, doublings_millis: u32) -> u32 {
    u32::try_from(u64::from(millibits) * u64::from(doublings_millis) / 1000).unwrap_or(u32::MAX)
}

/// `e² / (e² + half²)` of all points: near zero for little evidence, half at `half`, and never quite all of them, so that
/// strong stories still differ where a logistic curve would call them all certain.
fn points(evidence_millibits: u32, half_millibits: u32) -> u32 {
    let square = |n: u32| u128::from(n) * u128::from(n);
    let (evidence, half) = (square(evidence_millibits), square(half_millibits.max(1)));
    let points = evidence * u128::from(POINTS_MAX) / (evidence + half);
    u32::try_from(points).expect("a share of 100_000 fits")
}

/// Gives each part its share of the points; what rounding leaves over goes to the largest.
fn contributions(mut parts: Vec<Part>, points: u32, evidence: u32) -> Vec<Contribution> {
    parts.sort_by(|a, b| b.millibits.cmp(&a.millibits).then_with(|| a.words.cmp(&b.words)));
    let mut left = points;
    let mut contributions: Vec<Contribution> = parts
        .into_iter()
        .map(|part| {
            let share = u64::from(points) * u64::from(part.millibits) / u64::from(evidence.max(1));
            let share = u32::try_from(share).expect("a share of the points fits").min(left);
            left -= share;
            Contribution { words: part.words, points: share }
        })
        .collect();
    if let Some(largest) = contributions.first_mut() {
        largest.points += left;
    }
    contributions
}
