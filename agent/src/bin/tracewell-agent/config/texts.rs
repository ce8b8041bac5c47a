//! Names, patterns and paths of the configuration.

use super::fields::{ContainerFields, DetectorFields, OutputFields, UplinkFields, YaraFields};
use super::{ConfigError, Output, Uplink, Yara, in_range, wrong};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracewell_agent::container::{Options as ContainerOptions, SOCKETS_MAX};
use tracewell_agent::redact::Redactor;
use tracewell_detector_host::Settings;
use tracewell_detector_host::limits::COMPONENT_BYTES_MAX;
use tracewell_detector_host::signature::{Policy, Trust};

/// Names of environment variables, and the bytes of each.
const VARIABLES_MAX: usize = 16;
const VARIABLE_LEN_MAX: usize = 64;
/// Keys whose signatures count.
const KEYS_MAX: usize = 64;

pub fn environment(names: &[String]) -> Result<Vec<String>, ConfigError> {
    const FIELD: &str = "sensor.environment";
    if names.len() > VARIABLES_MAX {
        return Err(wrong(FIELD, format!("a list of {}", names.len()), &format!("at most {VARIABLES_MAX} names")));
    }
    let is_name = |name: &&String| {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_plain && (1..=VARIABLE_LEN_MAX).contains(&name.len())
    };
    if let Some(name) = names.iter().find(|name| !is_name(name)) {
        let expected = format!("names of letters, digits and underscores, of at most {VARIABLE_LEN_MAX} bytes");
        return Err(wrong(FIELD, format!("{name:?}"), &expected));
    }
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        None => Ok(names.to_vec()),
        Some(name) => Err(wrong(FIELD, format!("{name:?}"), "each name once")),
    }
}

pub fn patterns(patterns: &[String]) -> Result<Vec<String>, ConfigError> {
    match Redactor::new(patterns) {
        Ok(_) => Ok(patterns.to_vec()),
        Err(error) => Err(ConfigError(format!("redaction.patterns: {error}"))),
    }
}

pub fn containers(fields: &ContainerFields) -> Result<ContainerOptions, ConfigError> {
    if fields.sockets.len() > SOCKETS_MAX {
        let n = format!("a list of {}", fields.sockets.len());
        return Err(wrong("containers.sockets", n, &format!("at most {SOCKETS_MAX} sockets")));
    }
    let sockets = fields.sockets.iter().map(|socket| absolute("containers.sockets", socket));
    Ok(ContainerOptions {
        sockets: sockets.collect::<Result<_, _>>()?,
        pods: absolute("containers.pods", &fields.pods)?,
        links: absolute("containers.links", &fields.links)?,
        runc: absolute("containers.runc", &fields.runc)?,
        node: Some(fields.node.clone()).filter(|node| !node.is_empty()),
        ..ContainerOptions::default()
    })
}

/// Their machine code is kept beside the history, unless that is a temporary one.
pub fn detectors(fields: &DetectorFields, history: Option<&Path>) -> Result<Settings, ConfigError> {
    const KEYS: &str = "detectors.keys";
    let Some(trust) = Trust::ALL.into_iter().find(|trust| trust.name() == fields.trust) else {
        let expected = "\"off\", \"warn\" or \"require\"";
        return Err(wrong("detectors.trust", format!("{:?}", fields.trust), expected));
    };
    let n_keys = fields.keys.len();
    if n_keys > KEYS_MAX {
        return Err(wrong(KEYS, format!("a list of {n_keys}"), &format!("at most {KEYS_MAX} keys")));
    }
    if n_keys == 0 && trust == Trust::Require {
        let expected = "at least one key where detectors.trust is \"require\"";
        return Err(wrong(KEYS, "a list of 0", expected));
    }
    let key = |text: &String| text.parse().map_err(|why: String| ConfigError(format!("{KEYS} is {text:?}, {why}")));
    let keys = fields.keys.iter().map(key).collect::<Result<_, _>>()?;
    let folder = Some(&fields.folder).filter(|folder| !folder.is_empty());
    Ok(Settings {
        folder: folder.map(|folder| absolute("detectors.folder", folder)).transpose()?,
        cache: history.map(|history| history.join("detectors")),
        policy: Policy { trust, keys },
        bytes_max: COMPONENT_BYTES_MAX,
    })
}

