use crate::config::{DETECTOR_BYTES, DISK_BYTES, Fields, MEMORY_BYTES, PIDS, RING_SIZES, is_ring_size, user_of};
use crate::failure::Failure;
use clap::{Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf, absolute};
use std::time::Duration;
use tracewell_agent::sensor::attach::Group;
use tracewell_wire::session::Token;

/// Watches this host: what led to what, and what of it is out of the ordinary.
#[derive(Debug, Parser)]
#[command(name = "tracewell-agent", version, max_term_width = 110)]
pub struct Args {
    /// Configuration; /etc/tracewell/agent.toml by default, if it is there
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch this host and show what stands out
    Run(RunArgs),
    /// Write what happens on this host to a recording, which `tracewell replay` reads
    Record(RecordArgs),
    /// Show what happens on this host while it happens
    Trace(TraceArgs),
    /// Print the processes, open files and sockets that are there, as events, and end
    Snapshot(SnapshotArgs),
    /// Ask the running agent how it is
    Status(StatusArgs),
    /// Switch groups of probes of the running agent: `+network` on, `-file` off; without any, say which are on
    Probes(ProbesArgs),
    /// List, load, remove and resume detectors of the running agent
    Detectors(DetectorsArgs),
    /// Try YARA rules: say which files of a folder of them do not compile and why, and what they find in files
    Yara(YaraArgs),
    /// Say what this machine allows, what that costs, and how to mend it
    Doctor(DoctorArgs),
    /// Make this machine a host of a fleet: get it a certificate, by a token of `tracewell fleet token`
    Enrol(EnrolArgs),
    /// Send what a recording of this host gives to the aggregator, in place of what happens
    Replay(ReplayArgs),
    /// Print the configuration that is in force for `run`, as TOML, with its hash
    Config(RunArgs),
}

/// How the host is watched; what is not given is as the configuration says.
#[derive(Debug, clap::Args)]
pub struct SensorArgs {
    /// Name of this host; what the machine calls itself by default
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Stop after this many seconds; runs until it is told to stop by default
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// Bytes of the ring between kernel and agent: a power of two from 64 KiB to 1 GiB
    #[arg(long, value_name = "BYTES", value_parser = ring_bytes)]
    pub ring_bytes: Option<u32>,
    /// Operations that a cgroup may report within a quarter of a second; 0 for no limit
    #[arg(long, value_name = "N", value_parser = budget)]
    pub budget: Option<u64>,
    /// Leave out this process and all that it starts; may be given several times
    #[arg(long, value_name = "PID", value_parser = pid)]
    pub ignore: Vec<u32>,
    /// Resident bytes that the agent's parts may come to when they are full
    #[arg(long, value_name = "BYTES", value_parser = memory_bytes)]
    pub memory_bytes: Option<u64>,
}

