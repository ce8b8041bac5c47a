//! The configuration: what a file says, overlaid by the command line, and checked. Every field is described in
//! `config/aggregator.default.toml`.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracewell_api::fields::LABEL_BYTES_MAX;
use tracewell_parameters::Parameters;
use tracewell_wire::quic::Rate;

/// Read where nothing else is named, if it is there.
const USUAL: &str = "/etc/tracewell/aggregator.toml";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fields {
    /// Address and UDP port that hosts connect to.
    pub listen: String,
    /// Folder of store and authority; empty for the one that systemd gives.
    pub state: String,
    /// Path of the local socket for operators: at most 100 bytes.
    pub control: String,
    /// Address and TCP port for operators; empty for none.
    pub api: String,
    /// Names and addresses by which operators reach it.
    pub api_names: Vec<String>,
    /// File with parameters; empty for the built-in ones.
    pub parameters: String,
    /// Hosts that may be enrolled: 1 to 100,000.
    pub hosts_max: u64,
    /// Handshakes under way at once: 1 to 65,536.
    pub handshakes_max: u64,
    /// Bytes of frames that wait to be taken in: 1 MiB to 4 GiB.
    pub inbox_bytes: u64,
    /// Days for which a host's certificate holds: 1 to 36,500.
    pub certificate_days: u64,
    /// Days of event time for which an alert graph is kept after it last grew: 0 to 36,500; 0 keeps all.
    pub retention_days: u64,
    /// Minutes for which nothing may be heard of a host before it is an incident: 0 to 525,600; 0 for as long as it likes.
    pub silent_minutes: u64,
    /// Key of the label by whose values hosts form groups in the fleet's view; empty for no groups.
    pub group_by: String,
    /// Frames that a host may send in a second, over time: 0 to 1,000,000; 0 for any number.
    pub host_frames_per_second: u64,
    /// Bytes that a host may send in a second, over time: 0 to 1 GiB; 0 for any number.
    pub host_bytes_per_second: u64,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            listen: "[::]:7443".into(),
            state: String::new(),
            control: "/run/tracewell-aggregator.sock".into(),
            api: "127.0.0.1:7443".into(),
            api_names: ["localhost", "127.0.0.1", "::1"].map(Into::into).into(),
            parameters: String::new(),
            hosts_max: 10_000,
            handshakes_max: 256,
            inbox_bytes: 64 << 20,
            certificate_days: 365,
            retention_days: 365,
            silent_minutes: 60,
            group_by: String::new(),
            host_frames_per_second: 500,
            host_bytes_per_second: 4 << 20,
        }
    }
}

/// A configuration that the aggregator can run with.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub state: PathBuf,
    pub parameters: Parameters,
    pub control: PathBuf,
    pub api: Option<SocketAddr>,
    pub api_names: Vec<String>,
    pub hosts_max: usize,
    pub handshakes_max: usize,
    pub inbox_bytes: u32,
    pub certificate_holds: Duration,
    /// 0 keeps all.
    pub retention_days: u32,
    pub silent_after: Option<Duration>,
    pub group_by: Option<Box<str>>,
    pub host_rate: Rate,
}

impl Config {
    /// Reads `file`, or what is usual, and lays the command line over it.
    ///
    /// # Errors
    /// Names the field, its value, and what was expected.
    pub fn load(file: Option<&Path>, lay_over: impl Fn(&mut Fields)) -> Result<Self> {
        let mut fields = fields(file)?;
        lay_over(&mut fields);
        Self::check(&fields)
    }

    fn check(fields: &Fields) -> Result<Self> {
        let Ok(listen) = fields.listen.parse() else {
            bail!("listen is {:?}, expected an address and a port, as \"[::]:7443\"", fields.listen);
        };
        let api = match fields.api.as_str() {
            "" => None,
            api => Some(api.parse().map_err(|_| {
                anyhow::anyhow!("api is {api:?}, expected an address and a port, as \"127.0.0.1:7443\", or nothing")
            })?),
        };
        for (field, value, max) in [
            ("hosts_max", fields.hosts_max, 100_000),
            ("handshakes_max", fields.handshakes_max, 65_536),
            ("certificate_days", fields.certificate_days, 36_500),
        ] {
            if !(1..=max).contains(&value) {
                bail!("{field} is {value}, expected 1 to {max}");
            }
        }
        let most = |field: &str, value: u64, max: u32| match u32::try_from(value).ok().filter(|value| *value <= max) {
            Some(value) => Ok(value),
            None => bail!("{field} is {value}, expected 0 to {max}"),
        };
        let host_rate = Rate {
            frames: most("host_frames_per_second", fields.host_frames_per_second, 1_000_000)?,
            bytes: most("host_bytes_per_second", fields.host_bytes_per_second, 1 << 30)?,
        };
        let inbox_bytes = u32::try_from(fields.inbox_bytes).ok().filter(|bytes| *bytes >= 1 << 20);
        let Some(inbox_bytes) = inbox_bytes else {
            bail!("inbox_bytes is {}, expected 1048576 to 4294967295", fields.inbox_bytes);
        };
        Ok(Self {
            listen,
            state: state_of(fields)?,
            parameters: parameters(&fields.parameters)?,
            control: control(fields)?,
            api,
            api_names: fields.api_names.clone(),
            hosts_max: fields.hosts_max as usize,
            handshakes_max: fields.handshakes_max as usize,
            inbox_bytes,
            certificate_holds: Duration::from_secs(fields.certificate_days * 86_400),
            retention_days: most("retention_days", fields.retention_days, 36_500)?,
            silent_after: match most("silent_minutes", fields.silent_minutes, 525_600)? {
                0 => None,
                minutes => Some(Duration::from_secs(60 * u64::from(minutes))),
            },
            group_by: group_by(&fields.group_by)?,
            host_rate,
        })
    }
}

