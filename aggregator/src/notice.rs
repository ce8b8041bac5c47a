//! Incidents that are no story of one host: nothing holds them back, and they have no members.

use crate::incident::{Incident, IncidentId};
use crate::ingest::Fork;
use std::collections::{BTreeMap, BTreeSet};
use tracewell_alert_scorer::{Contribution, Severity, Signature, words};
use tracewell_graph_core::fleet::Sudden;
use tracewell_model::{EventNs, HostId, Loss, Millibits};
use tracewell_parameters::ScoreParameters;

const HOUR_NS: u64 = 3600 * EventNs::SECOND;

/// Two machines send as one host, as one that was restored from a snapshot would.
pub(crate) fn forked(host: HostId, name: Option<&str>, fork: Fork, parameters: &ScoreParameters) -> Incident {
    let name = name.map_or_else(|| host.to_string(), words::printable);
    Notice {
        id: IncidentId::from_parts(b"fork", &[host.0, fork.epoch.into()]),
        points: parameters.forked_host,
        title: format!("two machines report as {name}: a restored snapshot, a copied disk or a stolen identity"),
        words: format!("other content under the same number in epoch {}", fork.epoch),
        hosts: BTreeSet::from([host]),
        time: fork.time,
        repeats: 1,
    }
    .incident(parameters)
}

/// The same novelty on many hosts within a day: one incident for each day, named after the widest novelty.
pub(crate) fn sudden(found: Vec<Sudden>, parameters: &ScoreParameters) -> impl Iterator<Item = Incident> {
    let mut days = BTreeMap::<u32, Vec<Sudden>>::new();
    for novelty in found {
        days.entry(novelty.day).or_default().push(novelty);
    }
    days.into_iter().map(|(day, novelties)| {
        let widest = &novelties[0];
        let path: Vec<_> = widest.path.iter().map(words::printable).collect();
        Notice {
            id: IncidentId::from_parts(b"sudden", &[day.into()]),
            points: parameters.sudden,
            title: format!(
                "{} hosts began to do the same new thing within a day: {}",
                widest.hosts.len(),
                path.join(" ")
            ),
            words: match novelties.len() {
                1 => "no host of the fleet did this before".to_owned(),
                n => format!("no host of the fleet did these {n} things before"),
            },
            hosts: novelties.iter().flat_map(|novelty| novelty.hosts.iter().copied()).collect(),
            time: EventNs(u64::from(day).saturating_mul(EventNs::DAY)),
            repeats: u32::try_from(novelties.len()).unwrap_or(u32::MAX),
        }
        .incident(parameters)
    })
}

/// Hosts of which nothing is heard since some time, by hour in which that began: whole networks fall silent together.
pub(crate) fn silent<'a>(
    silent: &BTreeMap<HostId, EventNs>,
    name: impl Fn(HostId) -> Option<&'a str>,
    parameters: &ScoreParameters,
) -> impl Iterator<Item = Incident> {
    let mut hours = BTreeMap::<u64, BTreeMap<HostId, EventNs>>::new();
    for (&host, &since) in silent {
        hours.entry(since.0 / HOUR_NS).or_default().insert(host, since);
    }
    hours.into_iter().map(move |(hour, hosts)| {
        let first = hosts.keys().next().map(|&host| name(host).map_or_else(|| host.to_string(), words::printable));
        let first = first.unwrap_or_default();
        Notice {
            id: IncidentId::from_parts(b"silent", &[hour]),
            points: parameters.silent_host,
            title: match hosts.len() {
                1 => format!("nothing is heard of {first} any more"),
                n => format!("nothing is heard of {n} hosts any more, {first} among them"),
            },
            words: "the host, its network or its agent is down, or somebody stopped it".to_owned(),
            time: hosts.values().copied().min().unwrap_or_default(),
            repeats: u32::try_from(hosts.len()).unwrap_or(u32::MAX),
            hosts: hosts.into_keys().collect(),
        }
        .incident(parameters)
    })
}

/// What such incidents differ in.
struct Notice {
    id: IncidentId,
    points: u32,
    title: String,
    words: String,
    hosts: BTreeSet<HostId>,
    time: EventNs,
    repeats: u32,
}

impl Notice {
    fn incident(self, parameters: &ScoreParameters) -> Incident {
        Incident {
            id: self.id,
            score: self.points,
            evidence: Millibits::ZERO,
            severity: Severity::of(self.points, parameters),
            title: self.title,
            hosts: self.hosts,
            first: self.time,
            last: self.time,
            repeats: self.repeats,
            members: vec![],
            best: vec![],
            explanation: vec![Contribution { words: self.words, points: self.points }],
            signature: Signature(0),
            class: None,
            loss: Loss::default(),
            incomplete: false,
            shown: true,
            overflow: None,
        }
    }
}
