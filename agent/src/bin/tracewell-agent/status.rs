//! What a running agent says of itself; `text` says it to a person.

mod text;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tracewell_agent::container::{Source, SourceState};
use tracewell_agent::sensor::Ignored;
use tracewell_agent::sensor::counts::{Counts, OpCounts};
use tracewell_agent::sensor::tier::Tier;
use tracewell_agent::spool::SpoolStatus;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub host: String,
    pub uptime_seconds: u64,
    pub configuration: ConfigurationStatus,
    /// Groups of probes that are on.
    pub groups: Vec<String>,
    pub ignored: IgnoredStatus,
    pub tier: TierStatus,
    pub not_attached: Vec<NotAttached>,
    /// Where names of containers come from.
    pub container_sources: Vec<SourceStatus>,
    pub operations: Vec<OperationStatus>,
    /// Cgroups that are over their budget.
    pub throttled: Vec<ThrottledStatus>,
    pub throttlings_started: u64,
    pub throttlings_ended: u64,
    pub skipped_runs: Vec<SkippedStatus>,
    /// Whether every operation seen is accounted for. While operations are under way, it may not be.
    pub adds_up: bool,
    /// Records put into the ring and not taken from it yet.
    pub ring_records: u64,
    /// Items that wait for the order of their times.
    pub waiting_items: u64,
    /// Items that came too late for their place.
    pub late_items: u64,
    /// Records that could not be understood.
    pub malformed_records: u64,
    pub pipeline: PipelineStatus,
    pub detectors: DetectorsStatus,
    /// `None` without YARA rules.
    #[serde(default)]
    pub yara: Option<YaraStatus>,
    /// `None` if the history is a temporary one.
    pub checkpoint: Option<CheckpointStatus>,
    /// `None` without an aggregator.
    pub uplink: Option<UplinkStatus>,
    pub pressure: PressureStatus,
    pub alerts: u64,
    /// Alerts that were not written to the file where they should be.
    pub failed_alerts: u64,
    /// Processes remembered by the live source.
    pub processes: u64,
    pub resident_bytes: u64,
    /// Turns of the loop.
    pub turns: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationStatus {
    /// `None` if there is no file.
    pub file: Option<String>,
    /// BLAKE3 of what is in force.
    pub hash: String,
    pub parameters_hash: String,
    pub reloads: u64,
    pub failed_reloads: u64,
    /// Why the last reload failed, if it did.
    pub error: Option<String>,
    /// Fields of the file that the next start takes up.
    pub needs_restart: Vec<String>,
}

/// How what is found reaches the aggregator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UplinkStatus {
    /// The server that is connected now.
    pub server: Option<String>,
    /// Why the last attempt failed or the last connection ended.
    pub error: Option<String>,
    pub connections: u64,
    pub failures: u64,
    pub acknowledged_frames: u64,
    pub waiting_frames: u64,
    pub waiting_bytes: u64,
    /// For lack of room in the spool.
    pub dropped_frames: u64,
    /// Whose content the aggregator could not read.
    pub refused_frames: u64,
}

/// What is loaded, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectorsStatus {
    /// In the order in which they are called.
    pub loaded: Vec<DetectorStatus>,
    pub refused: Vec<RefusedStatus>,
    /// Sigma rules that are run.
    #[serde(default)]
    pub sigma_rules: u64,
    /// Why the folder cannot be read, if it cannot.
    pub error: Option<String>,
    /// How others than root and the agent's user can put detectors into the folder, if they can.
    #[serde(default)]
    pub exposed: Option<String>,
    /// What was asked for is not done yet.
    pub pending: bool,
}

/// A file that is no detector here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedStatus {
    pub file: String,
    pub reason: String,
}

/// What became of files that were executed and written, since the start; a file may count several times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct YaraStatus {
    pub rules: u64,
    /// Files of rules that are not run; the first of them.
    pub not_run: Vec<RefusedStatus>,
    /// Why the folder was not read anew, if it could not be.
    pub error: Option<String>,
    /// Files by what became of them, in the order of `docs/metrics.md`.
    pub files: Vec<(String, u64)>,
    /// Files in which a rule held.
    pub matched: u64,
    /// Files that wait to be scanned, and written ones that are not complete yet.
    pub waiting: u64,
    pub pending: u64,
    /// For how long the scan at hand has been going on.
    pub busy_milliseconds: u64,
}

