//! What folding and the budget need to know of a story.

use crate::story::Story;
use tracewell_alert_scorer::{Context, Fact, Features, Score, Shingles, Signature};
use tracewell_parameters::ScoreParameters;

/// A story with its score as it stands alone, before the fleet is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    pub story: Story,
    pub score: Score,
    pub signature: Signature,
    pub shingles: Shingles,
    /// The weightiest fact; what a flood floods with.
    pub class: Option<Fact>,
}

impl Scored {
    pub fn of(story: Story, parameters: &ScoreParameters) -> Self {
        let graphs = story.graphs();
        let features = Features::of(&graphs, Context::default());
        Self {
            score: Score::of(&features, parameters),
            signature: Signature::of(&graphs),
            shingles: Shingles::of(&graphs),
            class: features.class(parameters),
            story,
        }
    }
}
