//! Records in, and records of what was found in files out.

use crate::files::{FileId, Files};
use crate::open::{Identify, Refused};
use crate::rules::{Match, NotRun, Rules, RulesError};
use crate::scan::{Outcome, Verdict};
use crate::scanner::{Answer, Scanner};
use crate::{Limits, Reason, Request, Wanted};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tracewell_model::{EventNs, FileRef, FindingRecord, HostId, Object, Operation, ProcessRef, Record};

/// The name that findings carry.
const ID: &str = "yara";
/// Processes that wait for what one file holds; further ones are not told.
const ASKERS_MAX: usize = 128;

/// What became of files, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub scanned: u64,
    /// Files that did not change since they were scanned.
    pub known: u64,
    /// Of both, those in which a rule held.
    pub matched: u64,
    pub too_large: u64,
    pub gone: u64,
    /// Not found by a name that is no UTF-8.
    pub nameless: u64,
    pub not_regular: u64,
    /// On filesystems that others answer for.
    pub elsewhere: u64,
    pub unreadable: u64,
    /// Scanned as far as they were read.
    pub changed: u64,
    pub timed_out: u64,
    pub failed: u64,
    /// Requests for which the queue had no room.
    pub dropped: u64,
    /// What further processes did to a file that so many others were waiting for.
    pub crowded: u64,
    /// Written files that were given up, since too many waited to be complete.
    pub given_up: u64,
}

/// How it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub n_rules: usize,
    pub counts: Counts,
    /// Requests without an answer, and written files that are not complete.
    pub n_waiting: usize,
    pub n_pending: usize,
    /// For how long the scan at hand has been going on.
    pub busy: Duration,
}

pub struct Watcher {
    host: HostId,
    limits: Limits,
    files: Files,
    scanner: Scanner,
    /// Who wants to know, by the number of a request.
    asked: HashMap<u64, Vec<(ProcessRef, Reason)>>,
    /// Requests about files that nobody has written to since: who deals with such a file now will see the same.
    standing: HashMap<FileId, u64>,
    next: u64,
    n_rules: usize,
    is_on: bool,
    counts: Counts,
}