/// A loaded detector, and how it fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectorStatus {
    pub id: String,
    pub version: String,
    /// BLAKE3 of its file.
    pub hash: String,
    /// The key that vouches for it, if that counts (`detectors.trust`).
    pub signer: Option<String>,
    pub calls: u64,
    pub findings: u64,
    pub failures: u64,
    /// Steps of all calls, and the time they took.
    pub fuel: u64,
    pub microseconds: u64,
    /// It failed too often and is not called any more.
    pub parked: bool,
    pub last_failure: Option<String>,
}

impl From<&tracewell_detector_host::Status> for DetectorStatus {
    fn from(status: &tracewell_detector_host::Status) -> Self {
        Self {
            id: status.metadata.id.clone(),
            version: status.metadata.version.to_string(),
            hash: status.hash.clone(),
            signer: status.signer.map(|signer| signer.to_string()),
            calls: status.calls,
            findings: status.findings,
            failures: status.failures,
            fuel: status.fuel,
            microseconds: u64::try_from(status.time.as_micros()).unwrap_or(u64::MAX),
            parked: status.is_parked,
            last_failure: status.last_failure.clone(),
        }
    }
}

/// How operations on names are seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierStatus {
    /// `base`, `better` or `partly better`.
    pub name: String,
    /// Operations that are told by names from the memory of processes.
    pub unhooked: Vec<String>,
    /// Why; `None` if it was asked for, or nothing is missing.
    pub reason: Option<String>,
}

impl TierStatus {
    pub fn of(tier: &Tier) -> Self {
        Self {
            name: tier.name().into(),
            unhooked: tier.unhooked().iter().map(|op| op.name().to_owned()).collect(),
            reason: reason(tier),
        }
    }
}

/// The first reason, with the function: where one is refused, so are mostly all, and for the same cause. What the verifier says
/// of it is left to the kernel tests.
fn reason(tier: &Tier) -> Option<String> {
    let (function, reason) = tier.refused().first()?;
    let reason = reason.split(". Verifier output").next().unwrap_or_default();
    Some(format!("{function}: {}", reason.lines().next().unwrap_or_default()))
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotAttached {
    pub program: String,
    pub reason: String,
}

/// A folder or socket that names of containers come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    pub path: String,
    /// Entries that it gave; `None` if it is not there or cannot be read.
    pub entries: Option<u64>,
    /// Why it cannot be read; what it said before still holds.
    pub error: Option<String>,
}

impl SourceStatus {
    pub fn of(source: Source) -> Self {
        let (entries, error) = match source.state {
            SourceState::Absent => (None, None),
            SourceState::Read { n_entries } => (Some(n_entries as u64), None),
            SourceState::Failed { reason } => (None, Some(reason)),
        };
        Self { path: source.path.display().to_string(), entries, error }
    }
}

/// What the agent takes of the machine, and whether it takes in less for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PressureStatus {
    /// 0 for none; each further step halves what a cgroup may send.
    pub step: u32,
    pub steps: u32,
    /// The limit for which the last step up was taken.
    pub cause: Option<String>,
    /// Records that a cgroup may send in a quarter of a second now; 0 for no limit.
    pub budget: u64,
    /// CPU over the last ten seconds, in thousandths of one core.
    pub cpu_permille: u64,
    /// Whether that counts the programs in the kernel (`kernel.bpf_stats_enabled`).
    pub cpu_counts_kernel: bool,
    /// CPU since the start.
    pub cpu_milliseconds: u64,
    /// Bytes written to disk since the start.
    pub written_bytes: u64,
    /// Why the recording ended before the watch, if it did.
    pub recording_ended: Option<String>,
}

/// What is left out, beside processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoredStatus {
    pub operations: Vec<String>,
    pub cgroups: Vec<String>,
    pub users: Vec<u32>,
    pub folders: Vec<String>,
    /// Cgroups and folders of these that are not there; they are left out once they are.
    pub absent: Vec<String>,
}

