//! Decides which incidents a person is shown, and drops none.
//!
//! Every incident is the first of its kind, for what repeats was folded. Those that reach the least score compete for
//! the places of their host and day, the strongest first, and no class may take all of them. What finds no place stands
//! under its class's overflow incident, which is shown whatever the budget says.

use crate::incident::{Incident, IncidentId, Overflow};
use std::collections::BTreeMap;
use tracewell_alert_scorer::Fact;
use tracewell_model::{HostId, Loss};
use tracewell_parameters::{FoldParameters, ScoreParameters};

/// Incidents by what becomes of them, each best first.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    pub shown: Vec<Incident>,
    pub held: Vec<Incident>,
    /// Incidents that reach the least score, and of these those beyond the budget.
    pub n_reached: u64,
    pub n_overflowed: u64,
}

/// Places taken of one host and day.
#[derive(Default)]
struct Day {
    taken: u32,
    taken_by_class: BTreeMap<Option<Fact>, u32>,
}

/// `is_settled` says whether the profile of the incident's host was settled when it began.
pub(crate) fn share_out(
    mut incidents: Vec<Incident>,
    is_settled: impl Fn(&Incident) -> bool,
    score: &ScoreParameters,
    fold: &FoldParameters,
) -> Sorted {
    incidents.sort_by_cached_key(Incident::rank);
    let mut sorted = Sorted::default();
    let mut days = BTreeMap::<(HostId, u32), Day>::new();
    let mut beyond = BTreeMap::<Option<Fact>, Vec<Incident>>::new();
    for mut incident in incidents {
        if incident.score < score.shown_min {
            sorted.held.push(incident);
            continue;
        }
        sorted.n_reached += 1;
        let places = match is_settled(&incident) {
            true => fold.shown_per_host_day_settled,
            false => fold.shown_per_host_day_unsettled,
        };
        let host = incident.members.first().map(|graph| graph.host).unwrap_or_default();
        let day = days.entry((host, incident.first.day())).or_default();
        let by_class = day.taken_by_class.entry(incident.class).or_default();
        if day.taken < places && *by_class < fold.shown_per_class_day {
            day.taken += 1;
            *by_class += 1;
            incident.shown = true;
            sorted.shown.push(incident);
        } else {
            beyond.entry(incident.class).or_default().push(incident);
        }
    }
    for (class, incidents) in beyond {
        sorted.n_overflowed += incidents.len() as u64;
        sorted.shown.push(overflow(class, &incidents));
        sorted.held.extend(incidents);
    }
    sorted.shown.sort_by_cached_key(Incident::rank);
    sorted.held.sort_by_cached_key(Incident::rank);
    sorted
}

/// Stands for incidents of one class, given best first, with the score of the best.
fn overflow(class: Option<Fact>, incidents: &[Incident]) -> Incident {
    let best = &incidents[0];
    let mut members: Vec<_> = incidents.iter().flat_map(|incident| incident.members.iter().cloned()).collect();
    members.sort_by_key(|graph| crate::story::canonical(graph));
    let is_best = |graph: &tracewell_model::AlertGraph| {
        let mut of_best = best.best.iter().map(|&index| &best.members[index]);
        of_best.any(|known| (known.host, known.id) == (graph.host, graph.id))
    };
    Incident {
        id: IncidentId::from_parts(b"overflow", &[class.map_or(0, |class| class as u64 + 1)]),
        title: match incidents.len() {
            1 => format!("1 incident beyond the day's budget: {}", best.title),
            n => format!("{n} incidents of one class beyond the day's budget, the strongest: {}", best.title),
        },
        hosts: incidents.iter().flat_map(|incident| incident.hosts.iter().copied()).collect(),
        first: incidents.iter().map(|incident| incident.first).min().unwrap_or_default(),
        last: incidents.iter().map(|incident| incident.last).max().unwrap_or_default(),
        repeats: incidents.iter().fold(0, |sum, incident| incident.repeats.saturating_add(sum)),
        best: members.iter().enumerate().filter(|(_, graph)| is_best(graph)).map(|(index, _)| index).collect(),
        members,
        loss: incidents.iter().fold(Loss::default(), |sum, incident| Loss {
            n_events: sum.n_events.saturating_add(incident.loss.n_events),
            n_gaps: sum.n_gaps.saturating_add(incident.loss.n_gaps),
        }),
        incomplete: incidents.iter().any(|incident| incident.incomplete),
        shown: true,
        overflow: Some(Overflow { held: incidents.iter().map(|incident| incident.id).collect() }),
        ..best.clone()
    }
}
