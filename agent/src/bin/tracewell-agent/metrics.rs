//! What a running agent counts, in the text format of Prometheus. `docs/metrics.md` lists it; a test compares the two.

use crate::status::{DetectorStatus, Status};
use std::fmt::Write;

struct Metric {
    name: &'static str,
    kind: &'static str,
    /// Separated by ", "; as in the documentation.
    labels: &'static str,
    help: &'static str,
    samples: fn(&Status) -> Vec<Sample>,
}

/// The values of a metric's labels, and its own.
type Sample = (Vec<String>, u64);

macro_rules! metrics {
    ($($name:literal $kind:ident ($labels:literal) $help:literal = $samples:expr;)*) => {
        const METRICS: &[Metric] = &[$(Metric {
            name: concat!("tracewell_agent_", $name),
            kind: stringify!($kind),
            labels: $labels,
            help: $help,
            samples: $samples,
        },)*];
    };
}

metrics! {
    "info" gauge ("version, host, configuration") "Always 1; says which agent this is and the hash of its configuration."
        = |status| vec![(vec![status.version.clone(), status.host.clone(), status.configuration.hash.clone()], 1)];
    "uptime_seconds" gauge ("") "Seconds since it began to watch."
        = |status| one(status.uptime_seconds);
    "loop_turns_total" counter ("") "Turns of the loop that takes events; one takes some tens of milliseconds."
        = |status| one(status.turns);
    "resident_bytes" gauge ("") "Resident memory of the process."
        = |status| one(status.resident_bytes);
    "probe_group_on" gauge ("group") "1 for each group of probes that is on."
        = |status| status.groups.iter().map(|group| (vec![group.clone()], 1)).collect();
    "programs_not_attached" gauge ("") "eBPF programs that could not be attached; `tracewell-agent doctor` names them."
        = |status| one(status.not_attached.len() as u64);
    "better_tier" gauge ("") "1 if hooks see all operations on names by the kernel's own objects, else 0; `tracewell-agent status` says why."
        = |status| one(u64::from(status.tier.name == "better"));
    "operations_seen_total" counter ("operation") "Operations that the programs saw, of groups that are on."
        = |status| status.operations.iter().map(|op| (vec![op.operation.clone()], op.seen)).collect();
    "operations_total" counter ("operation, outcome")
        "What became of them: `submitted` to the ring, `merged` into a sum, `filtered` as not asked for, or lost: `throttled` over the budget of a cgroup, `ring_full`, `oversize`, `unreadable`. Together as many as were seen."
        = outcomes;
    "operations_received_total" counter ("operation") "Records taken from the ring: as many as were submitted, once quiet."
        = |status| status.operations.iter().map(|op| (vec![op.operation.clone()], op.received)).collect();
    "operations_fetched_total" counter ("operation") "Operations in sums that were fetched: as many as were merged, once quiet."
        = |status| status.operations.iter().map(|op| (vec![op.operation.clone()], op.fetched)).collect();
    "operations_unmerged_total" counter ("operation") "Operations sent one by one, since there was no room among the sums. Not lost."
        = |status| status.operations.iter().map(|op| (vec![op.operation.clone()], op.map_full)).collect();
    "operations_fallback_total" counter ("operation") "Operations that a hook should have seen and did not, told by what the call left behind. Not lost."
        = |status| status.operations.iter().map(|op| (vec![op.operation.clone()], op.fallback)).collect();
    "throttled_cgroups" gauge ("") "Cgroups that are over their budget, and so seen incompletely; `tracewell-agent status` names them."
        = |status| one(status.throttled.len() as u64);
    "throttlings_total" counter ("change") "Times a cgroup went over its budget (`started`), and stayed within it for two seconds afterwards (`ended`)."
        = |status| vec![(vec!["started".into()], status.throttlings_started), (vec!["ended".into()], status.throttlings_ended)];
    "program_runs_skipped_total" counter ("program") "Runs of an eBPF program that the kernel skipped, since it was running on that CPU already. Counted as lost. No samples where the kernel does not tell (before 5.12)."
        = |status| {
            let told = |skipped: &crate::status::SkippedStatus| Some((vec![skipped.program.clone()], skipped.runs?));
            status.skipped_runs.iter().filter_map(told).collect()
        };
    "ring_records" gauge ("") "Records in the ring that were not taken yet."
        = |status| one(status.ring_records);
    "waiting_items" gauge ("") "Records and sums that wait for the order of their times."
        = |status| one(status.waiting_items);
    "late_items_total" counter ("") "Records and sums that came too late for their place, and were taken all the same."
        = |status| one(status.late_items);
    "malformed_records_total" counter ("") "Records that could not be understood. Counted as lost; always 0 unless the two sides do not fit together."
        = |status| one(status.malformed_records);
    "processes" gauge ("") "Processes that are remembered."
        = |status| one(status.processes);
    "graph_events_total" counter ("") "Events put into the graph."
        = |status| one(status.pipeline.events);
    "graph_failed_events_total" counter ("") "Of them, those of operations that failed, which leave no edge."
        = |status| one(status.pipeline.failed_events);
    "graph_edges_total" counter ("") "Edges made; all other events merged into one that stood."
        = |status| one(status.pipeline.edges);
    "lost_events_total" counter ("") "Events told to the pipeline as lost, whatever the cause; alerts near them say so."
        = |status| one(status.pipeline.lost_events);
    "clamped_records_total" counter ("") "Records whose time could not be, and was clamped."
        = |status| one(status.pipeline.clamped_records);
    "graph_bytes" gauge ("") "Accounted memory of the hot window of the graph."
        = |status| one(status.pipeline.graph_bytes);
    "profile_bytes" gauge ("") "Accounted memory of the host's profile."
        = |status| one(status.pipeline.profile_bytes);
    "profile_readiness_permille" gauge ("") "How settled the least settled workload is, in thousandths; 1000 once all are."
        = |status| one(status.pipeline.readiness_permille);
    "checkpoint_age_seconds" gauge ("") "Seconds since the last checkpoint was on the disk. Left out before the first, and where the history is temporary."
        = |status| status.checkpoint.iter().filter_map(|checkpoint| checkpoint.age_seconds).flat_map(one).collect();
    "checkpoint_bytes" gauge ("") "Size of the last checkpoint, compressed."
        = |status| status.checkpoint.iter().flat_map(|checkpoint| one(checkpoint.bytes)).collect();
    "checkpoint_stall_microseconds" gauge ("") "Time for which the loop stood still for the last checkpoint."
        = |status| status.checkpoint.iter().flat_map(|checkpoint| one(checkpoint.microseconds)).collect();
    "checkpoints_total" counter ("outcome") "Checkpoints: `written` or `failed`."
        = |status| {
            let outcomes = status.checkpoint.iter().flat_map(|checkpoint| {
                [("written", checkpoint.written), ("failed", checkpoint.failed)]
            });
            outcomes.map(|(outcome, n)| (vec![outcome.to_owned()], n)).collect()
        };
    "uplink_connected" gauge ("") "1 while an aggregator is connected, else 0. This and the next seven are left out without `uplink.servers`."
        = |status| status.uplink.iter().flat_map(|uplink| one(u64::from(uplink.server.is_some()))).collect();
    "uplink_connections_total" counter ("") "Connections that an aggregator welcomed."
        = |status| status.uplink.iter().flat_map(|uplink| one(uplink.connections)).collect();
    "uplink_failures_total" counter ("") "Servers that could not be had."
        = |status| status.uplink.iter().flat_map(|uplink| one(uplink.failures)).collect();
    "uplink_acknowledged_frames_total" counter ("") "Frames that the aggregator has stored."
        = |status| status.uplink.iter().flat_map(|uplink| one(uplink.acknowledged_frames)).collect();
    "spool_frames" gauge ("") "Frames that wait to be acknowledged."
        = |status| status.uplink.iter().flat_map(|uplink| one(uplink.waiting_frames)).collect();
    "spool_bytes" gauge ("") "Their bytes."
        = |status| status.uplink.iter().flat_map(|uplink| one(uplink.waiting_bytes)).collect();
    "spool_dropped_frames_total" counter ("") "Frames that went for lack of room in the spool."
        = |status| status.uplink.iter().flat_map(|uplink| one(uplink.dropped_frames)).collect();
    "uplink_refused_frames_total" counter ("") "Frames whose content the aggregator could not read."
        = |status| status.uplink.iter().flat_map(|uplink| one(uplink.refused_frames)).collect();
    "sent_bytes_total" counter ("") "Bytes of messages that the pipeline sent."
        = |status| one(status.pipeline.sent_bytes);
    "cpu_milliseconds_total" counter ("") "CPU that it took, with its programs in the kernel where `kernel.bpf_stats_enabled` is 1."
        = |status| one(status.pressure.cpu_milliseconds);
    "cpu_permille" gauge ("") "The same over the last ten seconds, in thousandths of one core."
        = |status| one(status.pressure.cpu_permille);
    "written_bytes_total" counter ("") "Bytes that it caused to be written to disk."
        = |status| one(status.pressure.written_bytes);
    "pressure_step" gauge ("") "Steps by which it takes in less, to keep to its limits: 0 for none, 8 at most."
        = |status| one(status.pressure.step.into());
    "failed_alerts_total" counter ("") "Alerts that `output.file` did not take."
        = |status| one(status.failed_alerts);
    "alerts_total" counter ("") "Alerts raised; news of an alert do not count again."
        = |status| one(status.alerts);
    "detectors_refused" gauge ("") "Files that are no detectors here; `tracewell-agent detectors` says why."
        = |status| one(status.detectors.refused.len() as u64);
    "detector_parked" gauge ("detector, version") "1 for a detector that failed too often and is not called any more, else 0. One sample for each that is loaded."
        = |status| by_detector(status, |detector| u64::from(detector.parked));
    "detector_calls_total" counter ("detector, version") "Calls of a detector. Its counters begin anew when its file changes."
        = |status| by_detector(status, |detector| detector.calls);
    "detector_findings_total" counter ("detector, version") "What it found, repetitions included."
        = |status| by_detector(status, |detector| detector.findings);
    "detector_failures_total" counter ("detector, version") "Calls that failed."
        = |status| by_detector(status, |detector| detector.failures);
    "detector_fuel_total" counter ("detector, version") "Steps of its calls; one may take 10,000,000."
        = |status| by_detector(status, |detector| detector.fuel);
    "detector_microseconds_total" counter ("detector, version") "Time of its calls."
        = |status| by_detector(status, |detector| detector.microseconds);
    "yara_rules" gauge ("") "YARA rules that are run. This and the next six are left out without `yara.rules`."
        = |status| status.yara.iter().flat_map(|yara| one(yara.rules)).collect();
    "yara_rule_files_not_run" gauge ("") "Files of YARA rules that do not compile, up to 64; `tracewell-agent status` says why."
        = |status| status.yara.iter().flat_map(|yara| one(yara.not_run.len() as u64)).collect();
    "yara_files_total" counter ("outcome")
        "What became of files that were executed or written: `scanned`; `known` from before and not changed; `changed` while they were read, and scanned as far; `timed_out` and `failed` in the engine; `too_large`; `gone`, removed or replaced before they could be opened; `nameless`, not found by a name that is no UTF-8; `not_regular`; `elsewhere`, on filesystems of others; `unreadable`; `dropped`, since the queue was full; `crowded`, asked for by a process while 128 others waited for them; `given_up`, since too many written ones waited to be complete."
        = |status| {
            let files = status.yara.iter().flat_map(|yara| &yara.files);
            files.map(|(outcome, n)| (vec![outcome.clone()], *n)).collect()
        };
    "yara_matched_files_total" counter ("") "Files in which a rule held, each time that they were asked for."
        = |status| status.yara.iter().flat_map(|yara| one(yara.matched)).collect();
    "yara_waiting_files" gauge ("") "Files that wait to be scanned."
        = |status| status.yara.iter().flat_map(|yara| one(yara.waiting)).collect();
    "yara_pending_files" gauge ("") "Written files that are not complete yet."
        = |status| status.yara.iter().flat_map(|yara| one(yara.pending)).collect();
    "yara_busy_milliseconds" gauge ("") "For how long the scan at hand has been going on; 0 between two."
        = |status| status.yara.iter().flat_map(|yara| one(yara.busy_milliseconds)).collect();
    "configuration_reloads_total" counter ("outcome") "Times the configuration was read anew: `done` or `failed`."
        = |status| {
            let configuration = &status.configuration;
            vec![(vec!["done".into()], configuration.reloads), (vec!["failed".into()], configuration.failed_reloads)]
        };
}

