//! What people decided about incidents: how work on each stands, and what need not be shown for a while.

use crate::table::Table;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use tracewell_aggregator::disk::{Disk, Family};
use tracewell_aggregator::{Confirmed, Exception, ExceptionId, Incident, Matcher};
use tracewell_alert_scorer::{Severity, Signature};
use tracewell_api::v1::{Scope, Status, Verdict};
use tracewell_graph_core::fleet::Disputed;
use tracewell_model::{EventNs, Str};

/// Incidents that something is decided about.
const DECISIONS_MAX: usize = 100_000;
/// Rare operations of a confirmed attack that are disputed.
const DISPUTED_MAX: usize = 256;
/// Notes of an incident.
const NOTES_MAX: usize = 100;

/// How work on an incident stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    status: i32,
    verdict: i32,
    pub assignee: String,
    pub notes: Vec<Note>,
    /// Of the story, when the verdict was given: 32 hexadecimal digits.
    signature: String,
    /// What it did then that was rare, by generalised executable and object, if it is confirmed.
    #[serde(default)]
    disputed: BTreeSet<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Seconds since 1970.
    pub time: u64,
    pub author: String,
    pub text: String,
}

/// What is to be changed; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub status: Option<Status>,
    pub verdict: Option<(Verdict, Story)>,
    pub assignee: Option<String>,
    pub note: Option<Note>,
}

/// What a verdict is about.
#[derive(Clone, Debug)]
pub struct Story {
    pub signature: Signature,
    /// What it did that was rare, by generalised executable and object; the first [`DISPUTED_MAX`] of it count.
    pub rare: BTreeSet<(Str, Str)>,
}

impl Story {
    pub fn of(incident: &Incident) -> Self {
        let rare = incident.members.iter().flat_map(|graph| Disputed::of(graph)).collect();
        Self { signature: incident.signature, rare }
    }
}

impl Decision {
    /// New until somebody says otherwise.
    pub fn status(&self) -> Status {
        match Status::try_from(self.status) {
            Ok(Status::Unspecified) | Err(_) => Status::New,
            Ok(status) => status,
        }
    }

    pub fn verdict(&self) -> Verdict {
        match Verdict::try_from(self.verdict) {
            Ok(Verdict::Unspecified) | Err(_) => Verdict::Undecided,
            Ok(verdict) => verdict,
        }
    }
}

/// An exception as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The incident that it was made from.
    pub incident: String,
    pub owner: String,
    pub reason: String,
    /// Nanoseconds since 1970, of event time.
    expires: u64,
    severity: String,
    matcher: KeptMatcher,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptMatcher {
    Signature(String),
    Label(String),
}

impl Kept {
    pub fn of(incident: String, exception: &Exception) -> Self {
        Self {
            incident,
            owner: exception.owner.to_string(),
            reason: exception.why.to_string(),
            expires: exception.expires.0,
            severity: exception.severity_max.name().into(),
            matcher: match &exception.matcher {
                Matcher::Signature(signature) => KeptMatcher::Signature(signature.to_string()),
                Matcher::Label(label) => KeptMatcher::Label(label.to_string()),
            },
        }
    }

    /// `None` if a newer program wrote it.
    pub fn exception(&self) -> Option<Exception> {
        Some(Exception {
            owner: self.owner.as_str().into(),
            why: self.reason.as_str().into(),
            expires: EventNs(self.expires),
            severity_max: Severity::from_name(&self.severity)?,
            matcher: match &self.matcher {
                KeptMatcher::Signature(signature) => Matcher::Signature(parse(signature)?),
                KeptMatcher::Label(label) => Matcher::Label(label.as_str().into()),
            },
        })
    }

    pub fn scope(&self) -> Scope {
        match self.matcher {
            KeptMatcher::Signature(_) => Scope::Story,
            KeptMatcher::Label(_) => Scope::Label,
        }
    }
}

fn parse(signature: &str) -> Option<Signature> {
    u128::from_str_radix(signature, 16).ok().map(Signature)
}

/// All of them; each is named by the digits of its incident's or its own id.
pub struct Decisions {
    by_incident: Table<Decision>,
    exceptions: Table<Kept>,
}

impl Decisions {
    /// # Errors
    /// When the store cannot be read.
    pub fn open(disk: &Disk) -> Result<Self> {
        let by_incident = Table::open(disk.clone(), Family::Decisions)?;
        Ok(Self { by_incident, exceptions: Table::open(disk.clone(), Family::Exceptions)? })
    }

