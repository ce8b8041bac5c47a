use super::{Labels, Shown, attacks::is_evidence, round6};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{Millibits, NodeKey};

/// Attack detection precision: the mean, over all precisions from 0 to 1, of the share of attacks that still have a
/// node shown when the list of nodes is cut where that precision is reached.
///
/// The idea is that of ORTHRUS (USENIX Security 2025); the exact computation, and where it is stricter, stands in
/// `docs/evaluation.md`. `None` when there is no attack.
pub fn adp(labels: &Labels, shown: &Shown) -> Option<f64> {
    let n_attacks = labels.attacks.len();
    if n_attacks == 0 {
        return None;
    }
    // At each number of attacks found, the best precision at which that many or more still are.
    let mut best_precision = vec![0.0_f64; n_attacks + 1];
    for cut in cuts(labels, shown) {
        for best in &mut best_precision[..=cut.n_attacks] {
            *best = best.max(cut.precision);
        }
    }
    // The share k/n holds for every precision up to the best at which k attacks were found: a sum of steps.
    let area: f64 = best_precision[1..].iter().sum();
    Some(round6(area / n_attacks as f64))
}

struct Cut {
    precision: f64,
    n_attacks: usize,
}

/// The list of shown nodes, best first, cut after each rank. Nodes of equal rank enter together.
fn cuts(labels: &Labels, shown: &Shown) -> Vec<Cut> {
    let scored = labels.scored();
    let evidence = evidence(labels, shown);
    let (mut tp, mut fp) = (0usize, 0usize);
    let mut found = BTreeSet::<usize>::new();
    let cut = |keys: Vec<NodeKey>| {
        let n_true = keys.iter().filter(|key| scored.contains_key(key)).count();
        tp += n_true;
        fp += keys.len() - n_true;
        found.extend(keys.iter().filter_map(|key| evidence.get(key)).flatten());
        Cut { precision: tp as f64 / (tp + fp) as f64, n_attacks: found.len() }
    };
    by_rank(labels, shown).into_values().map(cut).collect()
}

/// Which attacks each node finds.
fn evidence(labels: &Labels, shown: &Shown) -> BTreeMap<NodeKey, BTreeSet<usize>> {
    let mut evidence = BTreeMap::<_, BTreeSet<_>>::new();
    for node in shown.incidents.iter().flat_map(|incident| incident.nodes()) {
        let attacks = labels.attacks.iter().enumerate();
        let found = attacks.filter(|(_, attack)| is_evidence(labels, attack, node)).map(|(idx, _)| idx);
        evidence.entry(node.key).or_default().extend(found);
    }
    evidence
}

/// Rank of the incident, then the most surprising first.
type Rank = (usize, Reverse<Millibits>);

/// Each scored node once, at its best place.
fn by_rank(labels: &Labels, shown: &Shown) -> BTreeMap<Rank, Vec<NodeKey>> {
    let mut best = BTreeMap::<NodeKey, Rank>::new();
    for (incident_rank, incident) in shown.incidents.iter().enumerate() {
        for node in incident.at_first_sight(labels).filter(|node| labels.counts(node.key, node.kind)) {
            let rank = (incident_rank, Reverse(node.surprise));
            best.entry(node.key).and_modify(|best| *best = rank.min(*best)).or_insert(rank);
        }
    }
    let mut ranks = BTreeMap::<_, Vec<_>>::new();
    for (key, rank) in best {
        ranks.entry(rank).or_default().push(key);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::super::testing::{key, labels, shown};
    use super::*;
    use tracewell_model::NodeKind;

    #[test]
    fn the_share_of_attacks_at_each_precision() {
        let labels = labels(&["a 10-20 p1 p2", "b 30-40 p3"]);
        let cases: [(&[&str], f64); 8] = [
            (&[], 0.0),
            (&["p9@12-13"], 0.0),
            // Both attacks by labelled nodes alone: every attack at every precision.
            (&["p1@12-13", "p3@32-33"], 1.0),
            // One of two attacks at precision 1, the other never.
            (&["p1@12-13"], 0.5),
            // a at precision 1; b at precision 2/3: (1 + 2/3) / 2.
            (&["p1@12-13", "p9@12-13", "p3@32-33"], 0.833333),
            // The false node stands first: both at 2/3 at best.
            (&["p9@12-13", "p1@12-13", "p3@32-33"], 0.666667),
            // What comes after the last attack was found costs nothing.
            (&["p1@12-13", "p3@32-33", "p7@1-2 p8@1-2 p9@1-2"], 1.0),
            // A labelled node outside the window is a true node, but finds nothing.
            (&["p1@50-51", "p3@32-33"], 0.5),
        ];
        for (incidents, expected) in cases {
            assert_eq!(adp(&labels, &shown(incidents)), Some(expected), "{incidents:?}");
        }
    }

    #[test]
    fn within_an_incident_the_most_surprising_node_comes_first_and_equals_together() {
        let labels = labels(&["a 10-20 p2"]);
        // p9 has 9 bits, p2 has 2, p1 has 1: p9, p2, p1.
        assert_eq!(adp(&labels, &shown(&["p1@12-13 p2@12-13 p9@12-13"])), Some(0.5));
        let mut equal = shown(&["p2@12-13 p9@12-13"]);
        equal.incidents[0].members[0][1].surprise = Millibits::bits(2);
        assert_eq!(adp(&labels, &equal), Some(0.5));
    }

    #[test]
    fn ignored_nodes_and_other_kinds_take_no_place() {
        let mut labels = labels(&["a 10-20 p1"]);
        labels.ignored.insert(key("p9"), NodeKind::Process);
        assert_eq!(adp(&labels, &shown(&["p9@12-13 f8@12-13", "p1@12-13"])), Some(1.0));
        assert_eq!(adp(&Labels::default(), &shown(&["p1"])), None);
    }
}
