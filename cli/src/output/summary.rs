//! `summary.json`: the figures of a replay, field by field as `docs/alerts-format.md` describes them.
//!
//! Every field is always there; what cannot be said is `null`. Nothing in it varies between runs of the same input.

use super::funnel::Funnel;
use crate::eval::{AlarmRate, AttackScore, NodeScores, Scores};
use serde::Serialize;
use std::collections::BTreeMap;
use tracewell_model::NodeKind;

pub const SCHEMA: &str = "tracewell-summary/1";

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    pub schema: &'static str,
    /// What the recording is for: development, test or simulated.
    pub role: String,
    pub parameters_hash: String,
    /// BLAKE3 of the bytes of `alerts.json`.
    pub digest: String,

    pub events: u64,
    pub hosts: u64,
    pub bad_records: u64,
    /// Records of types that the reader does not know.
    pub unknown_records: BTreeMap<String, u64>,
    pub lost_events: u64,
    pub host_days: f64,
    /// Events per edge that was kept; `null` without an edge.
    pub reduction_ratio: Option<f64>,
    /// Distinct nodes of the whole graph.
    pub nodes_total: BTreeMap<&'static str, u64>,

    /// Alert graphs that the hosts sent, before the aggregator looked at them.
    pub alarms_raw: u64,
    /// Incidents after repeats were folded.
    pub alarms_after_fold: u64,
    /// Incidents that a person is shown.
    pub incidents_shown: u64,
    /// What was left after each filter.
    pub funnel: Funnel,
    pub nodes_per_alert_median: Option<f64>,
    pub nodes_per_alert_max: Option<u64>,
    pub bytes_to_aggregator: u64,
    pub alarm_rate: Rate,

    pub label_set: Option<String>,
    pub label_kinds: Option<Vec<&'static str>>,
    pub attacks_total: Option<u64>,
    pub attacks_found: Option<u64>,
    pub attacks: Option<Vec<Attack>>,
    /// Shown incidents that find no attack.
    pub incidents_false: Option<u64>,
    pub node_tp: Option<u64>,
    pub node_fp: Option<u64>,
    pub node_fn: Option<u64>,
    pub node_tn: Option<u64>,
    pub node_precision: Option<f64>,
    pub node_recall: Option<f64>,
    pub node_mcc: Option<f64>,
    /// Recall after every collapsed group was expanded.
    pub node_recall_expanded: Option<f64>,
    /// Shown nodes of kinds that the label set does not label, and how many of them the truth names all the same.
    pub other_kinds: Option<BTreeMap<&'static str, OtherKind>>,
    pub adp: Option<f64>,
    /// Labelled nodes that never occur in the recording: no false negatives, but told.
    pub labelled_absent: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rate {
    pub alarms: u64,
    pub host_days: f64,
    /// `null` below 30 host-days: not measurable.
    pub per_host_day: Option<f64>,
    /// One-sided 95 % Poisson bound.
    pub upper_95: Option<f64>,
    pub note: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attack {
    pub id: String,
    pub name: String,
    pub found: bool,
    /// Place of the first incident that finds it, from 1.
    pub rank: Option<usize>,
    pub nodes: usize,
    pub nodes_shown: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OtherKind {
    pub shown: usize,
    pub labelled: usize,
}

pub fn kind_name(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Process => "process",
        NodeKind::File => "file",
        NodeKind::Socket => "socket",
    }
}

impl Summary {
    /// Adds what ground truth says.
    pub fn with_scores(self, labels: &crate::eval::Labels, scores: &Scores) -> Self {
        let NodeScores { tp, fp, fn_, tn, precision, recall, mcc } = scores.nodes;
        let others = scores.other_kinds.iter();
        let other = |other: &crate::eval::OtherKind| OtherKind { shown: other.n_shown, labelled: other.n_labelled };
        Self {
            label_set: Some(labels.label_set.clone()),
            label_kinds: Some(labels.kinds.iter().copied().map(kind_name).collect()),
            attacks_total: Some(scores.attacks.len() as u64),
            attacks_found: Some(scores.attacks.iter().filter(|attack| attack.is_found()).count() as u64),
            attacks: Some(scores.attacks.iter().map(Attack::from).collect()),
            incidents_false: Some(scores.n_incidents_false as u64),
            node_tp: Some(tp as u64),
            node_fp: Some(fp as u64),
            node_fn: Some(fn_ as u64),
            node_tn: Some(tn as u64),
            node_precision: precision,
            node_recall: recall,
            node_mcc: mcc,
            node_recall_expanded: scores.nodes_expanded.recall,
            other_kinds: Some(others.map(|(kind, seen)| (kind_name(*kind), other(seen))).collect()),
            adp: scores.adp,
            labelled_absent: Some(labels.absent.clone()),
            ..self
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a struct of numbers and strings is always JSON");
        bytes.push(b'\n');
        bytes
    }
}

impl From<AlarmRate> for Rate {
    fn from(rate: AlarmRate) -> Self {
        Self {
            alarms: rate.n_alarms as u64,
            host_days: rate.host_days,
            per_host_day: rate.per_host_day,
            upper_95: rate.upper_95,
            note: rate.per_host_day.is_none().then_some("not measurable: fewer than 30 host-days"),
        }
    }
}

impl From<&AttackScore> for Attack {
    fn from(score: &AttackScore) -> Self {
        Self {
            id: score.id.clone(),
            name: score.name.clone(),
            found: score.is_found(),
            rank: score.rank,
            nodes: score.n_nodes,
            nodes_shown: score.n_nodes_shown,
        }
    }
}

/// Median of counts, the mean of the middle two where there is an even number of them; `None` of nothing.
pub fn median(mut counts: Vec<u64>) -> Option<f64> {
    counts.sort_unstable();
    let middle = counts.len() / 2;
    match counts.len() {
        0 => None,
        n if n.is_multiple_of(2) => Some((counts[middle - 1] + counts[middle]) as f64 / 2.0),
        _ => Some(counts[middle] as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_few_and_many() {
        for (counts, expected) in
            [(vec![], None), (vec![7], Some(7.0)), (vec![9, 1], Some(5.0)), (vec![3, 1, 2], Some(2.0))]
        {
            assert_eq!(median(counts.clone()), expected, "{counts:?}");
        }
    }

    #[test]
    fn without_truth_every_field_is_there_and_null() {
        let json: serde_json::Value = serde_json::from_slice(&Summary::default().to_bytes()).unwrap();
        for field in ["attacks_total", "attacks_found", "node_tp", "node_fp", "node_fn", "node_precision"] {
            assert_eq!(json.get(field), Some(&serde_json::Value::Null), "{field}");
        }
        for field in ["node_recall", "node_mcc", "adp", "label_set", "nodes_per_alert_median", "nodes_per_alert_max"] {
            assert_eq!(json.get(field), Some(&serde_json::Value::Null), "{field}");
        }
    }
}
