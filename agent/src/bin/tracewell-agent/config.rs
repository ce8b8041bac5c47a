//! The configuration: what a file says ([`fields`], read by [`shape`]), overlaid by the command line, and checked into
//! [`Config`]. Every field is described in `config/agent.default.toml`.

mod fields;
mod shape;
mod ignored;
mod text;
mod texts;

pub use fields::Fields;
use fields::SensorFields;
pub use ignored::user_of;

use crate::args::Form;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};
use tracewell_agent::sensor::attach::Group;
use tracewell_agent::sensor::tier::Asked;
use tracewell_agent::sensor::{ORDER_BYTES_MAX, Options};
use tracewell_detector_host::Settings;
use tracewell_parameters::Parameters;

/// Read where nothing else is named, if it is there.
const USUAL: &str = "/etc/tracewell/agent.toml";
/// What can change while the agent runs. `sensor.groups.` stands for all of them.
const CHANGEABLE: [&str; 17] = [
    "detectors.",
    "yara.rules",
    "yara.size_max",
    "yara.timeout_seconds",
    "yara.quiet_seconds",
    "sensor.groups.",
    "sensor.budget",
    "sensor.ignored_operations",
    "sensor.ignored_cgroups",
    "sensor.ignored_users",
    "sensor.ignored_folders",
    "pipeline.checkpoint_seconds",
    "sensor.environment",
    "redaction.patterns",
    "output.form",
    "limits.cpu_percent",
    "limits.disk_bytes_per_day",
];

/// Resident bytes of RocksDB: one store, its cache and its write buffers (ARCHITECTURE.md, queues).
const HISTORY_BYTES: u64 = 10_000_000;
/// Resident bytes of detectors: compiled code and the memory of a few instances.
pub const DETECTOR_BYTES: u64 = 12_000_000;
/// Resident bytes of some hundreds of Sigma rules.
const SIGMA_BYTES: u64 = 8_000_000;
/// Resident bytes of some hundreds of YARA rules, beside the file that is being scanned.
const YARA_BYTES: u64 = 16_000_000;
/// Resident bytes of all else: code and libraries, names and paths that are remembered, threads, what the allocator keeps
/// (ADR 0015).
const REST_BYTES: u64 = 22_000_000;

/// What was wrong with a configuration, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// A configuration that the agent can run with.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it was made of.
    fields: Fields,
    pub file: Option<PathBuf>,
    pub host_name: String,
    pub sensor: Options,
    pub parameters: Parameters,
    /// `None` for a temporary folder.
    pub history: Option<PathBuf>,
    /// Between two checkpoints.
    pub checkpoint_every: Duration,
    pub detectors: Settings,
    /// Folder of Sigma rules.
    pub sigma: Option<PathBuf>,
    /// `None` without YARA rules.
    pub yara: Option<Yara>,
    /// `None` without a server.
    pub uplink: Option<Uplink>,
    pub form: Form,
    pub output: Output,
    pub limits: Limits,
    /// Bytes at which a recording ends; 0 for no limit.
    pub recording_bytes_max: u64,
    pub metrics: Option<SocketAddr>,
    pub control: Option<PathBuf>,
}

/// Where what is found is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    pub servers: Vec<String>,
    /// Folder of key and certificates.
    pub identity: PathBuf,
    pub spool_bytes: u64,
    pub keep_alive: Duration,
}

/// YARA rules on files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yara {
    /// Folder of rules.
    pub rules: PathBuf,
    /// Bytes of a file.
    pub size_max: u64,
    /// Of one scan.
    pub timeout: Duration,
    pub queue_max: usize,
    /// After the last write, in event time.
    pub quiet: Duration,
}

/// Where alerts go beside or in place of stdout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub file: Option<PathBuf>,
    pub file_bytes_max: u64,
    pub files_max: u32,
    pub journal: bool,
}

/// What the agent may take of the machine; 0 for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub cpu_percent: u32,
    pub disk_bytes_per_day: u64,
    pub memory_bytes: u64,
}

