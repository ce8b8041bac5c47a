//! What analysts decided need not be shown again: by whom, until when, and up to which severity.

use crate::{Incident, IncidentId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use tracewell_alert_scorer::{Severity, Signature};
use tracewell_model::{EventNs, NodeRole, Str};

/// Exceptions of one aggregator. A site that needs more should look for what makes the noise.
const EXCEPTIONS_MAX: usize = 10_000;

/// One decision. It hides nothing for good: it ends, and a rise in severity passes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Who answers for it.
    pub owner: Str,
    pub why: Str,
    /// Incidents that went on until this moment of event time or later are shown.
    pub expires: EventNs,
    /// Incidents above this are shown.
    pub severity_max: Severity,
    pub matcher: Matcher,
}

/// What an exception speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// This very story, wherever it happens.
    Signature(Signature),
    /// Stories in which everything that stands out has this generalised label.
    Label(Str),
}

/// Names an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExceptionId(pub u64);

impl fmt::Display for ExceptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What an exception would hide of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Best first.
    pub incidents: Vec<IncidentId>,
    pub highest: Option<Severity>,
    pub n_members: u64,
}

/// Why an exception was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExceptionError {
    #[error("exception has no {what}, expected a text")]
    Empty { what: &'static str },
    #[error("exception would be one more than the {max} that fit")]
    TooMany { max: usize },
}

impl Exception {
    pub fn hides(&self, incident: &Incident) -> bool {
        incident.last < self.expires && incident.severity <= self.severity_max && self.matcher.matches(incident)
    }

    /// What it would hide of incidents given best first.
    pub fn preview<'a>(&self, incidents: impl IntoIterator<Item = &'a Incident>) -> Preview {
        let mut preview = Preview::default();
        for incident in incidents.into_iter().filter(|incident| self.hides(incident)) {
            preview.incidents.push(incident.id);
            preview.highest = preview.highest.max(Some(incident.severity));
            preview.n_members += incident.members.len() as u64;
        }
        preview
    }
}

impl Matcher {
    /// For what stands out in an incident, if that has one generalised label.
    pub fn label_of(incident: &Incident) -> Option<Self> {
        let labels = labels(incident);
        (labels.len() == 1).then(|| labels.first().map(|label| Self::Label((*label).clone()))).flatten()
    }

    /// Incidents without members, as a forked host, are matched by nothing.
    fn matches(&self, incident: &Incident) -> bool {
        match self {
            Self::Signature(signature) => !incident.members.is_empty() && incident.signature == *signature,
            Self::Label(label) => labels(incident) == BTreeSet::from([label]),
        }
    }
}

/// Of all that stands out in an incident.
fn labels(incident: &Incident) -> BTreeSet<&Str> {
    let nodes = incident.members.iter().flat_map(|graph| graph.nodes.values());
    nodes.filter(|node| node.role == NodeRole::Terminal).map(|node| &node.general).collect()
}

/// The decisions that hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exceptions {
    by_id: BTreeMap<ExceptionId, Exception>,
    /// Stories that were found to be attacks: no exception hides them.
    confirmed: BTreeSet<Signature>,
}

impl Exceptions {
    pub fn add(&mut self, id: ExceptionId, exception: Exception) -> Result<(), ExceptionError> {
        for (what, text) in [("owner", &exception.owner), ("reason", &exception.why)] {
            if text.trim().is_empty() {
                return Err(ExceptionError::Empty { what });
            }
        }
        if self.by_id.len() >= EXCEPTIONS_MAX {
            return Err(ExceptionError::TooMany { max: EXCEPTIONS_MAX });
        }
        self.by_id.insert(id, exception);
        Ok(())
    }

    pub fn remove(&mut self, id: ExceptionId) {
        self.by_id.remove(&id);
    }

    pub fn confirm(&mut self, signatures: BTreeSet<Signature>) {
        self.confirmed = signatures;
    }

    pub fn hide(&self, incident: &Incident) -> bool {
        !self.confirmed.contains(&incident.signature) && self.by_id.values().any(|exception| exception.hides(incident))
    }
}