impl SensorArgs {
    pub fn lay_over(&self, fields: &mut Fields) {
        put(&mut fields.host.name, &self.host);
        put(&mut fields.sensor.ring_bytes, &self.ring_bytes.map(u64::from));
        put(&mut fields.sensor.budget, &self.budget);
        put(&mut fields.limits.memory_bytes, &self.memory_bytes);
        if !self.ignore.is_empty() {
            fields.sensor.ignored_processes = self.ignore.iter().copied().map(u64::from).collect();
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub sensor: SensorArgs,
    /// Folder of the local history; a temporary one by default
    #[arg(long, value_name = "DIR")]
    pub history: Option<PathBuf>,
    /// Parameters other than the built-in ones (TOML)
    #[arg(long, value_name = "FILE")]
    pub parameters: Option<PathBuf>,
    /// Write the stream to a recording as well: replaying it gives the very alerts of this run
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Bytes, after compression, at which the recording ends
    #[arg(long, value_name = "BYTES", requires = "record", value_parser = bytes_max)]
    pub bytes_max: Option<u64>,
    /// How alerts are shown
    #[arg(long, value_enum)]
    pub output: Option<Form>,
    /// Serve metrics and health here: a loopback address and port
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<String>,
    /// Socket that `status` and `probes` talk to; empty for none
    #[arg(long, value_name = "FILE")]
    pub control: Option<OsString>,
}

impl RunArgs {
    pub fn lay_over(&self, fields: &mut Fields) {
        let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        self.sensor.lay_over(fields);
        put(&mut fields.pipeline.parameters, &text(&self.parameters));
        put(&mut fields.pipeline.history, &text(&self.history.as_ref().map(from_here)));
        put(&mut fields.output.form, &self.output.map(|form| form.name().to_owned()));
        put(&mut fields.limits.recording_bytes_max, &self.bytes_max);
        put(&mut fields.metrics.listen, &self.metrics);
        put(&mut fields.control.socket, &text(&self.control.as_ref().map(from_here)));
    }
}

#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    #[command(flatten)]
    pub sensor: SensorArgs,
    /// Bytes, after compression, at which the recording ends
    #[arg(long, value_name = "BYTES", value_parser = bytes_max)]
    pub bytes_max: Option<u64>,
    /// File to write; .gz, .xz and .zst compress
    #[arg(value_name = "FILE")]
    pub to: PathBuf,
}

impl RecordArgs {
    pub fn lay_over(&self, fields: &mut Fields) {
        self.sensor.lay_over(fields);
        put(&mut fields.limits.recording_bytes_max, &self.bytes_max);
    }
}

#[derive(Debug, clap::Args)]
pub struct TraceArgs {
    /// What to show
    #[arg(value_enum)]
    pub what: What,
    #[command(flatten)]
    pub sensor: SensorArgs,
    /// Only what this process does
    #[arg(long, value_name = "PID", value_parser = pid)]
    pub pid: Option<u32>,
    /// Only processes of this effective user, by name or number
    #[arg(long, value_name = "USER", value_parser = user)]
    pub user: Option<u32>,
    /// Only processes of the container whose name, workload or id contains this
    #[arg(long, value_name = "TEXT")]
    pub container: Option<String>,
    /// Only processes whose program's path contains this
    #[arg(long, value_name = "TEXT")]
    pub program: Option<String>,
    /// Only what mentions a path or address that contains this
    #[arg(long, value_name = "TEXT")]
    pub object: Option<String>,
    /// Add up what is alike, and show it once in this many seconds: a table that is drawn anew on a terminal
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub every: Option<Duration>,
    /// How events are shown
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub output: Form,
}

#[derive(Debug, clap::Args)]
pub struct SnapshotArgs {
    /// Name of this host; what the machine calls itself by default
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Socket of the agent; as the configuration says by default
    #[arg(long, value_name = "FILE")]
    pub control: Option<PathBuf>,
    /// How it is shown
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub output: Form,
}

#[derive(Debug, clap::Args)]
pub struct ProbesArgs {
    /// +GROUP or -GROUP of file, network and system; options come before
    #[arg(value_name = "SWITCH", allow_hyphen_values = true, value_parser = switch)]
    pub switches: Vec<Switch>,
    /// Socket of the agent; as the configuration says by default
    #[arg(long, value_name = "FILE")]
    pub control: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct DetectorsArgs {
    #[command(subcommand)]
    pub what: Option<DetectorsCommand>,
    /// Socket of the agent; as the configuration says by default
    #[arg(long, value_name = "FILE", global = true)]
    pub control: Option<PathBuf>,
    /// How it is shown
    #[arg(long, value_enum, default_value_t = Form::Text, global = true)]
    pub output: Form,
}

/// Reads rules as `run` would, and needs no running agent.
#[derive(Debug, clap::Args)]
pub struct YaraArgs {
    /// Folder of rules: files *.yar and *.yara
    pub folder: PathBuf,
    /// Files to be scanned with those that compile
    pub files: Vec<PathBuf>,
    /// Bytes of a file that is scanned
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    pub size_max: u64,
    /// Seconds that one scan may take
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "5")]
    pub timeout: Duration,
}

#[derive(Clone, Debug, Subcommand)]
pub enum DetectorsCommand {
    /// Say what is loaded and what was refused (this is also done after each of the others)
    List,
    /// Load a file beside those of the folder, until the agent ends
    Load { file: PathBuf },
    /// Remove a detector, until its file changes or `reload`
    Remove {
        id: String,
        /// This version alone
        version: Option<String>,
    },
    /// Call a parked detector again
    Resume { id: String },
    /// Look at all files anew, those of removed ones as well
    Reload,
}

/// A group of probes and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    pub group: Group,
    pub is_on: bool,
}

#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// How the findings are shown
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub output: Form,
}

#[derive(Debug, clap::Args)]
pub struct EnrolArgs {
    /// Aggregator's name or address and port; may be given several times, tried in this order
    #[arg(long, value_name = "HOST:PORT")]
    pub server: Vec<String>,
    /// Token; better in a file, since all users see command lines
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file", required_unless_present = "token_file")]
    token: Option<String>,
    /// File with the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Name of this host; what the machine calls itself by default
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Folder of the local history
    #[arg(long, value_name = "DIR")]
    pub history: Option<PathBuf>,
    /// Ask for another certificate though there is one; the last is kept beside it
    #[arg(long)]
    pub again: bool,
}

impl EnrolArgs {
    pub fn lay_over(&self, fields: &mut Fields) {
        put(&mut fields.host.name, &self.host);
        lay_over_uplink(fields, &self.server, &self.history);
    }