impl Config {
    /// Reads `file`, or what is usual, and lays the command line over it.
    ///
    /// # Errors
    /// Names the file, the field, its value, and what was expected.
    pub fn load(file: Option<&Path>, lay_over: impl Fn(&mut Fields)) -> Result<Self, ConfigError> {
        let (file, mut fields) = match file {
            Some(file) => (Some(file.to_owned()), read(file)?.ok_or_else(|| missing(file))?),
            None => match read(Path::new(USUAL))? {
                Some(fields) => (Some(USUAL.into()), fields),
                None => (None, Fields::default()),
            },
        };
        lay_over(&mut fields);
        Self::check(fields, file.clone()).map_err(|error| within(file.as_deref(), &error))
    }

    fn check(fields: Fields, file: Option<PathBuf>) -> Result<Self, ConfigError> {
        let sensor = sensor(&fields)?;
        let parameters = parameters(&fields.pipeline.parameters)?;
        limits(&fields.limits)?;
        let history = Some(&fields.pipeline.history).filter(|text| !text.is_empty()).map(PathBuf::from);
        let history = history.or_else(|| std::env::var_os("STATE_DIRECTORY").map(PathBuf::from));
        let detectors = texts::detectors(&fields.detectors, history.as_deref())?;
        let sigma = texts::sigma(&fields.detectors)?;
        let yara = texts::yara(&fields.yara)?;
        let needed = ledger(&sensor, &parameters)
            + if detectors.folder.is_some() { DETECTOR_BYTES } else { 0 }
            + if sigma.is_some() { SIGMA_BYTES } else { 0 }
            + yara.as_ref().map_or(0, |yara| YARA_BYTES + yara.size_max);
        if needed > fields.limits.memory_bytes {
            let message = format!(
                "at least {needed}, which ring, order, hot window, profile, history, detectors, rules and the rest need"
            );
            return Err(wrong("limits.memory_bytes", fields.limits.memory_bytes, &message));
        }
        let Some(form) = Form::ALL.into_iter().find(|form| form.name() == fields.output.form) else {
            return Err(wrong("output.form", format!("{:?}", fields.output.form), "\"text\" or \"json\""));
        };
        in_range("pipeline.checkpoint_seconds", fields.pipeline.checkpoint_seconds, 1..=30)?;
        let path = |text: &str| Some(text).filter(|text| !text.is_empty()).map(PathBuf::from);
        for (field, text) in
            [("pipeline.history", &fields.pipeline.history), ("control.socket", &fields.control.socket)]
        {
            if !text.is_empty() {
                texts::absolute(field, text)?;
            }
        }
        // sun_path of unix(7) holds 108 bytes with the zero at its end.
        if fields.control.socket.len() > 100 {
            return Err(wrong("control.socket", format!("{:?}", fields.control.socket), "a path of at most 100 bytes"));
        }
        Ok(Self {
            file,
            host_name: host_name(&fields.host.name)?,
            sensor,
            parameters,
            checkpoint_every: Duration::from_secs(fields.pipeline.checkpoint_seconds),
            detectors,
            sigma,
            yara,
            uplink: texts::uplink(&fields.uplink, history.as_deref())?,
            history,
            form,
            output: texts::output(&fields.output)?,
            limits: limits(&fields.limits)?,
            recording_bytes_max: fields.limits.recording_bytes_max,
            metrics: listen(&fields.metrics.listen)?,
            control: path(&fields.control.socket),
            fields,
        })
    }

    /// What is in force, as TOML.
    pub fn toml(&self) -> String {
        toml::to_string(&self.fields).expect("the fields are plain tables")
    }

    /// BLAKE3 of [`Self::toml`], as 64 hex digits.
    pub fn hash(&self) -> String {
        blake3::hash(self.toml().as_bytes()).to_hex().to_string()
    }

