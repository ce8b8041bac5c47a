//! The document `alerts.json`, field by field as `docs/alerts-format.md` describes it.
//!
//! Everything in it follows from the input alone: no clock, no path, no float. Fields that a source does not say are
//! left out.

use serde::{Deserialize, Serialize};

/// The name and version of the format. A newer version may add fields; one that changes their meaning gets a new name.
pub const SCHEMA: &str = "tracewell-alerts/1";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerts {
    pub schema: String,
    /// Of the parameters that decided; 64 hex digits.
    pub parameters_hash: String,
    /// Best first.
    pub incidents: Vec<Incident>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: String,
    /// In thousandths of a point; the list is in falling order of it.
    pub score: u64,
    pub severity: String,
    pub title: String,
    /// Names, in order.
    pub hosts: Vec<String>,
    pub first: String,
    pub last: String,
    /// How often the story was told; 1 for a story told once.
    pub repeats: u64,
    /// What the score is made of, the weightiest first.
    pub explanation: Vec<Contribution>,
    /// Something was lost or cut near it: it may be more than is shown.
    pub incomplete: bool,
    pub members: Vec<Member>,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
    /// Nodes that are drawn as one until expanded.
    pub groups: Vec<Group>,
    /// What is drawn at first sight: groups, and nodes outside of groups.
    pub drawn: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// In thousandths of a point; they add up to the score.
    pub score: u64,
    pub words: String,
}

/// One alert graph of the incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub id: String,
    pub host: String,
    pub revision: u32,
    pub first: String,
    pub last: String,
    pub surprise_millibits: u32,
    pub nodes: usize,
    pub edges: usize,
    /// Nodes that belong to it but were left out on the host for size.
    pub nodes_omitted: u32,
    pub lost_events: u64,
    pub lost_gaps: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub id: String,
    pub kind: Kind,
    pub role: Role,
    pub host: String,
    /// A line for the eye.
    pub label: String,
    /// The label with everything masked that varies.
    pub general: String,
    pub surprise_millibits: u32,
    pub first: String,
    pub last: String,
    /// Why it is here, in words, the strongest first; at least one.
    pub reasons: Vec<String>,
    /// Indices into `members`.
    pub members: Vec<usize>,
    /// Whether it is drawn before anything is expanded, by itself or in its group. The others are those of repeats and
    /// of what did not fit.
    pub first_sight: bool,
    /// Index into `groups`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Process,
    File,
    Socket,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Its surprise stands out.
    #[default]
    Terminal,
    /// On a path between terminals.
    Connector,
    /// Shown because a terminal touched it.
    Context,
}

/// In the direction of information flow: a read goes from the file to the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    pub from: String,
    pub to: String,
    pub operation: String,
    pub count: u64,
    pub bytes: u64,
    pub surprise_millibits: u32,
    pub first: String,
    pub last: String,
    pub reasons: Vec<String>,
    pub incomplete: bool,
    /// Indices into `members`.
    pub members: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub label: String,
    /// How many nodes it stands for.
    pub nodes: usize,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Connector => "connector",
            Self::Context => "context",
        }
    }
}

impl Alerts {
    /// The bytes of the file: the digest is over these.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a tree of strings and integers is always JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Reads what [`Alerts::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are no such document, or one of another version; says which was expected.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            schema: String,
        }
        let wrong = |error: serde_json::Error| format!("expected a document {SCHEMA}: {error}");
        let version: Version = serde_json::from_slice(bytes).map_err(wrong)?;
        if version.schema != SCHEMA {
            return Err(format!("expected a document {SCHEMA}, got {:?}", version.schema));
        }
        serde_json::from_slice(bytes).map_err(wrong)
    }

    /// The incident of that id, of the only id that starts so, or of the rank `#1`, `#2`, … with its rank from 1.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn find(&self, wanted: &str) -> Result<(usize, &Incident), String> {
        let n_incidents = self.incidents.len();
        if let Some(rank) = wanted.strip_prefix('#') {
            let place = rank.parse::<usize>().ok().and_then(|rank| rank.checked_sub(1));
            let found = place.and_then(|idx| Some((idx + 1, self.incidents.get(idx)?)));
            return found.ok_or_else(|| format!("no incident {wanted}: there are {n_incidents}"));
        }
        let matches = |(_, incident): &(usize, &Incident)| !wanted.is_empty() && incident.id.starts_with(wanted);
        let mut found = self.incidents.iter().enumerate().filter(matches);
        match (found.next(), found.next()) {
            (Some((idx, incident)), None) => Ok((idx + 1, incident)),
            (None, _) => Err(format!("no incident {wanted:?} among {n_incidents}")),
            (Some((_, one)), Some((_, other))) => {
                let exact = self.incidents.iter().position(|incident| incident.id == wanted);
                let ambiguous = || format!("{wanted:?} is the start of {} and {}: give more of it", one.id, other.id);
                exact.map(|idx| (idx + 1, &self.incidents[idx])).ok_or_else(ambiguous)
            }
        }
    }
}
