//! What can be asked of a running aggregator, and what it answers: one JSON value a line.

use crate::registry::Labels;
use serde::{Deserialize, Serialize};
use tracewell_aggregator::document::alerts::Alerts;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A token that holds for so many seconds.
    Token {
        seconds: u64,
        uses: u64,
        labels: Labels,
        host: Option<u64>,
    },
    Tokens,
    Hosts,
    Revoke {
        host: u64,
    },
    Incidents,
    /// Have all that there is copied to a folder that is not there yet: an absolute path.
    Backup {
        folder: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Token(String),
    Tokens(Vec<TokenLine>),
    Hosts(Vec<HostLine>),
    Revoked,
    Incidents(Box<Alerts>),
    BackedUp,
    Error(String),
}

/// A token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenLine {
    pub id: String,
    /// Seconds until it expires; 0 for one that has.
    pub seconds_left: u64,
    pub uses_left: u64,
    pub labels: Labels,
    /// The host that it enrols again.
    pub host: Option<String>,
}

/// A host of the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostLine {
    pub id: String,
    /// What it called itself when it was enrolled.
    pub name: String,
    pub labels: Labels,
    pub connected: bool,
    pub revoked: bool,
    pub enrolments: u64,
    /// Seconds since 1970.
    pub enrolled: u64,
    pub enrolled_from: String,
    /// The token that it came with, last.
    pub token: String,
    /// Of its agent; `None` before it has said anything.
    pub version: Option<String>,
    /// Event time that it has reached, as RFC 3339.
    pub latest: Option<String>,
    pub alerts: u64,
    /// Frames whose content could not be read, and is lost.
    #[serde(default)]
    pub refused_frames: u64,
    /// Frames that never came, though later ones did.
    #[serde(default)]
    pub missing_frames: u64,
    /// Frames that had to wait since the host sent more than it may, since the aggregator was started.
    #[serde(default)]
    pub waited_frames: u64,
    pub settled: bool,
    pub forked: bool,
}