impl IgnoredStatus {
    pub fn of((ignored, absent): (&Ignored, &[PathBuf])) -> Self {
        let texts = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
        Self {
            operations: ignored.operations.iter().map(|op| op.name().to_owned()).collect(),
            cgroups: texts(&ignored.cgroups),
            users: ignored.users.clone(),
            folders: texts(&ignored.folders),
            absent: texts(absent),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThrottledStatus {
    /// Number in the unified hierarchy, and the path there where it is found.
    pub cgroup: u64,
    pub path: Option<String>,
    /// `None` for the host itself.
    pub workload: Option<String>,
    /// Operations lost since it began.
    pub operations: u64,
}

/// Runs of a program that the kernel skipped, since it was running on that CPU already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedStatus {
    pub program: String,
    /// `None` where the kernel does not tell: before Linux 5.12.
    pub runs: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointStatus {
    pub written: u64,
    pub failed: u64,
    /// Since the last one was on the disk; `None` before the first.
    pub age_seconds: Option<u64>,
    /// Its size, compressed.
    pub bytes: u64,
    /// For which the loop stood still.
    pub microseconds: u64,
}

/// [`OpCounts`] of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationStatus {
    pub operation: String,
    pub seen: u64,
    pub submitted: u64,
    pub merged: u64,
    pub throttled: u64,
    pub filtered: u64,
    pub ring_full: u64,
    pub oversize: u64,
    pub unreadable: u64,
    pub map_full: u64,
    pub fallback: u64,
    pub received: u64,
    pub fetched: u64,
    pub adds_up: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineStatus {
    pub events: u64,
    pub failed_events: u64,
    pub edges: u64,
    pub lost_events: u64,
    pub clamped_records: u64,
    pub sent_bytes: u64,
    pub graph_bytes: u64,
    pub profile_bytes: u64,
    /// How settled the least settled workload is, in thousandths.
    pub readiness_permille: u64,
}

pub fn operations(counts: &Counts) -> Vec<OperationStatus> {
    let status = |name: &str, counts: &OpCounts| OperationStatus {
        operation: name.to_owned(),
        seen: counts.kernel.seen,
        submitted: counts.kernel.submitted,
        merged: counts.kernel.merged,
        throttled: counts.kernel.throttled,
        filtered: counts.kernel.filtered,
        ring_full: counts.kernel.ring_full,
        oversize: counts.kernel.oversize,
        unreadable: counts.kernel.unreadable,
        map_full: counts.kernel.map_full,
        fallback: counts.kernel.fallback,
        received: counts.received,
        fetched: counts.fetched,
        adds_up: counts.adds_up(),
    };
    counts.iter().map(|(op, counts)| status(op.name(), counts)).collect()
}

/// Resident bytes of this process; 0 where /proc does not tell.
pub fn resident_bytes() -> u64 {
    let pages = procfs::process::Process::myself().and_then(|process| process.statm());
    pages.map_or(0, |pages| pages.resident * procfs::page_size())
}

/// Bytes that this process has caused to be written to disk (`write_bytes` in proc(5)); 0 where /proc does not tell.
pub fn written_bytes() -> u64 {
    procfs::process::Process::myself().and_then(|process| process.io()).map_or(0, |io| io.write_bytes)
}

/// Whether the kernel counts how long programs run (Documentation/admin-guide/sysctl/kernel.rst).
pub fn counts_programs() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/bpf_stats_enabled").is_ok_and(|text| text.trim() == "1")
}

impl From<SpoolStatus> for UplinkStatus {
    fn from(status: SpoolStatus) -> Self {
        let SpoolStatus { n_frames, n_bytes, n_dropped, link } = status;
        Self {
            server: link.server,
            error: link.error,
            connections: link.n_connected,
            failures: link.n_failed,
            acknowledged_frames: link.n_acknowledged,
            refused_frames: link.n_refused,
            waiting_frames: n_frames,
            waiting_bytes: n_bytes,
            dropped_frames: n_dropped,
        }
    }
}
