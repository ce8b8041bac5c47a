//! Scores what a person was shown against ground truth. Pure: no file, no clock.
//!
//! The rules stand in `docs/evaluation.md`; each has a case in the tests beside its code:
//!
//! ```text
//! truth file + stream ⇒ labels (which nodes of the recording are meant)
//! incidents           ⇒ shown  (which nodes a person sees, and which only after expanding)
//! labels × shown      ⇒ attacks (found, rank), nodes (precision, recall, MCC), adp
//! incidents × days    ⇒ rate    (alarms per host and day, or "not measurable")
//! ```

mod adp;
mod attacks;
mod labels;
mod nodes;
mod rate;
mod shown;

pub use attacks::AttackScore;
pub use labels::{Attack, Labels};
pub use nodes::{NodeScores, OtherKind};
pub use rate::AlarmRate;
pub use shown::{Shown, ShownIncident, ShownNode};

use std::collections::BTreeMap;
use tracewell_model::NodeKind;

/// Everything that ground truth says about one result.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    pub attacks: Vec<AttackScore>,
    /// Incidents in which no labelled node of any attack lies inside its window.
    pub n_incidents_false: usize,
    /// What is seen at first sight: a collapsed group counts only if all its members are labelled.
    pub nodes: NodeScores,
    /// The same after every collapsed group was expanded.
    pub nodes_expanded: NodeScores,
    pub other_kinds: BTreeMap<NodeKind, OtherKind>,
    /// `None` when the truth holds no attack.
    pub adp: Option<f64>,
}

/// `n_nodes` are the distinct nodes of the whole graph by kind; what is neither labelled, ignored nor shown among them
/// is a true negative.
pub fn score(labels: &Labels, shown: &Shown, n_nodes: &BTreeMap<NodeKind, u64>) -> Scores {
    Scores {
        attacks: attacks::found(labels, shown),
        n_incidents_false: attacks::n_incidents_false(labels, shown),
        nodes: nodes::score(labels, &shown.at_first_sight(labels), n_nodes),
        nodes_expanded: nodes::score(labels, &shown.expanded(), n_nodes),
        other_kinds: nodes::other_kinds(labels, shown),
        adp: adp::adp(labels, shown),
    }
}

/// `part / whole` to six decimals, so that a printed score never shows noise; `None` when there is no whole.
fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| round6(part as f64 / whole as f64))
}

/// Rounds to six decimals. Each step is one correctly rounded operation, so every machine gives the same digits.
fn round6(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod testing;