    /// Takes over what of `new` can change while the agent runs; names the fields that cannot, and stay.
    pub fn take_over(&mut self, new: Self) -> Vec<String> {
        let mut stay: Vec<_> = shape::differences(&shape::table_of(&self.fields), &shape::table_of(&new.fields))
            .into_iter()
            .filter(|field| !CHANGEABLE.iter().any(|changeable| field.starts_with(changeable)))
            .collect();
        if self.parameters != new.parameters && !stay.iter().any(|field| field == "pipeline.parameters") {
            stay.push("pipeline.parameters".into());
        }
        self.file = new.file;
        self.fields.sensor = SensorFields {
            tier: std::mem::take(&mut self.fields.sensor.tier),
            ring_bytes: self.fields.sensor.ring_bytes,
            sums_max: self.fields.sensor.sums_max,
            ignored_processes: std::mem::take(&mut self.fields.sensor.ignored_processes),
            ..new.fields.sensor
        };
        self.fields.redaction = new.fields.redaction;
        self.fields.detectors = new.fields.detectors;
        (self.detectors, self.sigma) = (new.detectors, new.sigma);
        self.fields.yara = fields::YaraFields { queue_max: self.fields.yara.queue_max, ..new.fields.yara };
        self.yara = new.yara;
        self.fields.pipeline.checkpoint_seconds = new.fields.pipeline.checkpoint_seconds;
        self.fields.output.form = new.fields.output.form;
        self.fields.limits.cpu_percent = new.fields.limits.cpu_percent;
        self.fields.limits.disk_bytes_per_day = new.fields.limits.disk_bytes_per_day;
        self.limits = Limits { memory_bytes: self.limits.memory_bytes, ..new.limits };
        (self.sensor.groups, self.sensor.budget) = (new.sensor.groups, new.sensor.budget);
        self.sensor.ignored = new.sensor.ignored;
        (self.sensor.environment, self.sensor.secrets) = (new.sensor.environment, new.sensor.secrets);
        (self.checkpoint_every, self.form) = (new.checkpoint_every, new.form);
        stay
    }

    /// What is watched was switched by other means.
    pub fn set_groups(&mut self, groups: BTreeSet<Group>) {
        for (group, is_on) in group_fields(&mut self.fields) {
            *is_on = groups.contains(&group);
        }
        self.sensor.groups = groups;
    }
}

/// `None` if there is no such file.
fn read(file: &Path) -> Result<Option<Fields>, ConfigError> {
    match text::read(file) {
        Ok(text) => shape::read(&text).map(Some).map_err(|error| within(Some(file), &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ConfigError(format!("cannot read {}: {error}", file.display()))),
    }
}

fn missing(file: &Path) -> ConfigError {
    ConfigError(format!("cannot read {}: there is no such file", file.display()))
}

fn within(file: Option<&Path>, error: &ConfigError) -> ConfigError {
    match file {
        Some(file) => ConfigError(format!("{}: {error}", file.display())),
        None => ConfigError(format!("configuration: {error}")),
    }
}

fn wrong(field: &str, value: impl Display, expected: &str) -> ConfigError {
    ConfigError(format!("{field} is {value}, expected {expected}"))
}

fn in_range(field: &str, value: u64, range: RangeInclusive<u64>) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(wrong(field, value, &format!("{} to {}", range.start(), range.end())))
}

/// The groups and the fields that switch them.
fn group_fields(fields: &mut Fields) -> [(Group, &mut bool); 4] {
    let groups = &mut fields.sensor.groups;
    [
        (Group::Process, &mut groups.process),
        (Group::File, &mut groups.file),
        (Group::Network, &mut groups.network),
        (Group::System, &mut groups.system),
    ]
}

