//! `index.toml`: what each shipped recording is and how it was made.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

pub const FILE: &str = "index.toml";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    #[serde(default, rename = "recording")]
    pub recordings: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `<scenario>-<seed>`: the beginning of the names of its three files.
    pub name: String,
    pub scenario: String,
    /// `development` or `test`: by the scenario, once and for all.
    pub half: String,
    pub seed: u64,
    pub hosts: Vec<String>,
    pub attacks: u64,
    pub events: u64,
    /// Operations that the agent knows it lost while it recorded.
    pub losses: u64,
    /// Seconds from the first to the last record, pauses included.
    pub duration_s: u64,
    /// Each pause: after how many recorded seconds, and how many seconds of event time nothing was recorded in.
    #[serde(default)]
    pub pauses: Vec<(u64, u64)>,
    pub kernel: String,
    /// How operations on names were seen.
    pub tier: String,
    /// Of the agent that recorded.
    pub commit: String,
    /// Bytes of the recording as it lies there.
    pub bytes: u64,
    /// SHA-256 of its files, as sha256sum(1) prints it: what is changed by hand is seen.
    pub recording_sha256: String,
    pub truth_sha256: String,
    pub journal_sha256: String,
}

impl Entry {
    pub fn recording(&self) -> String {
        format!("{}.jsonl.xz", self.name)
    }

    pub fn truth(&self) -> String {
        format!("{}.truth.json", self.name)
    }

    pub fn journal(&self) -> String {
        format!("{}.journal.toml", self.name)
    }
}

impl Index {
    /// # Errors
    /// When there is one that cannot be read.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join(FILE);
        if !file.exists() {
            return Ok(Self::default());
        }
        Self::read(&file)
    }

    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("reading {}", file.display()))
    }

    /// Puts an entry in the place of the one with its name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(mut self, entry: Entry, folder: &Path) -> Result<()> {
        self.recordings.retain(|known| known.name != entry.name);
        self.recordings.push(entry);
        self.recordings.sort_by(|a, b| a.name.cmp(&b.name));
        let text = toml::to_string(&self).context("writing the index")?;
        fs::write(folder.join(FILE), format!("{HEAD}{text}")).context("writing the index")
    }
}

/// # Errors
/// When the file cannot be read.
pub fn sha256(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

const HEAD: &str = "# Recordings of the lab (docs/lab.md). Written by `cargo xtask lab record`.\n\n";
