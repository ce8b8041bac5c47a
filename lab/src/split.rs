//! From the recording of the machine to that of the lab's hosts.
//!
//! What is kept, and what is changed, in one pass and in order:
//! - Only what processes of recorded hosts did is kept: those that the launcher started there, from the moment when they run a
//!   program of the host, and all that descend from them.
//! - The host of each record becomes the lab's host. References to processes outside of it are left out.
//! - Marks (`notes::MARKS`) become the answer to the question which process belongs to which step, and are taken out: the
//!   events, and their text in command lines.
//! - Times move on by the scenario's pauses, and so do the starts of processes, out of which the number that tells boots apart is taken.
//! - What comes after the scenario's end is left out: the agent records several at once, until the last has ended.
//! - Losses of the machine are losses of each host: nobody can say whose they were.
//!
//! Nothing is added, and nothing else is changed.

use crate::notes::{MARKS, Notes};
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::path::Path;
use tracewell_datasets::{ReadOptions, open};
use tracewell_model::{
    Detail, Event, HostId, HostRecord, LossRecord, Object, Operation, ProcessRecord, ProcessRef, Record, Str,
};

/// Records of one scenario that are kept.
const RECORDS_MAX: usize = 5_000_000;
/// The bits of a start that are ticks; above them is the mark of the boot (agent/src/translate/clock.rs).
const TICKS: u64 = (1 << 40) - 1;

/// A process said which step it belongs to from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Records of the result before it.
    pub at: usize,
    pub host: HostId,
    pub process: ProcessRef,
    /// Index into [`Notes::marks`].
    pub mark: usize,
}

#[derive(Debug, Default)]
pub struct Split {
    pub records: Vec<Record>,
    pub marks: Vec<Mark>,
    pub lost: u64,
}

struct Member {
    host: HostId,
    /// Until a process that the launcher started runs a program of the host, it is the launcher.
    is_in: bool,
}

struct Splitter<'a> {
    notes: &'a Notes,
    hosts: Vec<HostId>,
    members: HashMap<(u32, u64), Member>,
    out: Split,
}

/// Reads the recording of the machine.
///
/// # Errors
/// When it cannot be read, or has no end.
pub fn split(recording: &Path, hosts: &[String], notes: &Notes) -> Result<Split> {
    let mut splitter = Splitter { notes, hosts: Vec::new(), members: HashMap::new(), out: Split::default() };
    for name in hosts {
        let host = HostId::from_name(name);
        splitter.hosts.push(host);
        splitter.out.records.push(Record::Host(HostRecord { host, name: Str::from(name.as_str()) }));
    }
    for root in &notes.roots {
        let host = HostId::from_name(&root.host);
        splitter.members.insert((root.pid, root.ticks), Member { host, is_in: false });
    }
    let reader = open(recording, None, &ReadOptions::default()).context("opening the recording of the machine")?;
    let is_over = |record: &Record| record.time().zip(notes.end).is_some_and(|(time, end)| time > end);
    for record in reader {
        let record = record.context("reading the recording of the machine")?;
        if !is_over(&record) {
            splitter.record(record);
        }
        ensure!(splitter.out.records.len() <= RECORDS_MAX, "a scenario has at most {RECORDS_MAX} records");
    }
    Ok(splitter.out)
}

