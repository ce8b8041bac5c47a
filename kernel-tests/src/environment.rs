//! Variables of an environment: those that were chosen are told, without their secrets, and no others.

use crate::operations::IDLE;
use crate::watch::{Taking, watch};
use anyhow::{Context, Result, ensure};
use std::io::{self, Read};
use std::process::Command;
use tracewell_agent::sensor::Options;
use tracewell_model::{Detail, Record};

/// Argument of the process that starts others with an environment.
pub const DO: &str = "environment";

pub const NAME: &str = "chosen variables of an environment are told";

const VARIABLES: [(&str, &str); 4] =
    [("UNCHOSEN", "zebra"), ("EDITOR", "/nowhere/ed"), ("MY_TOKEN", "giraffe"), ("EDITORS", "okapi")];
/// An argument that tells the started process from others, and one with an environment that is longer than is taken.
const SHORT: &str = "with-environment";
const LONG: &str = "with-long-environment";

pub fn act() -> Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    let start = |name: &str, before: &[(&str, &str)]| {
        let mut command = Command::new("/proc/self/exe");
        command.args([IDLE, name]).env_clear().envs(before.iter().copied());
        command.envs(VARIABLES).status().map(drop)
    };
    start(SHORT, &[])?;
    // Variables are sorted by their names.
    Ok(start(LONG, &[("M", &"m".repeat(5000))])?)
}

pub fn test() -> Result<()> {
    let chosen = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    for (environment, short, long) in [
        (
            chosen(&["EDITOR", "MY_TOKEN"]),
            Some("EDITOR=/nowhere/ed\nMY_TOKEN=<redacted>"),
            Some("EDITOR=/nowhere/ed\n…"),
        ),
        (Vec::new(), None, None),
    ] {
        let options = Options { environment, ..Options::default() };
        let watched = watch(Command::new("/proc/self/exe").arg(DO), &options, Taking::Always)?;
        let told = |name: &str| {
            let found = watched.records.iter().find_map(|record| match record {
                Record::Event(event) => match &event.detail {
                    Detail::Exec { cmdline: Some(line), environment } if line.ends_with(name) => {
                        Some(environment.clone())
                    }
                    _ => None,
                },
                _ => None,
            });
            found.with_context(|| format!("the start of {name} was not told"))
        };
        for (name, expected) in [(SHORT, short), (LONG, long)] {
            let told = told(name)?;
            ensure!(told.as_deref() == expected, "told is {told:?} of {name}, expected {expected:?}");
        }
        let all = format!("{:?}", watched.records);
        for hidden in ["zebra", "giraffe", "okapi"] {
            ensure!(!all.contains(hidden), "{hidden} was told");
        }
    }
    Ok(())
}
