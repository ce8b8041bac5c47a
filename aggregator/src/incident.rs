use crate::fold::Folded;
use crate::story::Story;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use tracewell_alert_scorer::{Context, Contribution, Fact, Features, Score, Severity, Signature, words};
use tracewell_model::{AlertGraph, EventNs, HostId, Loss, Millibits};
use tracewell_parameters::ScoreParameters;

/// Stays the same while an incident grows: a hash over the host and id of its first member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId(pub u64);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl IncidentId {
    pub(crate) fn from_parts(tag: &[u8], parts: &[u64]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(tag);
        for part in parts {
            hasher.update(&part.to_le_bytes());
        }
        Self(u64::from_le_bytes(*hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes")))
    }
}

/// Alert graphs that are one story or one repeated story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub id: IncidentId,
    /// Milli-points, 0 to 100_000.
    pub score: u32,
    /// What the score is made from; tells incidents of equal score apart.
    pub evidence: Millibits,
    pub severity: Severity,
    /// What happened, in one line of words.
    pub title: String,
    pub hosts: BTreeSet<HostId>,
    pub first: EventNs,
    pub last: EventNs,
    /// How often the story was told, the first time included.
    pub repeats: u32,
    /// Every alert graph, in order of time. Empty only for an incident that is no story, as a forked host.
    pub members: Vec<Arc<AlertGraph>>,
    /// Which of `members` tell the story at its strongest.
    pub best: Vec<usize>,
    /// What the score is made of, most first; adds up to it.
    pub explanation: Vec<Contribution>,
    pub signature: Signature,
    /// The weightiest kind of fact, by which the budget is shared out.
    pub class: Option<Fact>,
    /// What was lost near any member. Shown, and never a reason to rank lower.
    pub loss: Loss,
    /// Some event under it was cut, repaired, clamped or came after a loss.
    pub incomplete: bool,
    /// On the analyst's list.
    pub shown: bool,
    /// Set for the incident that stands for those of its class that were beyond the budget.
    pub overflow: Option<Overflow>,
}

/// What an overflow incident stands for. Its members are theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overflow {
    pub held: Vec<IncidentId>,
}

/// The analyst's list and what stands behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incidents {
    /// Best first.
    pub shown: Vec<Incident>,
    /// Below the least score, held by an overflow incident, or excepted by an analyst; best first.
    pub held: Vec<Incident>,
    pub counters: Counters,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Alert graphs that hosts sent, each once.
    pub alarms_raw: u64,
    /// Stories: alert graphs after those were joined that belong together, on one host and across hosts.
    pub stories: u64,
    /// Incidents, before the least score and the budget.
    pub alarms_after_fold: u64,
    /// Of these, those that reach the least score and that no exception hides.
    pub reached_least_score: u64,
    pub incidents_shown: u64,
    /// Of these, those that are no story: a forked host, a silent one, what became common overnight.
    pub notices: u64,
    /// Incidents that stand in an overflow incident instead of the list.
    pub overflowed: u64,
    /// Incidents that an analyst's exception holds back.
    pub excepted: u64,
    /// Alert graphs that went for lack of room.
    pub alarms_evicted: u64,
    /// Alert graphs that were kept for as long as they were to be.
    pub alarms_expired: u64,
    /// Frames of hosts whose content could not be read.
    pub refused_frames: u64,
    /// Events that hosts reported as lost.
    pub lost_events: u64,
}

impl Incident {
    pub(crate) fn of(fold: Folded, n_hosts: u32, parameters: &ScoreParameters) -> Self {
        let best = fold.best();
        let (story, signature, class) = (best.story.clone(), best.signature, best.class);
        let repeats = u32::try_from(fold.stories.len()).unwrap_or(u32::MAX);
        let mut members: Vec<_> = fold.stories.into_iter().flat_map(|scored| scored.story.members).collect();
        members.sort_by_key(|graph| crate::story::canonical(graph));
        let context = context(&members, n_hosts);
        let score = Score::of(&Features::of(&story.graphs(), context), parameters);
        let first = &members[0];
        Self {
            id: IncidentId::from_parts(b"story", &[first.host.0, first.id.0]),
            score: score.points,
            evidence: score.evidence,
            severity: score.severity,
            title: words::title(&story.graphs()),
            hosts: members.iter().map(|graph| graph.host).collect(),
            first: first.first,
            last: members.iter().map(|graph| graph.last).max().unwrap_or_default(),
            repeats,
            best: positions(&story, &members),
            explanation: score.contributions,
            signature,
            class,
            loss: loss(&members),
            incomplete: members.iter().any(|graph| graph.edges.values().any(|edge| edge.incomplete)),
            shown: false,
            overflow: None,
            members,
        }
    }

    /// The order of the list: best first, and the same for the same incidents on every machine.
    pub(crate) fn rank(&self) -> impl Ord + use<> {
        (std::cmp::Reverse((self.score, self.evidence)), self.first, self.id)
    }
}

fn positions(story: &Story, members: &[Arc<AlertGraph>]) -> Vec<usize> {
    let in_story: BTreeSet<_> = story.members.iter().map(|graph| crate::story::canonical(graph)).collect();
    let found = members.iter().enumerate().filter(|(_, graph)| in_story.contains(&crate::story::canonical(graph)));
    found.map(|(index, _)| index).collect()
}

fn loss(members: &[Arc<AlertGraph>]) -> Loss {
    members.iter().fold(Loss::default(), |sum, graph| Loss {
        n_events: sum.n_events.saturating_add(graph.loss.n_events),
        n_gaps: sum.n_gaps.saturating_add(graph.loss.n_gaps),
    })
}

/// How the story spread over the fleet: hosts that ever showed it, and the most that first did within one day.
fn context(members: &[Arc<AlertGraph>], n_hosts: u32) -> Context {
    let mut first_on = BTreeMap::<HostId, EventNs>::new();
    for graph in members {
        first_on.entry(graph.host).or_insert(graph.first);
    }
    let mut firsts: Vec<_> = first_on.values().copied().collect();
    firsts.sort_unstable();
    let mut oldest = 0;
    let mut n_within_day = 0;
    for (index, first) in firsts.iter().enumerate() {
        while first.since(firsts[oldest]) >= EventNs::DAY {
            oldest += 1;
        }
        n_within_day = n_within_day.max(index + 1 - oldest);
    }
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Context { n_hosts, n_hosts_alike: count(first_on.len()), n_hosts_within_day: count(n_within_day) }
}
