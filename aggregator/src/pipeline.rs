use crate::budget::{Sorted, share_out};
use crate::fold::fold;
use crate::incident::{Counters, Incident, IncidentId, Incidents};
use crate::ingest::{Fork, HostState, Ingest, IngestError};
use crate::score::Scored;
use crate::story::join;
use crate::{MemoryStore, Store, StoreError};
use std::collections::BTreeSet;
use tracewell_alert_scorer::{Contribution, Severity, Signature};
use tracewell_model::{HostId, Loss, Millibits};
use tracewell_parameters::Parameters;
use tracewell_wire::{decode_with_hash, encode};

/// One aggregator: frames of hosts in, incidents out.
pub struct Aggregator {
    parameters: Parameters,
    ingest: Ingest,
    store: Box<dyn Store>,
}

impl Aggregator {
    /// An aggregator that keeps everything in memory.
    pub fn new(parameters: &Parameters) -> Self {
        Self::with_store(parameters, Box::new(MemoryStore::default()))
    }

    pub fn with_store(parameters: &Parameters, store: Box<dyn Store>) -> Self {
        Self { parameters: parameters.clone(), ingest: Ingest::default(), store }
    }

    /// Takes one frame and gives the frames to send back to its host.
    ///
    /// # Errors
    /// When the frame is not one that a host may send, or could not be stored; it then had no effect.
    pub fn receive(&mut self, frame: &[u8]) -> Result<Vec<Vec<u8>>, IngestError> {
        let (message, content_hash) = decode_with_hash(frame)?;
        let alerts_max = self.parameters.fold.alerts_per_host_max as usize;
        let answers = self.ingest.take(message, content_hash, self.store.as_mut(), alerts_max)?;
        Ok(answers.iter().map(encode).collect::<Result<_, _>>()?)
    }

    /// The analyst's list, computed from all that is stored.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn incidents(&self) -> Result<Incidents, StoreError> {
        let Parameters { score, fold: fold_parameters, .. } = &self.parameters;
        let stories = join(self.store.alerts()?, fold_parameters);
        let scored = stories.into_iter().map(|story| Scored::of(story, score)).collect();
        let hosts = self.ingest.hosts();
        let n_hosts = u32::try_from(hosts.len()).unwrap_or(u32::MAX);
        let incidents: Vec<_> =
            fold(scored, fold_parameters).into_iter().map(|fold| Incident::of(fold, n_hosts, score)).collect();
        let alarms_after_fold = incidents.len() as u64;
        let forks = hosts.iter().filter_map(|(&host, state)| Some(self.forked(host, state, state.fork?)));
        let settled = |incident: &Incident| {
            let host = incident.members.first().and_then(|graph| hosts.get(&graph.host));
            host.is_some_and(|state| state.is_settled(incident.first))
        };
        let Sorted { mut shown, held, n_overflowed } = share_out(incidents, settled, score, fold_parameters);
        shown.extend(forks);
        shown.sort_by_cached_key(Incident::rank);
        let counters = Counters {
            alarms_raw: self.ingest.counters.n_alerts,
            alarms_after_fold,
            incidents_shown: shown.len() as u64,
            overflowed: n_overflowed,
            alarms_evicted: self.ingest.counters.n_evicted,
            lost_events: self.ingest.counters.n_lost_events,
        };
        Ok(Incidents { shown, held, counters })
    }

    /// The incident that two machines send as one host, as one restored from a snapshot would. No budget holds it back.
    fn forked(&self, host: HostId, state: &HostState, fork: Fork) -> Incident {
        let name = state.name.as_deref().map_or_else(|| host.to_string(), tracewell_alert_scorer::words::printable);
        let points = self.parameters.score.forked_host;
        Incident {
            id: IncidentId::from_parts(b"fork", &[host.0, fork.epoch.into()]),
            score: points,
            evidence: Millibits::ZERO,
            severity: Severity::of(points, &self.parameters.score),
            title: format!("two machines report as {name}: a restored snapshot, a copied disk or a stolen identity"),
            hosts: BTreeSet::from([host]),
            first: fork.time,
            last: fork.time,
            repeats: 1,
            members: vec![],
            best: vec![],
            explanation: vec![Contribution {
                words: format!("other content under the same number in epoch {}", fork.epoch),
                points,
            }],
            signature: Signature(0),
            class: None,
            loss: Loss::default(),
            incomplete: false,
            shown: true,
            overflow: None,
        }
    }
}
