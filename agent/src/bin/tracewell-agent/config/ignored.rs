//! What is left out: names become what the sensor takes.

use super::fields::SensorFields;
use super::{ConfigError, wrong};
use nix::unistd::User;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use tracewell_agent::sensor::Ignored;
use tracewell_agent::sensor::attach::Group;
use tracewell_agent::sensor::filters::IGNORED_MAX;
use tracewell_event_abi::head::Op;

pub fn check(fields: &SensorFields) -> Result<Ignored, ConfigError> {
    for (field, list) in [
        ("sensor.ignored_cgroups", &fields.ignored_cgroups),
        ("sensor.ignored_users", &fields.ignored_users),
        ("sensor.ignored_folders", &fields.ignored_folders),
    ] {
        if list.len() > IGNORED_MAX as usize {
            return Err(wrong(field, format!("a list of {}", list.len()), &format!("at most {IGNORED_MAX}")));
        }
    }
    Ok(Ignored {
        operations: fields.ignored_operations.iter().map(|name| operation(name)).collect::<Result<BTreeSet<_>, _>>()?,
        cgroups: all(&fields.ignored_cgroups, |path| place("sensor.ignored_cgroups", path, "a path of a cgroup"))?,
        users: all(&fields.ignored_users, user)?,
        folders: all(&fields.ignored_folders, |path| place("sensor.ignored_folders", path, "an absolute folder"))?,
    })
}

fn all<T>(texts: &[String], check: impl Fn(&str) -> Result<T, ConfigError>) -> Result<Vec<T>, ConfigError> {
    texts.iter().map(|text| check(text)).collect()
}

fn operation(name: &str) -> Result<Op, ConfigError> {
    const FIELD: &str = "sensor.ignored_operations";
    let is_open = |op: &&Op| Group::of(**op) != Group::Process;
    match Op::ALL.iter().find(|op| op.name() == name) {
        Some(op) if is_open(&op) => Ok(*op),
        Some(_) => {
            let expected = "others than fork, exec and exit: without them nobody knows who did what";
            Err(wrong(FIELD, format!("{name:?}"), expected))
        }
        None => {
            let names: Vec<_> = Op::ALL.iter().filter(is_open).map(|op| op.name()).collect();
            Err(wrong(FIELD, format!("{name:?}"), &format!("some of {}", names.join(", "))))
        }
    }
}

fn user(text: &str) -> Result<u32, ConfigError> {
    let expected = match user_of(text) {
        Ok(Some(user)) => return Ok(user),
        Ok(None) => "a user of this machine, by name or number".into(),
        Err(error) => format!("a user of this machine: {error}"),
    };
    Err(wrong("sensor.ignored_users", format!("{text:?}"), &expected))
}

/// The number of a user given by name or number; `None` if this machine knows none of that name.
pub fn user_of(text: &str) -> Result<Option<u32>, String> {
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Ok(User::from_name(text).map_err(|error| error.to_string())?.map(|user| user.uid.as_raw())),
    }
}

/// The root would leave out all there is.
fn place(field: &str, text: &str, what: &str) -> Result<PathBuf, ConfigError> {
    let path = Path::new(text);
    let is_plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if path.has_root() && path.parent().is_some() && is_plain && !text.contains('\0') {
        return Ok(path.to_owned());
    }
    Err(wrong(field, format!("{text:?}"), &format!("{what} that begins with \"/\", is not \"/\" and has no \"..\"")))
}