/// Folder of Sigma rules.
pub fn sigma(fields: &DetectorFields) -> Result<Option<PathBuf>, ConfigError> {
    let folder = Some(&fields.sigma).filter(|folder| !folder.is_empty());
    folder.map(|folder| absolute("detectors.sigma", folder)).transpose()
}

/// YARA rules, and what scanning with them may cost; `None` without any.
pub fn yara(fields: &YaraFields) -> Result<Option<Yara>, ConfigError> {
    in_range("yara.size_max", fields.size_max, 1..=1 << 30)?;
    in_range("yara.timeout_seconds", fields.timeout_seconds, 1..=600)?;
    in_range("yara.queue_max", fields.queue_max, 1..=65_536)?;
    in_range("yara.quiet_seconds", fields.quiet_seconds, 1..=86_400)?;
    if fields.rules.is_empty() {
        return Ok(None);
    }
    if cfg!(not(feature = "yara")) {
        return Err(wrong("yara.rules", format!("{:?}", fields.rules), "nothing: this build has no YARA"));
    }
    Ok(Some(Yara {
        rules: absolute("yara.rules", &fields.rules)?,
        size_max: fields.size_max,
        timeout: Duration::from_secs(fields.timeout_seconds),
        queue_max: usize::try_from(fields.queue_max).expect("its range was checked"),
        quiet: Duration::from_secs(fields.quiet_seconds),
    }))
}

/// Aggregators that are tried.
const SERVERS_MAX: usize = 8;

pub fn uplink(fields: &UplinkFields, history: Option<&Path>) -> Result<Option<Uplink>, ConfigError> {
    const SERVERS: &str = "uplink.servers";
    in_range("uplink.spool_bytes", fields.spool_bytes, 2 << 20..=1 << 40)?;
    in_range("uplink.keep_alive_seconds", fields.keep_alive_seconds, 10..=600)?;
    let n_servers = fields.servers.len();
    if n_servers > SERVERS_MAX {
        return Err(wrong(SERVERS, format!("a list of {n_servers}"), &format!("at most {SERVERS_MAX} servers")));
    }
    let is_server = |server: &&String| {
        let parts = server.rsplit_once(':');
        parts.is_some_and(|(name, port)| !name.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
    };
    if let Some(server) = fields.servers.iter().find(|server| !is_server(server)) {
        return Err(wrong(SERVERS, format!("{server:?}"), "a name or address and a port, as \"aggregator:7443\""));
    }
    let identity = Some(&fields.identity).filter(|folder| !folder.is_empty());
    let identity = identity.map(|folder| absolute("uplink.identity", folder)).transpose()?;
    if n_servers == 0 {
        return Ok(None);
    }
    let Some(history) = history else {
        return Err(wrong(
            "pipeline.history",
            "\"\"",
            "a folder where there are uplink.servers: what waits to be sent is there",
        ));
    };
    Ok(Some(Uplink {
        servers: fields.servers.clone(),
        identity: identity.unwrap_or_else(|| history.join("identity")),
        spool_bytes: fields.spool_bytes,
        keep_alive: Duration::from_secs(fields.keep_alive_seconds),
    }))
}

pub fn output(fields: &OutputFields) -> Result<Output, ConfigError> {
    in_range("output.file_bytes_max", fields.file_bytes_max, 64 << 10..=1 << 40)?;
    in_range("output.files_max", fields.files_max, 1..=100)?;
    let file = Some(&fields.file).filter(|file| !file.is_empty());
    Ok(Output {
        file: file.map(|file| absolute("output.file", file)).transpose()?,
        file_bytes_max: fields.file_bytes_max,
        files_max: u32::try_from(fields.files_max).expect("its range was checked"),
        journal: fields.journal,
    })
}

pub fn absolute(field: &str, path: &str) -> Result<PathBuf, ConfigError> {
    match path.starts_with('/') && !path.contains('\0') {
        true => Ok(path.into()),
        false => Err(wrong(field, format!("{path:?}"), "an absolute path")),
    }
}