fn sensor(fields: &Fields) -> Result<Options, ConfigError> {
    let sensor = &fields.sensor;
    let ring_bytes = u32::try_from(sensor.ring_bytes).ok().filter(|bytes| is_ring_size(*bytes));
    let Some(ring_bytes) = ring_bytes else {
        return Err(wrong("sensor.ring_bytes", sensor.ring_bytes, RING_SIZES));
    };
    in_range("sensor.sums_max", sensor.sums_max, 64..=1 << 20)?;
    if !sensor.groups.process {
        return Err(wrong("sensor.groups.process", false, "true: without it nobody knows who did what"));
    }
    if sensor.ignored_processes.len() > 1024 {
        let n = format!("a list of {}", sensor.ignored_processes.len());
        return Err(wrong("sensor.ignored_processes", n, "at most 1024 processes"));
    }
    sensor.ignored_processes.iter().try_for_each(|pid| in_range("sensor.ignored_processes", *pid, PIDS))?;
    let Some(tier) = Asked::ALL.into_iter().find(|tier| tier.name() == sensor.tier) else {
        return Err(wrong("sensor.tier", format!("{:?}", sensor.tier), "\"auto\" or \"base\""));
    };
    let fits = |n: u64| u32::try_from(n).expect("its range was checked");
    Ok(Options {
        ring_bytes,
        sums_max: fits(sensor.sums_max),
        budget: sensor.budget,
        tier,
        groups: group_fields(&mut fields.clone())
            .into_iter()
            .filter(|(_, is_on)| **is_on)
            .map(|(group, _)| group)
            .collect(),
        ignored_processes: sensor.ignored_processes.iter().map(|pid| fits(*pid)).collect(),
        ignored: ignored::check(sensor)?,
        environment: texts::environment(&sensor.environment)?,
        secrets: texts::patterns(&fields.redaction.patterns)?,
        containers: texts::containers(&fields.containers)?,
    })
}

fn limits(fields: &fields::LimitFields) -> Result<Limits, ConfigError> {
    in_range("limits.memory_bytes", fields.memory_bytes, MEMORY_BYTES)?;
    in_range("limits.cpu_percent", fields.cpu_percent, 0..=1_000_000)?;
    for (field, bytes) in [
        ("limits.disk_bytes_per_day", fields.disk_bytes_per_day),
        ("limits.recording_bytes_max", fields.recording_bytes_max),
    ] {
        if bytes != 0 {
            in_range(field, bytes, DISK_BYTES)?;
        }
    }
    Ok(Limits {
        cpu_percent: u32::try_from(fields.cpu_percent).expect("its range was checked"),
        disk_bytes_per_day: fields.disk_bytes_per_day,
        memory_bytes: fields.memory_bytes,
    })
}

/// PID_MAX_LIMIT of include/linux/threads.h.
pub const PIDS: RangeInclusive<u64> = 1..=1 << 22;
pub const MEMORY_BYTES: RangeInclusive<u64> = 32 << 20..=16 << 30;
pub const DISK_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 50;
pub const RING_SIZES: &str = "a power of two from 65536 to 1073741824";

pub fn is_ring_size(bytes: u32) -> bool {
    bytes.is_power_of_two() && (64 << 10..=1 << 30).contains(&bytes)
}

fn parameters(file: &str) -> Result<Parameters, ConfigError> {
    if file.is_empty() {
        return Ok(Parameters::default());
    }
    let text = text::read(Path::new(file));
    let text =
        text.map_err(|error| wrong("pipeline.parameters", format!("{file:?}"), &format!("a file to read: {error}")))?;
    Parameters::parse(&text).map_err(|error| ConfigError(format!("pipeline.parameters: {file}: {error}")))
}

fn host_name(name: &str) -> Result<String, ConfigError> {
    if name.len() > 253 || name.chars().any(char::is_control) {
        return Err(wrong("host.name", format!("{name:?}"), "at most 253 bytes without control characters"));
    }
    if !name.is_empty() {
        return Ok(name.to_owned());
    }
    let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = own.trim();
    Ok(if own.is_empty() { "localhost" } else { own }.to_owned())
}

fn listen(text: &str) -> Result<Option<SocketAddr>, ConfigError> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(Some(address)),
        _ => Err(wrong("metrics.listen", format!("{text:?}"), "a loopback address and port, as \"127.0.0.1:9464\"")),
    }
}

