//! What a configuration file can say: one struct a component. Nothing is checked here but the types.
//!
//! An empty text stands for "not given", so that the default file can name every field.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tracewell_agent::sensor::Options;
use tracewell_detector_host::signature::Trust;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fields {
    pub host: HostFields,
    pub sensor: SensorFields,
    pub redaction: RedactionFields,
    pub containers: ContainerFields,
    pub pipeline: PipelineFields,
    pub detectors: DetectorFields,
    pub yara: YaraFields,
    pub uplink: UplinkFields,
    pub output: OutputFields,
    pub metrics: MetricsFields,
    pub control: ControlFields,
    pub limits: LimitFields,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostFields {
    /// Name under which this host's events are known; empty for what the machine calls itself. At most 253 bytes.
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SensorFields {
    /// Bytes of the ring between kernel and agent: a power of two from 64 KiB to 1 GiB.
    pub ring_bytes: u64,
    /// Sums of repeated operations kept in the kernel at once, in each of two generations: 64 to 1,048,576.
    pub sums_max: u64,
    /// Records that one cgroup may send in a quarter of a second; 0 for no limit.
    pub budget: u64,
    /// Which tier: "auto" for the better one as far as it works, or "base".
    pub tier: String,
    /// Process ids that are not watched, with all that they start: 1 to 4,194,304, at most 1,024 of them.
    pub ignored_processes: Vec<u64>,
    /// Names of single operations that are not watched, as in `status`; not fork, exec and exit.
    pub ignored_operations: Vec<String>,
    /// Paths below the unified cgroup hierarchy that are not watched, with all below them: at most 256.
    pub ignored_cgroups: Vec<String>,
    /// Users that are not watched, by name or number: at most 256.
    pub ignored_users: Vec<String>,
    /// Absolute folders whose files are not watched, with all below them: at most 256.
    pub ignored_folders: Vec<String>,
    /// Names of environment variables that are kept of a program that is started: at most 16.
    pub environment: Vec<String>,
    pub groups: GroupFields,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedactionFields {
    /// Patterns of secrets beside the shipped rules (docs/redaction.md): at most 64.
    pub patterns: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContainerFields {
    /// Sockets of runtimes that speak CRI v1: at most 8.
    pub sockets: Vec<String>,
    /// The kubelet's folder of the logs of pods, and that of links to the logs of containers.
    pub pods: String,
    pub links: String,
    /// The folder in which runc keeps a folder for each container.
    pub runc: String,
    /// The node's name in Kubernetes; empty for what the machine calls itself.
    pub node: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupFields {
    /// Forks, execs and exits: always true.
    pub process: bool,
    pub file: bool,
    pub network: bool,
    /// What changes or crosses boundaries: credentials, tracing, signals, modules, BPF, mounts, namespaces, io_uring.
    pub system: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineFields {
    /// File with parameters to lay over the built-in ones; empty for none.
    pub parameters: String,
    /// Folder of the local history; empty for the one that systemd gives, else a temporary one.
    pub history: String,
    /// Seconds between two checkpoints beside the history: 1 to 30.
    pub checkpoint_seconds: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectorFields {
    /// Folder of the components of detectors; empty for none.
    pub folder: String,
    /// How much signatures count: "off", "warn" or "require".
    pub trust: String,
    /// Keys whose signatures count, in base64: at most 64.
    pub keys: Vec<String>,
    /// Folder of Sigma rules; empty for none.
    pub sigma: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct YaraFields {
    /// Folder of YARA rules; empty for none.
    pub rules: String,
    /// Bytes of a file that is scanned: 1 to 1 GiB.
    pub size_max: u64,
    /// Seconds that one scan may take: 1 to 600.
    pub timeout_seconds: u64,
    /// Files that may wait to be scanned: 1 to 65,536.
    pub queue_max: u64,
    /// Seconds without a write after which a written file is taken to be complete: 1 to 86,400.
    pub quiet_seconds: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UplinkFields {
    /// Names or addresses of aggregators with ports, tried in this order: at most 8; none for no uplink.
    pub servers: Vec<String>,
    /// Folder of key and certificates; empty for `identity` beside the history.
    pub identity: String,
    /// Bytes of what waits to be sent: 2 MiB to 1 TiB.
    pub spool_bytes: u64,
    /// Seconds after which an idle connection says something: 10 to 600.
    pub keep_alive_seconds: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutputFields {
    /// How alerts are shown: "text" or "json".
    pub form: String,
    /// File that alerts are written to in place of stdout; empty for none.
    pub file: String,
    /// Bytes at which it is put aside: 64 KiB to 1 TiB.
    pub file_bytes_max: u64,
    /// Files that are kept of it, itself included: 1 to 100.
    pub files_max: u64,
    /// Whether alerts go to systemd's journal, with fields, in place of stdout.
    pub journal: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsFields {
    /// Address and port on loopback; empty for none.
    pub listen: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlFields {
    /// Path of the socket; empty for none. At most 100 bytes.
    pub socket: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitFields {
    /// Resident bytes that the ledger may come to: 32 MiB to 16 GiB.
    pub memory_bytes: u64,
    /// CPU that the agent may take, in percent of one core: 1 to 1,000,000; 0 for no limit.
    pub cpu_percent: u64,
    /// Bytes that the agent may write to disk in a day; 0 for no limit.
    pub disk_bytes_per_day: u64,
    /// Bytes of a recording, after compression, at which it ends; 0 for no limit.
    pub recording_bytes_max: u64,
}

impl Default for SensorFields {
    fn default() -> Self {
        let options = Options::default();
        Self {
            ring_bytes: options.ring_bytes.into(),
            sums_max: options.sums_max.into(),
            budget: options.budget,
            tier: options.tier.name().into(),
            ignored_processes: Vec::new(),
            ignored_operations: Vec::new(),
            ignored_cgroups: Vec::new(),
            ignored_users: Vec::new(),
            ignored_folders: Vec::new(),
            environment: Vec::new(),
            groups: GroupFields::default(),
        }
    }
}

impl Default for ContainerFields {
    fn default() -> Self {
        let options = Options::default().containers;
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        Self {
            sockets: options.sockets.iter().map(text).collect(),
            pods: text(&options.pods),
            links: text(&options.links),
            runc: text(&options.runc),
            node: String::new(),
        }
    }
}

impl Default for GroupFields {
    fn default() -> Self {
        Self { process: true, file: true, network: true, system: true }
    }
}

impl Default for PipelineFields {
    fn default() -> Self {
        Self { parameters: String::new(), history: String::new(), checkpoint_seconds: 30 }
    }
}

impl Default for DetectorFields {
    fn default() -> Self {
        Self { folder: String::new(), trust: Trust::default().name().into(), keys: Vec::new(), sigma: String::new() }
    }
}

impl Default for YaraFields {
    fn default() -> Self {
        Self { rules: String::new(), size_max: 16 << 20, timeout_seconds: 5, queue_max: 1024, quiet_seconds: 10 }
    }
}

impl Default for UplinkFields {
    fn default() -> Self {
        Self { servers: Vec::new(), identity: String::new(), spool_bytes: 64 << 20, keep_alive_seconds: 120 }
    }
}

impl Default for OutputFields {
    fn default() -> Self {
        Self { form: "text".into(), file: String::new(), file_bytes_max: 16 << 20, files_max: 4, journal: false }
    }
}

impl Default for ControlFields {
    fn default() -> Self {
        Self { socket: "/run/tracewell-agent.sock".into() }
    }
}

impl Default for LimitFields {
    fn default() -> Self {
        Self { memory_bytes: 64 << 20, cpu_percent: 0, disk_bytes_per_day: 0, recording_bytes_max: 0 }
    }
}
