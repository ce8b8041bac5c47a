//! What can be asked for, as `docs/cli.md` describes it.

pub mod server;

use clap::{Parser, Subcommand, ValueEnum};
use server::{AlertsCommand, FleetCommand, ServerArgs};
use std::path::PathBuf;
use std::str::FromStr;
use tracewell_datasets::Format;
use tracewell_model::EventNs;

/// Finds intrusions by what led to what.
#[derive(Debug, Parser)]
#[command(name = "tracewell", version, max_term_width = 110)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replay recordings through agent and aggregator and list the incidents
    Replay(ReplayArgs),
    /// Incidents of an aggregator, and what is decided about them; one incident of a replay
    Alerts {
        #[command(flatten)]
        server: ServerArgs,
        #[command(subcommand)]
        command: AlertsCommand,
    },
    /// Hosts of an aggregator, tokens, operators, and who changed what
    Fleet {
        #[command(flatten)]
        server: ServerArgs,
        #[command(subcommand)]
        command: FleetCommand,
    },
    /// Convert recordings into Tracewell's own format
    Convert(ConvertArgs),
    /// Work with ground truth
    Truth {
        #[command(subcommand)]
        command: TruthCommand,
    },
    /// Write, build, test and look at detectors (docs/detectors.md)
    Detector {
        #[command(subcommand)]
        command: DetectorCommand,
    },
    /// Generate the events of a fleet under attack, with exact truth; for load and regression, no evidence of quality
    Simulate(SimulateArgs),
}

#[derive(Debug, Subcommand)]
pub enum TruthCommand {
    /// Convert a label file into Tracewell's ground truth
    Convert(TruthArgs),
}

#[derive(Debug, Subcommand)]
pub enum DetectorCommand {
    /// Begin a detector: a package that builds, is tested, and finds something
    New(NewArgs),
    /// Build a detector's component
    Build(BuildArgs),
    /// Say whether a host would load components, and if not, why
    Check(FilesArgs),
    /// Show what components say of themselves
    Info(FilesArgs),
    /// Run a detector over the stories in its folder `tests`, or over a recording
    Test(TestArgs),
    /// Say what a detector costs: a call at 100 nodes and 200 edges, and how often it is called in a recording
    Bench(BenchArgs),
    /// Make a key to sign detectors with; prints the public one, which agents are told to trust
    Keygen(KeygenArgs),
    /// Sign components, in place
    Sign(SignArgs),
    /// Say who signed components, and whether they are as they were signed
    Verify(VerifyArgs),
    /// Build a detector, sign it, and leave it under its id and version, ready for the folder of an agent
    Package(PackageArgs),
}

#[derive(Debug, clap::Args)]
pub struct NewArgs {
    /// Folder to make; its last part is the detector's id
    pub name: PathBuf,
    /// Language to write it in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub lang: Language,
    /// The SDK for Rust, `detectors/sdk` of Tracewell's sources; found by itself within them
    #[arg(long, value_name = "DIR")]
    pub sdk: Option<PathBuf>,
}

/// What a detector is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    Rust,
    C,
    Python,
}

#[derive(Debug, clap::Args)]
pub struct BuildArgs {
    /// Folder of the detector
    #[arg(value_name = "DIR", default_value = ".")]
    pub package: PathBuf,
    /// Where the component goes; `target/detectors` of the folder by default
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct FilesArgs {
    /// Components
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// Folder of the detector
    #[arg(value_name = "DIR", default_value = ".")]
    pub package: PathBuf,
    /// Take this component instead of building the package
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
    /// Take this program instead of building the package natively; without it, --component runs the component alone
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    pub native: Option<PathBuf>,
    /// Show where it fires in a recording, instead of running its stories
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// With --record: all detectors of a folder, instead of one
    #[arg(long, value_name = "DIR", requires = "record", conflicts_with = "component")]
    pub detectors: Option<PathBuf>,
    /// With --detectors: keep their machine code in this folder of your own, so that the next run need not compile them
    #[arg(long, value_name = "DIR", requires = "detectors")]
    pub code: Option<PathBuf>,
    /// With --record: ground truth, to say which attack each finding is about (docs/truth-format.md)
    #[arg(long, value_name = "FILE", requires = "record")]
    pub truth: Option<PathBuf>,
    /// With --record: one finding a line, as JSON
    #[arg(long, requires = "record")]
    pub json: bool,
    #[command(flatten)]
    pub read: ReadArgs,
}

#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// The component
    pub file: PathBuf,
    /// Count and time its calls in this recording as well
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    #[command(flatten)]
    pub read: ReadArgs,
}

