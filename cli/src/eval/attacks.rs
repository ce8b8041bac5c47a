use super::{Attack, Labels, Shown, ShownIncident, ShownNode};

/// What became of one attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttackScore {
    pub id: String,
    pub name: String,
    /// Place of the first incident that finds it, counted from 1; `None` when none does.
    pub rank: Option<usize>,
    /// Labelled nodes of the attack that occur in the recording, of every kind, and how many of them are shown.
    pub n_nodes: usize,
    pub n_nodes_shown: usize,
}

impl AttackScore {
    pub fn is_found(&self) -> bool {
        self.rank.is_some()
    }
}

/// An attack is found by an incident if any of its members has a labelled node active inside the attack's window. One
/// incident may find several attacks.
pub fn found(labels: &Labels, shown: &Shown) -> Vec<AttackScore> {
    let expanded = shown.expanded();
    let score = |attack: &Attack| {
        let rank = shown.incidents.iter().position(|incident| finds(labels, attack, incident)).map(|idx| idx + 1);
        let nodes = attack.nodes.keys().filter(|key| !labels.ignored.contains_key(key));
        AttackScore {
            id: attack.id.clone(),
            name: attack.name.clone(),
            rank,
            n_nodes: nodes.clone().count(),
            n_nodes_shown: nodes.filter(|key| expanded.contains_key(key)).count(),
        }
    };
    labels.attacks.iter().map(score).collect()
}

pub fn n_incidents_false(labels: &Labels, shown: &Shown) -> usize {
    let is_false = |incident: &&ShownIncident| !labels.attacks.iter().any(|attack| finds(labels, attack, incident));
    shown.incidents.iter().filter(is_false).count()
}

fn finds(labels: &Labels, attack: &Attack, incident: &ShownIncident) -> bool {
    incident.nodes().any(|node| is_evidence(labels, attack, node))
}

/// Whether this node is one of the attack's, at a time when the attack went on.
pub fn is_evidence(labels: &Labels, attack: &Attack, node: &ShownNode) -> bool {
    attack.nodes.contains_key(&node.key)
        && !labels.ignored.contains_key(&node.key)
        && attack.is_on(node.first, node.last)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{incident, labels, shown};
    use super::*;

    fn ranks(labels: &Labels, shown: &Shown) -> Vec<Option<usize>> {
        found(labels, shown).iter().map(|attack| attack.rank).collect()
    }

    #[test]
    fn a_labelled_node_inside_the_window_finds_the_attack() {
        let labels = labels(&["a 10-20 p1 p2", "b 30-40 p3"]);
        let cases: [(&[&str], [Option<usize>; 2]); 7] = [
            (&[], [None, None]),
            (&["p9@10-20"], [None, None]),
            (&["p9@10-20", "p1@12-13"], [Some(2), None]),
            // Touching the window at either end is inside it.
            (&["p1@20-25", "p3@20-30"], [Some(1), Some(2)]),
            // Active before and after counts, wholly before or after does not.
            (&["p1@1-9", "p3@1-99"], [None, Some(2)]),
            // A node of one attack in the window of the other finds nothing.
            (&["p3@12-13 p1@32-33"], [None, None]),
            // One incident finds several attacks.
            (&["p1@12-13 p3@32-33", "p2@12-13"], [Some(1), Some(1)]),
        ];
        for (incidents, expected) in cases {
            assert_eq!(ranks(&labels, &shown(incidents)), expected, "{incidents:?}");
        }
    }

    #[test]
    fn each_member_is_looked_at_by_itself() {
        let labels = labels(&["a 10-20 p1"]);
        // Two repeats around the window must not be taken for one long presence through it.
        let around = Shown { incidents: vec![incident(&["p1@1-5", "p1@30-35"])] };
        assert_eq!(ranks(&labels, &around), [None]);
        let inside = Shown { incidents: vec![incident(&["p9@1-5", "p1@15-16"])] };
        assert_eq!(ranks(&labels, &inside), [Some(1)]);
    }

    #[test]
    fn an_ignored_node_finds_nothing() {
        let mut labels = labels(&["a 10-20 p1 p2"]);
        labels.ignored.insert(super::super::testing::key("p1"), tracewell_model::NodeKind::Process);
        assert_eq!(ranks(&labels, &shown(&["p1@12-13"])), [None]);
        assert_eq!(found(&labels, &shown(&["p2@12-13"]))[0].n_nodes, 1);
    }

    #[test]
    fn an_attack_without_windows_may_be_at_any_time() {
        let mut labels = labels(&["a 10-20 p1"]);
        labels.attacks[0].windows.clear();
        assert_eq!(ranks(&labels, &shown(&["p1@50-60"])), [Some(1)]);
    }

    #[test]
    fn a_node_of_an_unlabelled_kind_still_finds_an_attack_that_names_it() {
        assert_eq!(ranks(&labels(&["a 10-20 p1 f7"]), &shown(&["f7@12-13"])), [Some(1)]);
    }

    #[test]
    fn incidents_that_find_nothing_are_false() {
        let labels = labels(&["a 10-20 p1"]);
        assert_eq!(n_incidents_false(&labels, &shown(&["p9@12-13", "p1@12-13", "p1@50-60"])), 2);
    }
}