impl Watcher {
    /// Runs `rules` from now on.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(host: HostId, rules: Rules, limits: Limits, identify: Identify) -> io::Result<Self> {
        let n_rules = rules.len();
        Ok(Self {
            host,
            limits,
            files: Files::new(limits.quiet_ns),
            scanner: Scanner::start(rules, limits, identify)?,
            asked: HashMap::new(),
            standing: HashMap::new(),
            next: 0,
            n_rules,
            is_on: true,
            counts: Counts::default(),
        })
    }

    /// Has the rules of a folder be read anew, or none be run, within other limits; the length of the queue stays. What came of it is told
    /// by [`Self::answers`]. Whether it will be done.
    pub fn change(&mut self, folder: Option<PathBuf>, limits: Limits) -> bool {
        let limits = Limits { queue_max: self.limits.queue_max, ..limits };
        let is_on = folder.is_some();
        if !self.scanner.change(folder, limits) {
            return false;
        }
        (self.limits, self.is_on) = (limits, is_on);
        self.files.set_quiet_ns(limits.quiet_ns);
        true
    }

    /// Looks at a record, and has the file be looked at that it makes worth it. Waits for nobody.
    pub fn look(&mut self, record: &Record) {
        if !self.is_on {
            return;
        }
        match record {
            Record::Event(event) => {
                if let (Object::File(file), Operation::Write | Operation::Create | Operation::Truncate) =
                    (&event.object, event.op)
                {
                    self.written(file);
                }
                if let Some(wanted) = self.files.look(record) {
                    self.ask(wanted);
                }
            }
            // Each second of a live stream. What finds no room stays where it is.
            Record::Tick { time, .. } => {
                while self.asked.len() < self.limits.queue_max
                    && let Some(wanted) = self.files.next_due(*time)
                {
                    self.ask(wanted);
                }
            }
            _ => {}
        }
    }

    /// What was found since, as records of `now`. `told` hears what came of rules that were read anew.
    pub fn answers(&mut self, now: EventNs, told: &mut dyn FnMut(Result<Vec<NotRun>, RulesError>)) -> Vec<Record> {
        let mut records = Vec::new();
        while let Some(answer) = self.scanner.answer() {
            self.take(answer, now, told, &mut records);
        }
        records
    }

    /// The same, but waits until nothing is asked for any more, or until `at_most` has passed.
    pub fn last_answers(&mut self, now: EventNs, at_most: Duration) -> Vec<Record> {
        let (mut records, until) = (Vec::new(), Instant::now() + at_most);
        while !self.asked.is_empty()
            && let Some(answer) = self.scanner.wait(until.saturating_duration_since(Instant::now()))
        {
            self.take(answer, now, &mut |_| (), &mut records);
        }
        records
    }

    /// Whether rules are run, or will be once they were read.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    pub fn state(&self) -> State {
        State {
            n_rules: self.n_rules,
            counts: Counts { given_up: self.files.n_given_up(), ..self.counts },
            n_waiting: self.asked.len(),
            n_pending: self.files.n_pending(),
            busy: self.scanner.busy(),
        }
    }

    /// What is under way may be of before the write.
    fn written(&mut self, file: &FileRef) {
        if !self.standing.is_empty()
            && let Some(id) = FileId::of(file)
        {
            self.standing.remove(&id);
        }
    }

    fn ask(&mut self, wanted: Wanted) {
        let (Some(id), Some(&(process, reason))) = (FileId::of(&wanted.file), wanted.by.first()) else { return };
        if let Some(by) = self.standing.get(&id).and_then(|number| self.asked.get_mut(number)) {
            for asker in wanted.by {
                match by.len() < ASKERS_MAX {
                    _ if by.contains(&asker) => {}
                    true => by.push(asker),
                    false => self.counts.crowded += 1,
                }
            }
            return;
        }
        let request = Request { number: self.next, file: wanted.file, process, reason };
        if self.asked.len() >= self.limits.queue_max || !self.scanner.ask(request) {
            self.counts.dropped += 1;
            return;
        }
        self.asked.insert(self.next, wanted.by);
        self.standing.insert(id, self.next);
        self.next += 1;
    }

    fn take(
        &mut self,
        answer: Answer,
        now: EventNs,
        told: &mut dyn FnMut(Result<Vec<NotRun>, RulesError>),
        records: &mut Vec<Record>,
    ) {
        match answer {
            Answer::Scanned(request, verdict) => {
                let by = self.asked.remove(&request.number).unwrap_or_default();
                if let Some(id) = FileId::of(&request.file)
                    && self.standing.get(&id) == Some(&request.number)
                {
                    self.standing.remove(&id);
                }
                self.count(&verdict);
                for (process, reason) in by {
                    let found = verdict.matches.iter();
                    records.extend(found.map(|found| self.record(&request, process, reason, found, now)));
                }
            }
            Answer::Changed(Ok((n_rules, not_run))) => {
                self.n_rules = n_rules;
                told(Ok(not_run));
            }
            Answer::Changed(Err(error)) => told(Err(error)),
        }
    }

    fn record(&self, request: &Request, process: ProcessRef, reason: Reason, found: &Match, now: EventNs) -> Record {
        let path = request.file.path.as_deref().unwrap_or("a file without a name");
        let places = if found.told.is_empty() { String::new() } else { format!("; {}", found.told) };
        Record::Finding(FindingRecord {
            host: self.host,
            time: now,
            process,
            object: Object::File(request.file.clone()),
            detector: ID.into(),
            severity: found.severity,
            title: found.title.clone(),
            reason: format!("{path} was {}{places}", reason.name()).into(),
            techniques: found.techniques.clone(),
        })
    }

    fn count(&mut self, verdict: &Verdict) {
        let counts = &mut self.counts;
        counts.matched += u64::from(!verdict.matches.is_empty());
        *match verdict.outcome {
            Outcome::Scanned => &mut counts.scanned,
            Outcome::Known => &mut counts.known,
            Outcome::Changed => &mut counts.changed,
            Outcome::TimedOut => &mut counts.timed_out,
            Outcome::Failed => &mut counts.failed,
            Outcome::Refused(Refused::Gone) => &mut counts.gone,
            Outcome::Refused(Refused::Nameless) => &mut counts.nameless,
            Outcome::Refused(Refused::NotRegular) => &mut counts.not_regular,
            Outcome::Refused(Refused::TooLarge { .. }) => &mut counts.too_large,
            Outcome::Refused(Refused::Elsewhere) => &mut counts.elsewhere,
            Outcome::Refused(Refused::Unreadable(_)) => &mut counts.unreadable,
        } += 1;
    }
}