/// The state folder of an aggregator that runs with this configuration.
///
/// # Errors
/// As [`Config::load`].
pub fn state(file: Option<&Path>) -> Result<PathBuf> {
    state_of(&fields(file)?)
}

fn state_of(fields: &Fields) -> Result<PathBuf> {
    let state = match fields.state.as_str() {
        "" => std::env::var_os("STATE_DIRECTORY").map(PathBuf::from),
        state => Some(state.into()).filter(|state: &PathBuf| state.is_absolute()),
    };
    state.with_context(|| format!("state is {:?}, expected an absolute path", fields.state))
}

fn group_by(key: &str) -> Result<Option<Box<str>>> {
    // A key that no label can have would group nobody, and nobody would be told.
    if key.len() >= LABEL_BYTES_MAX || key.contains('=') || key.chars().any(char::is_control) {
        bail!("group_by is {key:?}, expected the key of a label, as \"role\", or nothing");
    }
    Ok(Some(key.into()).filter(|_| !key.is_empty()))
}

/// Where an aggregator that runs with this configuration can be asked.
///
/// # Errors
/// As [`Config::load`].
pub fn socket(file: Option<&Path>) -> Result<PathBuf> {
    control(&fields(file)?)
}

fn control(fields: &Fields) -> Result<PathBuf> {
    // sun_path of unix(7) holds 108 bytes with the zero at its end.
    if !fields.control.starts_with('/') || fields.control.len() > 100 {
        bail!("control is {:?}, expected an absolute path of at most 100 bytes", fields.control);
    }
    Ok(fields.control.clone().into())
}

fn fields(file: Option<&Path>) -> Result<Fields> {
    let path = file.unwrap_or(Path::new(USUAL));
    match fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).with_context(|| format!("reading {}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound && file.is_none() => Ok(Fields::default()),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

fn parameters(file: &str) -> Result<Parameters> {
    if file.is_empty() {
        return Ok(Parameters::default());
    }
    let text = fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
    Parameters::parse(&text).map_err(|error| anyhow::anyhow!("{file}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = include_str!("../../../config/aggregator.default.toml");

    #[test]
    fn the_default_file_says_what_holds_without_it_and_leaves_nothing_out() {
        assert_eq!(toml::from_str::<Fields>(DEFAULT).unwrap(), Fields::default());
        let named: toml::Table = DEFAULT.parse().unwrap();
        assert_eq!(named, toml::Table::try_from(Fields::default()).unwrap());
    }

    #[test]
    fn a_wrong_value_is_refused_with_what_was_expected() {
        let check = |change: fn(&mut Fields)| {
            let mut fields = Fields { state: "/s".into(), ..Fields::default() };
            change(&mut fields);
            Config::check(&fields).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(check(|_| {}), "");
        assert_eq!(
            check(|fields| fields.listen = "here".into()),
            "listen is \"here\", expected an address and a port, as \"[::]:7443\""
        );
        assert_eq!(check(|fields| fields.state = "s".into()), "state is \"s\", expected an absolute path");
        assert_eq!(check(|fields| fields.hosts_max = 0), "hosts_max is 0, expected 1 to 100000");
        assert_eq!(check(|fields| fields.retention_days = 36_501), "retention_days is 36501, expected 0 to 36500");
        assert_eq!(check(|fields| fields.silent_minutes = 525_601), "silent_minutes is 525601, expected 0 to 525600");
        assert_eq!(check(|fields| fields.group_by = "role".into()), "");
        assert_eq!(
            check(|fields| fields.group_by = "role=web".into()),
            "group_by is \"role=web\", expected the key of a label, as \"role\", or nothing"
        );
        assert_eq!(check(|fields| fields.inbox_bytes = 5), "inbox_bytes is 5, expected 1048576 to 4294967295");
        assert!(check(|fields| fields.control = "c".into()).starts_with("control is \"c\", expected an absolute path"));
    }
}