    pub fn of(&self, incident: &str) -> Decision {
        self.by_incident.rows().get(incident).cloned().unwrap_or_default()
    }

    /// # Errors
    /// When there are too many, or it cannot be written.
    pub fn decide(&mut self, incident: &str, change: Change) -> Result<Decision> {
        let known = self.by_incident.rows();
        let has_room = known.len() < DECISIONS_MAX || known.contains_key(incident);
        ensure!(has_room, "there are {DECISIONS_MAX} decisions, no more fit");
        let mut decision = self.of(incident);
        decision.status = change.status.unwrap_or(decision.status()).into();
        if let Some((verdict, Story { signature, rare })) = change.verdict {
            (decision.verdict, decision.signature) = (verdict.into(), signature.to_string());
            let n_disputed = if verdict == Verdict::Confirmed { DISPUTED_MAX } else { 0 };
            let rare = rare.iter().map(|(executable, object)| (executable.to_string(), object.to_string()));
            decision.disputed = rare.take(n_disputed).collect();
        }
        if let Some(assignee) = change.assignee {
            decision.assignee = assignee;
        }
        if let Some(note) = change.note {
            ensure!(decision.notes.len() < NOTES_MAX, "it has {NOTES_MAX} notes, no more fit");
            decision.notes.push(note);
        }
        self.by_incident.put(incident, decision.clone())?;
        Ok(decision)
    }

    /// What was found to be attacks.
    pub fn confirmed(&self) -> Confirmed {
        let mut found = Confirmed::default();
        let decisions = self.by_incident.rows().values();
        for decision in decisions.filter(|decision| decision.verdict() == Verdict::Confirmed) {
            found.signatures.extend(parse(&decision.signature));
            for (executable, object) in &decision.disputed {
                found.disputed.add(executable.as_str().into(), object.as_str().into());
            }
        }
        found
    }

    pub fn exceptions(&self) -> &BTreeMap<String, Kept> {
        self.exceptions.rows()
    }

    /// # Errors
    /// When it cannot be written.
    pub fn except(&mut self, id: ExceptionId, kept: Kept) -> Result<()> {
        Ok(self.exceptions.put(&id.to_string(), kept)?)
    }

    /// # Errors
    /// When there is none, or it cannot be written.
    pub fn unexcept(&mut self, id: ExceptionId) -> Result<()> {
        ensure!(self.exceptions.remove(&id.to_string())?.is_some(), "there is no exception {id}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_outlast_the_process_and_leave_the_rest_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        let mut decisions = Decisions::open(&disk).unwrap();
        let note = Note { time: 1, author: "kim".into(), text: "seen".into() };
        decisions.decide("a", Change { status: Some(Status::Open), note: Some(note), ..Change::default() }).unwrap();
        let story = Story { signature: Signature(7), rare: [("/bin/a".into(), "/bin/b".into())].into() };
        let verdict = Some((Verdict::Confirmed, story.clone()));
        decisions.decide("a", Change { verdict, assignee: Some("lee".into()), ..Change::default() }).unwrap();
        let exception = Exception {
            owner: "kim".into(),
            why: "a test".into(),
            expires: EventNs(5),
            severity_max: Severity::High,
            matcher: Matcher::Signature(Signature(9)),
        };
        decisions.except(ExceptionId(3), Kept::of("b".into(), &exception)).unwrap();

        let mut again = Decisions::open(&disk).unwrap();
        let decision = again.of("a");
        assert_eq!((decision.status(), decision.verdict()), (Status::Open, Verdict::Confirmed));
        assert_eq!((decision.assignee.as_str(), decision.notes.len()), ("lee", 1));
        assert_eq!((again.of("b").status(), again.of("b").verdict()), (Status::New, Verdict::Undecided));
        let mut disputed = Disputed::default();
        disputed.add("/bin/a".into(), "/bin/b".into());
        assert_eq!(again.confirmed(), Confirmed { signatures: [Signature(7)].into(), disputed });
        let benign = Some((Verdict::FalseAlarm, story));
        again.decide("a", Change { verdict: benign, ..Change::default() }).unwrap();
        assert_eq!(again.confirmed(), Confirmed::default());
        let id = ExceptionId(3).to_string();
        assert_eq!(again.exceptions()[&id].exception(), Some(exception));
        again.unexcept(ExceptionId(3)).unwrap();
        assert_eq!(again.unexcept(ExceptionId(3)).unwrap_err().to_string(), "there is no exception 0000000000000003");
    }
}
