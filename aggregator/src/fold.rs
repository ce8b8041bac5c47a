//! Folds stories that are the same, or nearly so, into one.

use crate::score::Scored;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use tracewell_alert_scorer::{Severity, Signature};
use tracewell_parameters::FoldParameters;

/// One story and its repeats, in canonical order; at least one.
#[derive(Clone, Debug)]
pub(crate) struct Folded {
    pub stories: Vec<Scored>,
    /// Severity of the worst so far.
    severity: Severity,
}

impl Folded {
    fn founded_by(story: Scored) -> Self {
        Self { severity: story.score.severity, stories: vec![story] }
    }

    fn add(&mut self, story: Scored) {
        self.severity = self.severity.max(story.score.severity);
        self.stories.push(story);
    }

    /// The story that stands for all: most evidence, the first where two are equal.
    pub fn best(&self) -> &Scored {
        let best = self.stories.iter().enumerate().max_by_key(|(i, story)| (story.score.evidence, Reverse(*i)));
        best.map(|(_, story)| story).expect("a fold is founded by a story")
    }
}

/// Folds stories given in canonical order.
///
/// The exact signature comes first. Else the founder most similar takes the story in, if it is similar enough and the
/// story is no more severe than what it holds: being like something harmless must not hide a rise.
pub(crate) fn fold(stories: Vec<Scored>, parameters: &FoldParameters) -> Vec<Folded> {
    let mut folds: Vec<Folded> = Vec::new();
    let mut by_signature = BTreeMap::<Signature, usize>::new();
    let mut by_terminal = BTreeMap::<u128, BTreeSet<usize>>::new();
    for story in stories {
        let signature = story.signature;
        let known = by_signature
            .get(&signature)
            .copied()
            .or_else(|| most_similar(&story, &folds, &by_terminal, parameters.similarity_permille));
        let index = known.unwrap_or(folds.len());
        by_signature.entry(signature).or_insert(index);
        if let Some(fold) = folds.get_mut(index) {
            fold.add(story);
            continue;
        }
        for &terminal in story.shingles.terminals() {
            by_terminal.entry(terminal).or_default().insert(index);
        }
        folds.push(Folded::founded_by(story));
    }
    folds
}

fn most_similar(
    story: &Scored,
    folds: &[Folded],
    by_terminal: &BTreeMap<u128, BTreeSet<usize>>,
    similarity_permille: u32,
) -> Option<usize> {
    let candidates: BTreeSet<usize> =
        story.shingles.terminals().iter().filter_map(|label| by_terminal.get(label)).flatten().copied().collect();
    candidates
        .into_iter()
        .filter(|&index| story.score.severity <= folds[index].severity)
        .map(|index| (folds[index].stories[0].shingles.similarity_permille(&story.shingles), Reverse(index)))
        .filter(|&(similarity, _)| similarity >= similarity_permille)
        .max()
        .map(|(_, Reverse(index))| index)
}