    /// # Errors
    /// When the file cannot be read, or holds no token.
    pub fn token(&self) -> Result<Token, Failure> {
        let text = match (&self.token, &self.token_file) {
            (_, Some(file)) => std::fs::read_to_string(file)
                .map_err(|error| Failure::Input(format!("cannot read {}: {error}", file.display())))?,
            (token, None) => token.clone().unwrap_or_default(),
        };
        text.parse().map_err(|error| Failure::Input(format!("not a token: {error}")))
    }
}

#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Recording of this host, or of several of which it is one
    #[arg(value_name = "RECORDING")]
    pub recording: PathBuf,
    /// "max", or how many times as fast as it happened
    #[arg(long, value_name = "SPEED", default_value = "max", value_parser = speed)]
    pub speed: Speed,
    /// Aggregator's name or address and port; may be given several times, tried in this order
    #[arg(long, value_name = "HOST:PORT")]
    pub server: Vec<String>,
    /// Folder of the local history
    #[arg(long, value_name = "DIR")]
    pub history: Option<PathBuf>,
    /// Run the detectors of this folder (*.wasm)
    #[arg(long, value_name = "DIR")]
    pub detectors: Option<PathBuf>,
    /// Stay so many seconds after the end, and show where alerts of other hosts lead on this one
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub linger: u64,
}

impl ReplayArgs {
    pub fn lay_over(&self, fields: &mut Fields) {
        let detectors = self.detectors.as_ref().map(|path| from_here(path).to_string_lossy().into_owned());
        put(&mut fields.detectors.folder, &detectors);
        if detectors.is_some() {
            // Nothing lives beside it, and the shipped limit is one without detectors.
            fields.limits.memory_bytes = fields.limits.memory_bytes.saturating_add(DETECTOR_BYTES);
        }
        lay_over_uplink(fields, &self.server, &self.history);
    }
}

fn lay_over_uplink(fields: &mut Fields, servers: &[String], history: &Option<PathBuf>) {
    if !servers.is_empty() {
        fields.uplink.servers = servers.to_vec();
    }
    put(&mut fields.pipeline.history, &history.as_ref().map(|path| from_here(path).to_string_lossy().into_owned()));
}

/// How fast a recording goes by.
#[derive(Clone, Copy, Debug)]
pub enum Speed {
    Max,
    Times(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    Text,
    /// One JSON object a line
    Json,
}

impl Form {
    /// As configuration and command line have it.
    pub const ALL: [Self; 2] = [Self::Text, Self::Json];

    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Forks, execs, exits, and what processes do to each other
    Process,
    File,
    Network,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=1e9).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected a number of seconds of at least 0.1".into()),
    }
}

fn speed(text: &str) -> Result<Speed, String> {
    match (text, text.parse()) {
        ("max", _) => Ok(Speed::Max),
        (_, Ok(factor)) if (1e-3..=1e9).contains(&factor) => Ok(Speed::Times(factor)),
        _ => Err("expected \"max\" or a number from 0.001 to 1000000000".into()),
    }
}

fn user(text: &str) -> Result<u32, String> {
    user_of(text)?.ok_or_else(|| "there is no such user".into())
}

fn switch(text: &str) -> Result<Switch, String> {
    let sign = text.chars().next().filter(|sign| "+-".contains(*sign));
    let group = Group::ALL.into_iter().find(|group| text.get(1..) == Some(group.name()));
    match (sign, group) {
        (Some('-'), Some(Group::Process)) => Err("it is always on: without it nobody knows who did what".into()),
        (Some(sign), Some(group)) => Ok(Switch { group, is_on: sign == '+' }),
        _ => Err("expected + or - and one of file, network and system; options come before".into()),
    }
}

fn budget(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected a whole number of records, or 0 for no limit".into())
}

fn pid(text: &str) -> Result<u32, String> {
    let pid = number(text, &PIDS)?;
    Ok(u32::try_from(pid).expect("its range was checked"))
}

fn memory_bytes(text: &str) -> Result<u64, String> {
    number(text, &MEMORY_BYTES)
}

fn bytes_max(text: &str) -> Result<u64, String> {
    match text {
        "0" => Ok(0),
        _ => number(text, &DISK_BYTES).map_err(|expected| format!("{expected}, or 0 for no limit")),
    }
}

fn number(text: &str, range: &RangeInclusive<u64>) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("expected {} to {}", range.start(), range.end()))
}

fn ring_bytes(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|bytes| is_ring_size(*bytes)).ok_or_else(|| format!("expected {RING_SIZES}"))
}

/// The configuration, which may be read elsewhere, has absolute paths alone. Empty stands for none.
fn from_here(path: impl AsRef<Path>) -> PathBuf {
    absolute(&path).unwrap_or_else(|_| path.as_ref().into())
}

fn put<T: Clone>(field: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}
