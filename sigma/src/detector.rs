//! Runs rules over events that make a new edge.

use crate::Rules;
use crate::event::{Category, Fields};
use crate::likely::Decided;
use rsigma_eval::EvaluationResult;
use rsigma_parser::Level;
use tracewell_graph_core::neighbourhood::{Detectors, Glimpse, Neighbourhood, OperationSet, Reach};
use tracewell_model::{Finding, FindingSeverity, NodeKey, Operation, Str};

/// The name that findings carry.
const ID: &str = "sigma";
/// Findings of one event, and the parts of each: the worst come first, and what is longer is cut.
const FINDINGS_MAX: usize = 8;
const TITLE_BYTES_MAX: usize = 120;
const REASON_BYTES_MAX: usize = 1_000;
const TECHNIQUES_MAX: usize = 16;

pub struct SigmaDetector {
    rules: Rules,
    operations: OperationSet,
    decided: Decided,
}

impl SigmaDetector {
    pub fn new(rules: Rules) -> Self {
        let has_rules = |op: &Operation| Category::of(*op).is_some_and(|category| rules.engine(category).is_some());
        let operations = Operation::ALL.into_iter().filter(has_rules).collect();
        Self { rules, operations, decided: Decided::default() }
    }
}

impl Detectors for SigmaDetector {
    fn operations(&self) -> OperationSet {
        self.operations
    }

    /// Called for what some rule may fit, so that nothing is looked up for the rest.
    fn triggered(&mut self, op: Operation, glimpse: &Glimpse<'_>, detectors: &mut Vec<usize>) {
        let Some(category) = Category::of(op) else { return };
        let fields = Fields::at_hand(category, op, glimpse);
        if self.decided.may_fit(self.rules.likely(category), category, &fields) {
            detectors.push(0);
        }
    }

    /// The event's nodes and the parent, which is the first ancestor.
    fn reach(&self, _detector: usize) -> Reach {
        Reach { hops: 0, nodes_max: 3, edges_max: 1, operations: OperationSet::default() }
    }

    fn detect(&mut self, _detector: usize, seen: &Neighbourhood) -> Vec<Finding> {
        let Some(category) = Category::of(seen.event.op) else { return Vec::new() };
        let Some(engine) = self.rules.engine(category) else { return Vec::new() };
        let fields = Fields::of(category, seen);
        let matches = engine.evaluate(&fields);
        if matches.is_empty() {
            return Vec::new();
        }
        let n_ends = if seen.event.has_object { 2 } else { 1 };
        let nodes: Vec<_> = seen.nodes.iter().take(n_ends).map(|node| node.key).collect();
        let told = fields.told();
        let mut findings: Vec<_> = matches.iter().map(|matched| finding(matched, &told, &nodes)).collect();
        // In an order of its own: the engine's is its own affair.
        findings.sort_by(|one, other| other.severity.cmp(&one.severity).then_with(|| one.title.cmp(&other.title)));
        findings.truncate(FINDINGS_MAX);
        findings
    }
}

fn finding(matched: &EvaluationResult, told: &str, nodes: &[NodeKey]) -> Finding {
    let header = &matched.header;
    Finding {
        detector: ID.into(),
        severity: severity(header.level),
        title: shortened(&header.rule_title, TITLE_BYTES_MAX),
        reason: shortened(told, REASON_BYTES_MAX),
        techniques: header.tags.iter().filter_map(|tag| technique(tag)).take(TECHNIQUES_MAX).collect(),
        nodes: nodes.to_vec(),
    }
}

fn severity(level: Option<Level>) -> FindingSeverity {
    match level {
        // Informational ones are not run.
        None | Some(Level::Informational | Level::Low) => FindingSeverity::Low,
        Some(Level::Medium) => FindingSeverity::Medium,
        Some(Level::High) => FindingSeverity::High,
        Some(Level::Critical) => FindingSeverity::Critical,
    }
}

/// `attack.t1059.004` as `T1059.004`.
fn technique(tag: &str) -> Option<Str> {
    let number = tag.strip_prefix("attack.t")?;
    let is_number = |c: u8| c.is_ascii_digit() || c == b'.';
    let is_short = (4..=16).contains(&number.len());
    (is_short && number.bytes().all(is_number)).then(|| format!("T{number}").into())
}

fn shortened(text: &str, max: usize) -> Str {
    text[..text.floor_char_boundary(max)].into()
}
