use super::{Labels, Shown, round6, share};
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{NodeKey, NodeKind};

/// How well the shown nodes are the labelled ones, over the kinds that the label set labels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NodeScores {
    pub tp: usize,
    pub fp: usize,
    pub fn_: usize,
    pub tn: usize,
    /// Share of the shown nodes that are labelled; `None` when none is shown.
    pub precision: Option<f64>,
    /// Share of the labelled nodes that are shown; `None` when none is labelled.
    pub recall: Option<f64>,
    /// Matthews correlation coefficient, -1 to 1; `None` when a row or column of the table is empty.
    pub mcc: Option<f64>,
}

/// What was shown of a kind that the label set does not label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherKind {
    pub n_shown: usize,
    /// Of those, named by the truth all the same.
    pub n_labelled: usize,
}

pub fn score(labels: &Labels, seen: &BTreeMap<NodeKey, NodeKind>, n_nodes: &BTreeMap<NodeKind, u64>) -> NodeScores {
    let positive = labels.scored();
    let seen: BTreeSet<_> =
        seen.iter().filter(|(key, kind)| labels.counts(**key, **kind)).map(|(key, _)| *key).collect();
    let tp = seen.iter().filter(|key| positive.contains_key(key)).count();
    let fp = seen.len() - tp;
    let fn_ = positive.len() - tp;
    let n_all: u64 = labels.kinds.iter().filter_map(|kind| n_nodes.get(kind)).sum();
    let n_ignored = labels.ignored.values().filter(|kind| labels.kinds.contains(kind)).count();
    let n_all = usize::try_from(n_all).unwrap_or(usize::MAX);
    let tn = n_all.saturating_sub(tp + fp + fn_ + n_ignored);
    NodeScores {
        tp,
        fp,
        fn_,
        tn,
        precision: share(tp, tp + fp),
        recall: share(tp, tp + fn_),
        mcc: mcc(tp, fp, fn_, tn),
    }
}

/// Matthews correlation coefficient (Matthews 1975; Chicco and Jurman 2020 on why it suits rare positives).
fn mcc(tp: usize, fp: usize, fn_: usize, tn: usize) -> Option<f64> {
    let [tp, fp, fn_, tn] = [tp, fp, fn_, tn].map(|n| n as f64);
    let square = (tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_);
    (square > 0.0).then(|| round6((tp * tn - fp * fn_) / square.sqrt()))
}

pub fn other_kinds(labels: &Labels, shown: &Shown) -> BTreeMap<NodeKind, OtherKind> {
    let mut others = BTreeMap::<_, OtherKind>::new();
    for (key, kind) in shown.expanded() {
        if !labels.counts(key, kind) && !labels.ignored.contains_key(&key) {
            let other = others.entry(kind).or_default();
            other.n_shown += 1;
            other.n_labelled += usize::from(labels.is_labelled(key));
        }
    }
    others
}

#[cfg(test)]
mod tests {
    use super::super::testing::{collapse, incident, key, labels, shown};
    use super::*;

    const N_NODES: [(NodeKind, u64); 2] = [(NodeKind::Process, 100), (NodeKind::File, 1000)];

    fn table(labels: &Labels, shown: &Shown) -> [usize; 4] {
        let scores = score(labels, &shown.at_first_sight(labels), &N_NODES.into());
        [scores.tp, scores.fp, scores.fn_, scores.tn]
    }

    #[test]
    fn nodes_are_counted_once_over_all_incidents_and_members() {
        let labels = labels(&["a 10-20 p1 p2 p3", "b 10-20 p3 p4"]);
        assert_eq!(table(&labels, &shown(&[])), [0, 0, 4, 96]);
        assert_eq!(table(&labels, &shown(&["p1 p9", "p1 p2 p9 p8"])), [2, 2, 2, 94]);
        let repeats = Shown { incidents: vec![incident(&["p1 p9", "p1 p9"])] };
        assert_eq!(table(&labels, &repeats), [1, 1, 3, 95]);
    }

    #[test]
    fn only_labelled_kinds_count_and_others_are_told_apart() {
        let labels = labels(&["a 10-20 p1 f1"]);
        let shown = shown(&["p1 f1 f2 s3"]);
        assert_eq!(table(&labels, &shown), [1, 0, 0, 99]);
        let others = other_kinds(&labels, &shown);
        assert_eq!(others[&NodeKind::File], OtherKind { n_shown: 2, n_labelled: 1 });
        assert_eq!(others[&NodeKind::Socket], OtherKind { n_shown: 1, n_labelled: 0 });
        assert!(!others.contains_key(&NodeKind::Process));
    }

    #[test]
    fn ignored_nodes_count_neither_way() {
        let mut labels = labels(&["a 10-20 p1 p2"]);
        labels.ignored.insert(key("p2"), NodeKind::Process);
        labels.ignored.insert(key("p3"), NodeKind::Process);
        // p2 is both labelled and ignored: ignored wins. Neither it nor p3 is a true negative either.
        assert_eq!(table(&labels, &shown(&["p1 p2 p3 p9"])), [1, 1, 0, 96]);
        assert_eq!(table(&labels, &shown(&["p9"])), [0, 1, 1, 96]);
    }

    #[test]
    fn a_collapsed_group_shows_its_labelled_nodes_only_if_all_are_labelled() {
        let labels = labels(&["a 10-20 p1 p2 p3 p4"]);
        let all = |groups| Shown { incidents: vec![collapse(incident(&["p1 p2 p3 p8 p9"]), groups)] };
        assert_eq!(table(&labels, &all(&["p1 p2"])), [3, 2, 1, 94]);
        assert_eq!(table(&labels, &all(&["p1 p2 p9"])), [1, 2, 3, 94]);
        // Collapsing never hides a false positive.
        assert_eq!(table(&labels, &all(&["p8 p9"])), [3, 2, 1, 94]);
        // Full expansion is the second column.
        let expanded = score(&labels, &all(&["p1 p2 p9"]).expanded(), &N_NODES.into());
        assert_eq!((expanded.tp, expanded.recall), (3, Some(0.75)));
    }

    #[test]
    fn a_node_hidden_in_one_incident_may_be_plain_in_another() {
        let labels = labels(&["a 10-20 p1"]);
        let incidents = vec![collapse(incident(&["p1 p9"]), &["p1 p9"]), incident(&["p1"])];
        assert_eq!(table(&labels, &Shown { incidents }), [1, 1, 0, 98]);
    }

    #[test]
    fn scores_are_none_where_they_mean_nothing() {
        let labels = labels(&["a 10-20 p1 p2"]);
        let nothing = score(&labels, &shown(&[]).expanded(), &N_NODES.into());
        assert_eq!((nothing.precision, nothing.recall, nothing.mcc), (None, Some(0.0), None));
        let perfect = score(&labels, &shown(&["p1 p2"]).expanded(), &N_NODES.into());
        assert_eq!((perfect.precision, perfect.recall, perfect.mcc), (Some(1.0), Some(1.0), Some(1.0)));
        // (1·97 - 1·1) / sqrt(2·2·98·98)
        let half = score(&labels, &shown(&["p1 p9"]).expanded(), &N_NODES.into());
        assert_eq!((half.precision, half.mcc), (Some(0.5), Some(0.489796)));
        let no_truth = score(&Labels::default(), &shown(&["p1"]).expanded(), &N_NODES.into());
        assert_eq!((no_truth.tp, no_truth.fp, no_truth.recall), (0, 0, None));
    }
}
