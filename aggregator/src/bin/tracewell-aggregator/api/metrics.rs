//! What a running aggregator counts, in the text format of Prometheus. `docs/metrics.md` lists the counts; a
//! test compares the two.

use super::{Api, internal, lock};
use crate::engine::{Engine, Snapshot};
use crate::listener::Counted;
use std::fmt::Write;
use std::sync::Arc;
use tonic::Status;
use tracewell_aggregator::HostReport;
use tracewell_alert_scorer::Severity;

/// What is counted, at one moment.
struct Seen {
    counted: Counted,
    hosts: Vec<HostReport>,
    n_revoked: u64,
    n_away: u64,
    is_view_held: bool,
    authority_ends: u64,
    snapshot: Arc<Snapshot>,
}

struct Metric {
    name: &'static str,
    kind: &'static str,
    /// Its only label; empty for none.
    label: &'static str,
    help: &'static str,
    samples: fn(&Seen) -> Vec<(&'static str, u64)>,
}

macro_rules! metrics {
    ($($name:literal $kind:ident ($label:literal) $help:literal = $samples:expr;)*) => {
        const METRICS: &[Metric] = &[$(Metric {
            name: concat!("tracewell_aggregator_", $name),
            kind: stringify!($kind),
            label: $label,
            help: $help,
            samples: $samples,
        },)*];
    };
}

metrics! {
    "info" gauge ("version") "Always 1; says which aggregator this is."
        = |_| vec![(env!("CARGO_PKG_VERSION"), 1)];
    "hosts" gauge ("state") "Hosts that are enrolled: `connected`, `away` or `revoked`."
        = |seen| vec![("connected", seen.counted.connected), ("away", seen.n_away), ("revoked", seen.n_revoked)];
    "hosts_settled" gauge ("") "Hosts whose profile has learned what is usual there."
        = |seen| one(seen.hosts.iter().filter(|host| host.is_settled).count() as u64);
    "hosts_forked" gauge ("") "Hosts as which two machines have sent."
        = |seen| one(seen.hosts.iter().filter(|host| host.is_forked).count() as u64);
    "hosts_complaining" gauge ("") "Hosts that say that something is not as it should be there."
        = |seen| {
            let runs = seen.hosts.iter().filter_map(|host| host.condition.runs.as_ref());
            one(runs.filter(|runs| runs.n_complaints > 0).count() as u64)
        };
    "hosts_with_given_view" gauge ("") "Hosts in which the version of the fleet's view is in force that hosts are given now."
        = |seen| one(seen.hosts.iter().filter(|host| host.has_given_view).count() as u64);
    "view_is_held" gauge ("") "1 while hosts are given a version of the fleet's view that an operator rolled back to, else 0."
        = |seen| one(seen.is_view_held.into());
    "authority_end_seconds" gauge ("") "When the certificate of the fleet's authority ends, in seconds since 1970: no host is let in after that."
        = |seen| one(seen.authority_ends);
    "connections_total" counter ("outcome") "Connections of hosts: `accepted`, `turned_away` for lack of a place, `failed` before it was known who came, `refused` for who that was, ended for a `violation` of the protocol."
        = |seen| {
            let Counted { accepted, turned_away, failed, refused, violations, .. } = seen.counted;
            let outcomes = ["accepted", "turned_away", "failed", "refused", "violation"];
            outcomes.into_iter().zip([accepted, turned_away, failed, refused, violations]).collect()
        };
    "handshakes_proved_total" counter ("") "Handshakes that had to prove their address first."
        = |seen| one(seen.counted.proved);
    "enrolments_total" counter ("") "Machines that were enrolled since the aggregator was started."
        = |seen| one(seen.counted.enrolled);
    "frames_waited_total" counter ("") "Frames that had to wait since their host sent more than it may."
        = |seen| one(seen.counted.waited);
    "frames_refused" gauge ("") "Frames of all hosts whose content could not be read, and is lost."
        = |seen| one(seen.hosts.iter().map(|host| host.n_refused).sum());
    "frames_missing" gauge ("") "Frames of all hosts that never came, though later ones did."
        = |seen| one(seen.hosts.iter().map(|host| host.n_missing).sum());
    "alerts_stored" gauge ("") "Alert graphs in the store."
        = |seen| one(seen.hosts.iter().map(|host| host.n_alerts as u64).sum());
    "alerts_total" counter ("") "Alert graphs that hosts have sent, each once."
        = |seen| one(seen.snapshot.incidents.counters.alarms_raw);
    "alerts_evicted_total" counter ("") "Alert graphs that went for lack of room."
        = |seen| one(seen.snapshot.incidents.counters.alarms_evicted);
    "lost_events_total" counter ("") "Events that hosts have told as lost."
        = |seen| one(seen.snapshot.incidents.counters.lost_events);
    "gaps_total" counter ("") "Moments that hosts have told next to which something is missing that nobody could count."
        = |seen| one(seen.hosts.iter().map(|host| host.condition.losses.n_gaps).sum());
    "incidents_shown" gauge ("severity") "Incidents on the list."
        = |seen| {
            let of = |severity: Severity| {
                let shown = seen.snapshot.incidents.shown.iter();
                (severity.name(), shown.filter(|incident| incident.severity == severity).count() as u64)
            };
            [Severity::Low, Severity::Medium, Severity::High, Severity::Critical].map(of).into()
        };
    "incidents_held" gauge ("why") "Incidents that are not on the list: `overflowed` beyond a day's budget, `excepted` by an analyst."
        = |seen| {
            let counters = &seen.snapshot.incidents.counters;
            vec![("overflowed", counters.overflowed), ("excepted", counters.excepted)]
        };
}

fn one(value: u64) -> Vec<(&'static str, u64)> {
    vec![("", value)]
}

impl Api {
    /// `/metrics`: for every operator. Computes the list if it has changed.
    pub(super) async fn metrics(&self) -> Result<String, Status> {
        let asked = |engine: &mut Engine| (engine.hosts(), engine.versions().held.is_some());
        let (hosts, is_view_held) = self.engine.ask(asked).await.map_err(internal)?;
        let authority_ends = self.authority_ends;
        let snapshot = self.snapshot().await?;
        let (counted, registry) = (self.sessions.counted(), lock(&self.registry));
        let n_revoked = registry.hosts().values().filter(|host| host.revoked).count() as u64;
        let n_away = (registry.hosts().len() as u64).saturating_sub(n_revoked + counted.connected);
        Ok(text(&Seen { counted, hosts, n_revoked, n_away, is_view_held, authority_ends, snapshot }))
    }
}

fn text(seen: &Seen) -> String {
    let mut text = String::new();
    for Metric { name, kind, label, help, samples } in METRICS {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (value, n) in samples(seen) {
            // Labels' values are ours: none has to be escaped.
            let _ = match label.is_empty() {
                true => writeln!(text, "{name} {n}"),
                false => writeln!(text, "{name}{{{label}=\"{value}\"}} {n}"),
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_each_metric_as_it_is() {
        let documentation = include_str!("../../../../../docs/metrics.md");
        let is_ours = |line: &&str| line.starts_with("| `tracewell_aggregator_");
        let documented: Vec<_> = documentation.lines().filter(is_ours).collect();
        let row = |metric: &Metric| {
            let label = if metric.label.is_empty() { String::new() } else { format!("`{}`", metric.label) };
            format!("| `{}` | {} | {label} | {} |", metric.name, metric.kind, metric.help)
        };
        let rows: Vec<_> = METRICS.iter().map(row).collect();
        assert_eq!(documented, rows, "docs/metrics.md should have:\n{}\n", rows.join("\n"));
    }
}