#[derive(Debug, clap::Args)]
pub struct KeygenArgs {
    /// Where the private key goes (PKCS#8 in PEM); the public one goes beside it, as FILE.pub
    pub file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct SignArgs {
    /// Components; a signature that is there is replaced
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The private key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// Components
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// A public key that is trusted, in base64 or as its file; may be given several times. Without it any key will do
    #[arg(long = "key", value_name = "KEY|FILE")]
    pub keys: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct PackageArgs {
    /// Folder of the detector
    #[arg(value_name = "DIR", default_value = ".")]
    pub package: PathBuf,
    /// The private key; not signed without
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Where the component goes
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// How recordings are read.
#[derive(Debug, clap::Args)]
pub struct ReadArgs {
    /// Format of all inputs; found out for each by default
    #[arg(long, value_name = "FORMAT", value_parser = Format::from_str)]
    pub format: Option<Format>,
    /// Pass over up to N records that cannot be understood, in all inputs together
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub skip_bad: u64,
    /// Name of the host where a recording does not say it; the file's name by default
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Node list of an edge recording; `node_X.csv` beside `event_X.csv` by default
    #[arg(long, value_name = "FILE")]
    pub nodes: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Recordings, plain or compressed with gzip, xz or zstd; several are merged in order of time
    #[arg(value_name = "INPUT", required_unless_present = "simulate")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub read: ReadArgs,
    /// Replay a simulated fleet instead, as in `seed=1,hosts=10,duration=2h,rate=50,attacks=all`
    #[arg(long, value_name = "KEY=VALUE,…", conflicts_with_all = ["inputs", "truth", "format"])]
    pub simulate: Option<String>,
    /// Ground truth to score against (docs/truth-format.md)
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Only learn from events before this time (RFC 3339, or nanoseconds since 1970)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub train_until: Option<EventNs>,
    /// Write alerts.json, summary.json and run.json into this directory
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print summary.json to stdout instead of the tables
    #[arg(long)]
    pub json: bool,
    /// Parameters to lay over the shipped ones (TOML)
    #[arg(long, value_name = "FILE")]
    pub parameters: Option<PathBuf>,
    /// Where what leaves the hot window goes: a directory, or `memory`; a temporary directory by default
    #[arg(long, value_name = "DIR|memory")]
    pub history: Option<String>,
    /// Bytes of each host's hot window, in place of the parameters'; what is spilled earlier changes no result
    #[arg(long, value_name = "N")]
    pub window_bytes: Option<usize>,
    /// Detectors to run: a folder with components (docs/detectors.md)
    #[arg(long, value_name = "DIR")]
    pub detectors: Option<PathBuf>,
    /// Keep their machine code in this folder of your own, so that the next run need not compile them
    #[arg(long, value_name = "DIR", requires = "detectors")]
    pub code: Option<PathBuf>,
    /// Sigma rules to run: a folder of files *.yml (docs/sigma.md)
    #[arg(long, value_name = "DIR")]
    pub sigma: Option<PathBuf>,
    /// Refused: a recording holds no files; what an agent found in them stands in it (docs/yara.md)
    #[arg(long, value_name = "DIR")]
    pub yara: Option<PathBuf>,
    /// What the recording is for; stands in every table
    #[arg(long, value_enum, default_value_t = Role::Unstated)]
    pub role: Role,
}

/// What a recording may prove (DESIGN.md, "Evaluation").
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Parameters were tuned on it.
    Development,
    /// Nothing was tuned on it.
    Test,
    /// Generated: load and regression only.
    Simulated,
    /// Nobody said.
    Unstated,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Test => "test",
            Self::Simulated => "simulated",
            Self::Unstated => "unstated",
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct ConvertArgs {
    /// Recordings; several are merged in order of time
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub read: ReadArgs,
    /// File to write, compressed as its extension says: .gz, .xz, .zst
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct TruthArgs {
    /// What kind of label file it is
    pub kind: String,
    /// The label file
    pub file: PathBuf,
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct SimulateArgs {
    /// The same seed gives the same fleet
    #[arg(long, value_name = "N")]
    pub seed: Option<String>,
    /// How many hosts
    #[arg(long, value_name = "N")]
    pub hosts: Option<String>,
    /// How long, as in 90m, 12h or 3d
    #[arg(long, value_name = "TIME")]
    pub duration: Option<String>,
    /// Events per second and host on a working day, as in 40 or 1.2
    #[arg(long, value_name = "N")]
    pub rate: Option<String>,
    /// Attack stories, separated by commas; `all`, `none`, or how many
    #[arg(long, value_name = "LIST")]
    pub attacks: Option<String>,
    /// File to write the events to, compressed as its extension says
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// File to write the ground truth to
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
}

fn time(text: &str) -> Result<EventNs, String> {
    if let Ok(ns) = text.parse::<u64>() {
        return Ok(EventNs(ns));
    }
    let expected = |error: jiff::Error| format!("expected RFC 3339 or nanoseconds since 1970: {error}");
    let time: jiff::Timestamp = text.parse().map_err(expected)?;
    let ns = u64::try_from(time.as_nanosecond()).map_err(|_| "expected a time from 1970 to 2554".to_owned())?;
    Ok(EventNs(ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn times_are_given_in_two_ways() {
        assert_eq!(time("1474979897011368624"), Ok(EventNs(1_474_979_897_011_368_624)));
        assert_eq!(time("2016-09-27T12:38:17.5Z"), Ok(EventNs(1_474_979_897_500_000_000)));
        assert_eq!(time("2016-09-27T14:38:17+02:00"), Ok(EventNs(1_474_979_897_000_000_000)));
        for wrong in ["", "noon", "2016-09-27", "1969-12-31T23:59:59Z", "-5", "2600-01-01T00:00:00Z"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
