//! `NAME.journal.toml`: what the launcher noted of the attacks of a recording, in the recording's time. With it anybody can make the
//! truth again, as `lab verify` does, and a change of how truth is made needs no new recording.

use crate::index::Entry;
use crate::notes::{AttackNote, Notes, StepNote};
use crate::split::Split;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use tracewell_model::{HostId, ProcessRef};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    #[serde(default, rename = "attack")]
    pub attacks: Vec<AttackNote>,
    #[serde(default, rename = "mark")]
    pub marks: Vec<MarkNote>,
}

/// A process said which step it belongs to from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkNote {
    /// Records of the recording before it.
    pub at: usize,
    pub host: String,
    pub pid: u32,
    pub start: u64,
    /// Counted from 0, as the step of it.
    pub attack: usize,
    pub step: usize,
}

impl MarkNote {
    pub fn who(&self) -> (HostId, ProcessRef) {
        (HostId::from_name(&self.host), ProcessRef { pid: self.pid, start: self.start, uuid: None })
    }
}

impl Journal {
    pub fn of(notes: &Notes, split: &Split, hosts: &[String]) -> Self {
        let step = |step: &StepNote| {
            let (from, to) = (notes.event_time(step.from), notes.event_time(step.to));
            StepNote { from, to, ..step.clone() }
        };
        let attacks = notes
            .attacks
            .iter()
            .map(|attack| AttackNote { steps: attack.steps.iter().map(step).collect(), ..attack.clone() });
        let marks = split.marks.iter().filter_map(|mark| {
            let &(attack, step) = notes.marks.get(mark.mark)?;
            let host = hosts.iter().find(|name| HostId::from_name(name) == mark.host)?.clone();
            Some(MarkNote { at: mark.at, host, pid: mark.process.pid, start: mark.process.start, attack, step })
        });
        Self { attacks: attacks.collect(), marks: marks.collect() }
    }

    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn open(folder: &Path, entry: &Entry) -> Result<Self> {
        let file = folder.join(entry.journal());
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("reading {}", file.display()))
    }

    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = toml::to_string(self).context("writing the journal")?;
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))
    }
}