impl Splitter<'_> {
    fn record(&mut self, record: Record) {
        match record {
            Record::Process(process) => self.process(process),
            Record::Event(event) => self.event(event),
            Record::Tick { time, .. } => {
                let time = self.notes.event_time(time);
                self.out.records.extend(self.hosts.iter().map(|&host| Record::Tick { host, time }));
            }
            Record::Loss(loss) => {
                let time = self.notes.event_time(loss.time);
                self.out.lost += loss.n_events;
                let losses = self.hosts.iter().map(|&host| Record::Loss(LossRecord { host, time, ..loss }));
                self.out.records.extend(losses);
            }
            // Nothing in the lab finds anything beside events.
            Record::Host(_) | Record::Finding(_) | Record::Checkpoint(_) | Record::History(_) => {}
        }
    }

    fn process(&mut self, record: ProcessRecord) {
        let Some(host) = self.host_of(record.process) else { return };
        let cmdline = record.cmdline.map(without_marks);
        let parent =
            record.parent.filter(|parent| self.host_of(*parent) == Some(host)).map(|parent| self.plain(parent));
        let time = self.notes.event_time(record.time);
        let process = self.plain(record.process);
        self.out.records.push(Record::Process(ProcessRecord { host, time, process, parent, cmdline, ..record }));
    }

    fn event(&mut self, event: Event) {
        let Some(member) = self.members.get_mut(&key(event.subject)) else { return };
        member.is_in |= event.op == Operation::Exec && event.errno == 0;
        if !member.is_in {
            return;
        }
        let host = member.host;
        if let (Operation::Fork, Object::Process(child)) = (event.op, &event.object) {
            self.members.insert(key(*child), Member { host, is_in: true });
        }
        if let Some(mark) = mark_of(&event.object) {
            let Ok(mark) = mark.parse() else { return };
            let process = self.plain(event.subject);
            self.out.marks.push(Mark { at: self.out.records.len(), host, process, mark });
            return;
        }
        let object = match event.object {
            Object::Process(other) if self.host_of(other) != Some(host) => return,
            Object::Process(other) => Object::Process(self.plain(other)),
            other => other,
        };
        let detail = match event.detail {
            Detail::Exec { cmdline, environment } => Detail::Exec { cmdline: cmdline.map(without_marks), environment },
            other => other,
        };
        let (time, subject) = (self.notes.event_time(event.time), self.plain(event.subject));
        self.out.records.push(Record::Event(Event { time, host, subject, object, detail, ..event }));
    }

    fn plain(&self, process: ProcessRef) -> ProcessRef {
        ProcessRef { start: self.notes.event_ticks(process.start & TICKS), ..process }
    }

    fn host_of(&self, process: ProcessRef) -> Option<HostId> {
        self.members.get(&key(process)).filter(|member| member.is_in).map(|member| member.host)
    }
}

fn key(process: ProcessRef) -> (u32, u64) {
    (process.pid, process.start & TICKS)
}

fn mark_of(object: &Object) -> Option<&str> {
    match object {
        Object::File(file) => file.path.as_deref()?.strip_prefix(MARKS),
        _ => None,
    }
}

/// A mark as [`crate::Step::mark`] gives it, plain and as it stands in the query of a URL: before the number, and behind it.
const FORMS: [(&str, &str); 2] = [(": <", "; "), ("%3A%20%3C", ";%20")];

/// A command line as it would be without marks.
fn without_marks(text: Str) -> Str {
    let mut clean = text.to_string();
    for (before, behind) in FORMS {
        let mark = format!("{before}{MARKS}");
        while let Some(start) = clean.find(&mark) {
            let rest = &clean[start + mark.len()..];
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            // At the end of the line there is no blank.
            let rest = rest.strip_prefix(behind).or(rest.strip_prefix(';')).unwrap_or(rest);
            clean = clean[..start].to_owned() + rest;
        }
    }
    if clean.len() == text.len() { text } else { clean.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_leave_no_trace_in_command_lines() {
        for (marked, clean) in [
            ("sh -c ping -c1 x; : </run/lab/12; id", "sh -c ping -c1 x; id"),
            ("sh -c : </run/lab/0;", "sh -c "),
            ("a : </run/lab/1; b; : </run/lab/2; c", "a b; c"),
            ("httpd -d x;%3A%20%3C/run/lab/3;%20id", "httpd -d x;id"),
            ("cat /run/lab", "cat /run/lab"),
        ] {
            assert_eq!(&*without_marks(marked.into()), clean);
        }
    }
}