fn one(value: u64) -> Vec<Sample> {
    vec![(Vec::new(), value)]
}

fn by_detector(status: &Status, value: fn(&DetectorStatus) -> u64) -> Vec<Sample> {
    let loaded = status.detectors.loaded.iter();
    loaded.map(|detector| (vec![detector.id.clone(), detector.version.clone()], value(detector))).collect()
}

fn outcomes(status: &Status) -> Vec<Sample> {
    let of = |op: &crate::status::OperationStatus| {
        [
            ("submitted", op.submitted),
            ("merged", op.merged),
            ("filtered", op.filtered),
            ("throttled", op.throttled),
            ("ring_full", op.ring_full),
            ("oversize", op.oversize),
            ("unreadable", op.unreadable),
        ]
        .map(|(outcome, n)| (vec![op.operation.clone(), outcome.to_owned()], n))
    };
    status.operations.iter().flat_map(of).collect()
}

pub fn text(status: &Status) -> String {
    let mut text = String::new();
    for metric in METRICS {
        let _ = writeln!(text, "# HELP {} {}", metric.name, metric.help);
        let _ = writeln!(text, "# TYPE {} {}", metric.name, metric.kind);
        for (values, n) in (metric.samples)(status) {
            text.push_str(metric.name);
            let names = metric.labels.split(", ").filter(|label| !label.is_empty());
            let labels: Vec<_> =
                names.zip(&values).map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            if !labels.is_empty() {
                let _ = write!(text, "{{{}}}", labels.join(","));
            }
            let _ = writeln!(text, " {n}");
        }
    }
    text
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::OperationStatus;

    #[test]
    fn the_documentation_lists_each_metric_as_it_is() {
        let documentation = include_str!("../../../../docs/metrics.md");
        let documented: Vec<_> = documentation.lines().filter(|line| line.starts_with("| `tracewell_agent_")).collect();
        let row = |metric: &Metric| {
            let labels: Vec<_> =
                metric.labels.split(", ").filter(|label| !label.is_empty()).map(|label| format!("`{label}`")).collect();
            format!("| `{}` | {} | {} | {} |", metric.name, metric.kind, labels.join(", "), metric.help)
        };
        let rows: Vec<_> = METRICS.iter().map(row).collect();
        assert_eq!(documented, rows, "docs/metrics.md should have:\n{}\n", rows.join("\n"));
    }

    #[test]
    fn values_are_written_with_their_labels() {
        let op = OperationStatus { operation: "open".into(), seen: 3, merged: 2, ..OperationStatus::default() };
        let status = Status { host: "a\"b\\".into(), operations: vec![op], alerts: 7, ..Status::default() };
        let text = text(&status);
        for line in [
            "# TYPE tracewell_agent_alerts_total counter",
            "tracewell_agent_alerts_total 7",
            "tracewell_agent_operations_seen_total{operation=\"open\"} 3",
            "tracewell_agent_operations_total{operation=\"open\",outcome=\"merged\"} 2",
            "tracewell_agent_info{version=\"\",host=\"a\\\"b\\\\\",configuration=\"\"} 1",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} is missing in:\n{text}");
        }
    }
}
