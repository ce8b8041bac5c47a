//! Ground truth: which nodes belong to which attack, and when (docs/truth-format.md).

mod convert;
mod json;
mod pattern;

use crate::input::Input;
use crate::{Position, ReadError};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::Path;
use tracewell_model::{EventNs, NodeKind};

pub use convert::{LabelFormat, convert};
pub use pattern::{NodePattern, PathPattern, Remote};

/// Labels of one recording, by one label set. Label sets of the same recording disagree, so a score names its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    pub label_set: String,
    /// Node kinds that the set labels at all; nodes of other kinds count neither way.
    pub label_kinds: Vec<NodeKind>,
    pub attacks: Vec<Attack>,
    /// Nodes of mixed or unlabelled behaviour, which count neither way.
    pub ignored: Vec<NodePattern>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attack {
    pub id: String,
    pub name: String,
    /// When it took place; none means that the label set does not say.
    pub windows: Vec<Window>,
    /// All nodes, those of the steps among them.
    pub nodes: Vec<NodePattern>,
    /// What it did one after the other, where the label set says so.
    pub steps: Vec<Step>,
}

/// A part of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    /// Techniques of MITRE ATT&CK, as `T1059.004`.
    pub techniques: Vec<String>,
    pub window: Window,
    pub nodes: Vec<NodePattern>,
}

/// A span of event time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: EventNs,
    pub to: EventNs,
}

/// Why ground truth cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{name} is not ground truth: {problem}")]
    Malformed { name: String, problem: String },
    #[error("{name} contradicts itself: {problem}")]
    Invalid { name: String, problem: String },
    #[error("{name} cannot be converted from {format}: {problem}")]
    Convert { name: String, format: LabelFormat, problem: String },
}

impl Attack {
    /// Whether anything between the two moments, both included, lies inside the attack.
    pub fn overlaps(&self, first: EventNs, last: EventNs) -> bool {
        self.windows.is_empty() || self.windows.iter().any(|window| window.from <= last && first <= window.to)
    }
}

impl Truth {
    /// Largest file that is read.
    const BYTES_MAX: u64 = 64 << 20;

    /// Reads and validates the JSON form, compressed or not.
    ///
    /// # Errors
    /// When the file cannot be read, is not of the form, or says something that cannot be meant.
    pub fn open(path: &Path) -> Result<Self, TruthError> {
        let name = path.display().to_string();
        let bytes = read_whole(Input::open(path)?)?;
        Self::from_json(&bytes, &name)
    }

    /// Reads and validates the JSON form; `name` stands in errors.
    ///
    /// # Errors
    /// When it is not of the form or says something that cannot be meant.
    pub fn from_json(bytes: &[u8], name: &str) -> Result<Self, TruthError> {
        let malformed =
            |error: serde_json::Error| TruthError::Malformed { name: name.to_owned(), problem: error.to_string() };
        let truth = json::parse(bytes).map_err(malformed)?;
        truth.validate().map_err(|problem| TruthError::Invalid { name: name.to_owned(), problem })?;
        Ok(truth)
    }

    /// Writes the JSON form, times in RFC 3339.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        json::write(self, out)
    }

    /// Says what cannot be meant.
    fn validate(&self) -> Result<(), String> {
        if self.label_set.is_empty() {
            return Err("label_set is empty, expected the name of the label set".to_owned());
        }
        if self.label_kinds.is_empty() {
            return Err("label_kinds is empty, expected process, file or socket".to_owned());
        }
        let mut ids = BTreeSet::new();
        for attack in &self.attacks {
            let id = &attack.id;
            if id.is_empty() || !ids.insert(id) {
                return Err(format!("attack id {id:?} is empty or used twice"));
            }
            if attack.nodes.is_empty() {
                return Err(format!("attack {id:?} has no nodes and could never be found"));
            }
            if let Some(window) = attack.windows.iter().find(|window| window.from > window.to) {
                return Err(format!("attack {id:?} has a window from {} ns to {} ns", window.from.0, window.to.0));
            }
            for step in &attack.steps {
                let Step { name, window, nodes, .. } = step;
                if window.from > window.to || name.is_empty() || nodes.is_empty() {
                    return Err(format!("attack {id:?} has a step without name, nodes, or time: {name:?}"));
                }
                if let Some(technique) = step.techniques.iter().find(|technique| !is_technique(technique)) {
                    return Err(format!("attack {id:?}: {technique:?} is no technique, expected one like T1059.004"));
                }
            }
            for node in &attack.nodes {
                node.validate().map_err(|problem| format!("attack {id:?}: {problem}"))?;
                if !self.label_kinds.contains(&node.kind) {
                    return Err(format!(
                        "attack {id:?} labels a {}, which label_kinds leaves out",
                        json::kind_name(node.kind)
                    ));
                }
            }
        }
        self.ignored.iter().try_for_each(|node| node.validate().map_err(|problem| format!("ignored: {problem}")))
    }
}

/// `T` with four digits, and three for a sub-technique.
fn is_technique(text: &str) -> bool {
    let digits = |part: &str, n| part.len() == n && part.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = text.strip_prefix('T') else { return false };
    match number.split_once('.') {
        Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
        None => digits(number, 4),
    }
}

fn read_whole(input: Input) -> Result<Vec<u8>, ReadError> {
    let name = input.name.clone();
    let mut bytes = Vec::new();
    let read = input.into_stream().take(Truth::BYTES_MAX + 1).read_to_end(&mut bytes);
    let too_large = || io::Error::new(io::ErrorKind::InvalidData, format!("longer than {} bytes", Truth::BYTES_MAX));
    match read {
        Ok(n) if n as u64 <= Truth::BYTES_MAX => Ok(bytes),
        Ok(n) => Err(ReadError::Stream { name, position: Position::Byte(n as u64), source: too_large() }),
        Err(source) => Err(ReadError::Stream { name, position: Position::Byte(bytes.len() as u64), source }),
    }
}