/// Resident bytes that everything bounded comes to when it is full. The ring is mapped twice.
fn ledger(sensor: &Options, parameters: &Parameters) -> u64 {
    let (graph, profile) = (&parameters.graph, &parameters.profile);
    let bytes = |bytes: usize| bytes as u64;
    2 * u64::from(sensor.ring_bytes)
        + bytes(ORDER_BYTES_MAX)
        + bytes(graph.window_bytes)
        + bytes(graph.spilled_filter_bytes).next_power_of_two()
        + bytes(profile.bytes_max)
        + HISTORY_BYTES
        + REST_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = include_str!("../../../config/agent.default.toml");

    fn check(text: &str) -> Result<Config, String> {
        let fields = shape::read(text).map_err(|error| error.to_string())?;
        Config::check(fields, None).map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_file_says_what_holds_without_it_and_leaves_nothing_out() {
        assert_eq!(shape::read(DEFAULT).unwrap(), Fields::default());
        let named: toml::Table = DEFAULT.parse().unwrap();
        assert_eq!(named, shape::table_of(&Fields::default()));
        assert_eq!(check(DEFAULT).unwrap().hash(), check("").unwrap().hash());
    }

    #[test]
    fn an_unknown_field_is_refused_with_the_nearest_known_one() {
        for (text, message) in [
            ("[sensor]\nringbytes = 1", "there is no field sensor.ringbytes, the nearest is sensor.ring_bytes"),
            ("[sensro]\n", "there is no field sensro, the nearest is sensor"),
            (
                "[sensor.groups]\nnetwrok = true",
                "there is no field sensor.groups.netwrok, the nearest is sensor.groups.network",
            ),
            (
                "[output]\ncolour = true",
                "there is no field output.colour; output has file, file_bytes_max, files_max, form, journal",
            ),
        ] {
            assert_eq!(check(text).unwrap_err(), message);
        }
    }

    #[test]
    fn a_wrong_value_is_refused_with_what_was_expected() {
        for (text, message) in [
            ("[sensor]\nring_bytes = 5", "sensor.ring_bytes is 5, expected a power of two from 65536 to 1073741824"),
            ("[sensor]\nring_bytes = 'big'", "sensor.ring_bytes is \"big\", expected a whole number of at least 0"),
            ("[sensor]\nbudget = -1", "sensor.budget is -1, expected a whole number of at least 0"),
            ("[sensor]\nignored_processes = [0]", "sensor.ignored_processes is 0, expected 1 to 4194304"),
            ("[sensor]\nignored_processes = 7", "sensor.ignored_processes is 7, expected a list of whole numbers"),
            (
                "[sensor.groups]\nprocess = false",
                "sensor.groups.process is false, expected true: without it nobody knows who did what",
            ),
            ("[detectors]\nfolder = 'here'", "detectors.folder is \"here\", expected an absolute path"),
            ("[detectors]\nsigma = 'here'", "detectors.sigma is \"here\", expected an absolute path"),
            ("[yara]\nrules = 'here'", "yara.rules is \"here\", expected an absolute path"),
            ("[yara]\nsize_max = 0", "yara.size_max is 0, expected 1 to 1073741824"),
            ("[yara]\nquiet_seconds = 0", "yara.quiet_seconds is 0, expected 1 to 86400"),
            ("[detectors]\ntrust = 'yes'", "detectors.trust is \"yes\", expected \"off\", \"warn\" or \"require\""),
            (
                "[detectors]\ntrust = 'require'",
                "detectors.keys is a list of 0, expected at least one key where detectors.trust is \"require\"",
            ),
            (
                "[detectors]\nkeys = ['me']",
                "detectors.keys is \"me\", expected 32 bytes of an Ed25519 key in base64, as `tracewell detector keygen` prints them",
            ),
            ("[pipeline]\ncheckpoint_seconds = 31", "pipeline.checkpoint_seconds is 31, expected 1 to 30"),
            (
                "[limits]\ndisk_bytes_per_day = 9",
                "limits.disk_bytes_per_day is 9, expected 1048576 to 1125899906842624",
            ),
            (
                "[sensor]\nenvironment = ['A=B']",
                "sensor.environment is \"A=B\", expected names of letters, digits and underscores, of at most 64 bytes",
            ),
            ("[sensor]\nenvironment = ['A', 'B', 'A']", "sensor.environment is \"A\", expected each name once"),
            ("[control]\nsocket = 'a'", "control.socket is \"a\", expected an absolute path"),
            ("[pipeline]\nhistory = 'a'", "pipeline.history is \"a\", expected an absolute path"),
            ("[output]\nfile = 'a'\nfiles_max = 0", "output.files_max is 0, expected 1 to 100"),
            ("[containers]\npods = 'a'", "containers.pods is \"a\", expected an absolute path"),
            ("[sensor]\ntier = 'best'", "sensor.tier is \"best\", expected \"auto\" or \"base\""),
            ("[output]\nform = 'xml'", "output.form is \"xml\", expected \"text\" or \"json\""),
            (
                "[metrics]\nlisten = '0.0.0.0:1'",
                "metrics.listen is \"0.0.0.0:1\", expected a loopback address and port, as \"127.0.0.1:9464\"",
            ),
            ("sensor = 1", "sensor is 1, expected a table"),
            ("[sensor]\nignored_users = [0]", "sensor.ignored_users is 0, expected a text in quotes"),
            (
                "[sensor]\nignored_users = 'root'",
                "sensor.ignored_users is \"root\", expected a list of texts in quotes",
            ),
            (
                "[sensor]\nignored_users = ['nobody here']",
                "sensor.ignored_users is \"nobody here\", expected a user of this machine, by name or number",
            ),
            (
                "[sensor]\nignored_folders = ['tmp']",
                "sensor.ignored_folders is \"tmp\", expected an absolute folder that begins with \"/\", is not \"/\" and has no \"..\"",
            ),
            (
                "[sensor]\nignored_cgroups = ['/']",
                "sensor.ignored_cgroups is \"/\", expected a path of a cgroup that begins with \"/\", is not \"/\" and has no \"..\"",
            ),
            (
                "[sensor]\nignored_operations = ['exec']",
                "sensor.ignored_operations is \"exec\", expected others than fork, exec and exit: without them nobody knows who did what",
            ),
        ] {
            assert_eq!(check(text).unwrap_err(), message);
        }
        let needs = check("[limits]\nmemory_bytes = 40_000_000").unwrap_err();
        assert!(needs.starts_with("limits.memory_bytes is 40000000, expected at least 6"), "{needs}");
        let needs = check("[detectors]\nfolder = '/x'").unwrap_err();
        assert!(needs.starts_with("limits.memory_bytes is 67108864, expected at least 7"), "{needs}");
        let needs = check("[yara]\nrules = '/x'").unwrap_err();
        assert!(needs.starts_with("limits.memory_bytes is 67108864, expected at least 9"), "{needs}");
        let pattern = check("[redaction]\npatterns = ['(']").unwrap_err();
        assert!(pattern.starts_with("redaction.patterns: redaction pattern \"(\": "), "{pattern}");
        assert!(check("[sensor\n").unwrap_err().starts_with("line 1: "));
    }

    #[test]
    fn only_what_can_change_is_taken_over() {
        let mut config = check("").unwrap();
        let before = config.hash();
        let new = "[sensor]\nbudget = 9\nsums_max = 100\nignored_users = ['root']\nignored_folders = ['/tmp/']\n\
            ignored_operations = ['read']\n[sensor.groups]\nnetwork = false\n[output]\nform = 'json'\n";
        assert_eq!(config.take_over(check(new).unwrap()), ["sensor.sums_max"]);
        assert_eq!((config.sensor.budget, config.form, config.sensor.sums_max), (9, Form::Json, 8192));
        assert!(!config.sensor.groups.contains(&Group::Network));
        let ignored = &config.sensor.ignored;
        assert_eq!((&*ignored.users, ignored.operations.len()), (&[0][..], 1));
        assert_eq!(ignored.folders, [Path::new("/tmp")]);
        assert_ne!(config.hash(), before);
        assert!(config.take_over(check("").unwrap()).is_empty());
        assert_eq!(config.hash(), before);
    }
}
