use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Watches this host: what led to what, and what of it is out of the ordinary.
#[derive(Debug, Parser)]
#[command(name = "tracewell-agent", version, max_term_width = 110)]
pub struct Args {
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
    /// Say what this machine allows, what that costs, and how to mend it
    Doctor(DoctorArgs),
}

/// How the host is watched.
#[derive(Debug, clap::Args)]
pub struct SensorArgs {
    /// Name of this host; what the machine calls itself by default
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Stop after this many seconds; runs until it is told to stop by default
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// Bytes of the ring between kernel and agent: a power of two from 64 KiB to 1 GiB
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20, value_parser = ring_bytes)]
    pub ring_bytes: u32,
    /// Operations that a cgroup may report within a quarter of a second; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub budget: u64,
    /// Leave out this process and all that it starts; may be given several times
    #[arg(long, value_name = "PID")]
    pub ignore: Vec<u32>,
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
    /// How alerts are shown
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub output: Form,
}

#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    #[command(flatten)]
    pub sensor: SensorArgs,
    /// File to write; .gz, .xz and .zst compress
    #[arg(value_name = "FILE")]
    pub to: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct TraceArgs {
    /// What to show
    #[arg(value_enum)]
    pub what: What,
    #[command(flatten)]
    pub sensor: SensorArgs,
    /// Only what this process does
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
    /// Only processes whose program's path contains this
    #[arg(long, value_name = "TEXT")]
    pub program: Option<String>,
    /// Only what mentions a path or address that contains this
    #[arg(long, value_name = "TEXT")]
    pub object: Option<String>,
    /// Add up what is alike, and show it once in this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub every: Option<Duration>,
    /// How events are shown
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub output: Form,
}

#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// How the findings are shown
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    Text,
    /// One JSON object a line
    Json,
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

fn ring_bytes(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(bytes) if bytes.is_power_of_two() && (64 << 10..=1 << 30).contains(&bytes) => Ok(bytes),
        _ => Err("expected a power of two from 65536 to 1073741824".into()),
    }
}
