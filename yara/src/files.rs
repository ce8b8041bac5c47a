//! Which files are to be looked at, and when: decided by records and their times alone.

use lru::LruCache;
use std::num::NonZeroUsize;
use tracewell_model::{Detail, Event, EventNs, FileKind, FileRef, Inode, Object, Operation, ProcessRef, Record, Str};

/// Files that were written to and are not complete yet. At the bound the one not written to for longest is given up, and counted.
pub const PENDING_MAX: NonZeroUsize = NonZeroUsize::new(8192).expect("it is not zero");
/// A file that never comes to rest is looked at after so many quiet times all the same.
const RESTLESS: u64 = 30;

/// What a file is known by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FileId {
    Inode(Inode),
    Path(Str),
}

impl FileId {
    /// `None` for a file that the source cannot tell from others, or that was not on this machine.
    pub fn of(file: &FileRef) -> Option<Self> {
        match (file.inode, &file.path) {
            (Some(inode), _) => Some(Self::Inode(inode)),
            (None, Some(path)) => Some(Self::Path(path.clone())),
            (None, None) => None,
        }
    }
}

/// Why a file is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    Executed,
    /// A script that an exec named, run by an interpreter.
    ScriptRun,
    /// Written shortly before, and then mapped as code.
    Mapped,
    Written,
}

impl Reason {
    /// What the process did.
    pub fn name(self) -> &'static str {
        match self {
            Self::Executed => "executed",
            Self::ScriptRun => "run as a script",
            Self::Mapped => "mapped as code",
            Self::Written => "written",
        }
    }
}

/// A file to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub file: FileRef,
    /// Who did what to it; the first is who did it last.
    pub by: Vec<(ProcessRef, Reason)>,
}

struct Pending {
    file: FileRef,
    writer: ProcessRef,
    /// The first write, or when it was last looked at; and the last.
    since: EventNs,
    last: EventNs,
}

/// Listens to the stream. A written file is complete when it is executed, or when nobody has written to it for a while of event time:
/// there is no operation that closes a file.
pub struct Files {
    quiet_ns: u64,
    /// In order of the last write.
    pending: LruCache<FileId, Pending>,
    /// The last exec: what it maps at the same moment is the script that it named.
    last_exec: Option<(ProcessRef, EventNs)>,
    n_given_up: u64,
}

impl Files {
    pub fn new(quiet_ns: u64) -> Self {
        Self { quiet_ns, pending: LruCache::new(PENDING_MAX), last_exec: None, n_given_up: 0 }
    }

    pub fn set_quiet_ns(&mut self, quiet_ns: u64) {
        self.quiet_ns = quiet_ns;
    }

    /// The file that a record makes worth looking at at once.
    pub fn look(&mut self, record: &Record) -> Option<Wanted> {
        let Record::Event(event) = record else { return None };
        let Object::File(file) = &event.object else { return None };
        if event.errno != 0 {
            return None;
        }
        match event.op {
            Operation::Exec => {
                self.last_exec = Some((event.subject, event.time));
                self.run(file, event.subject, Reason::Executed)
            }
            Operation::MapExecutable => {
                let is_script = self.last_exec == Some((event.subject, event.time));
                let is_pending = || FileId::of(file).is_some_and(|id| self.pending.contains(&id));
                if is_script {
                    self.run(file, event.subject, Reason::ScriptRun)
                } else if is_pending() {
                    self.run(file, event.subject, Reason::Mapped)
                } else {
                    None
                }
            }
            Operation::Write | Operation::Create | Operation::Truncate => self.written(file, event),
            Operation::Rename => {
                self.renamed(file, &event.detail);
                None
            }
            _ => None,
        }
    }

    /// The next file that has come to rest by `now`.
    pub fn next_due(&mut self, now: EventNs) -> Option<Wanted> {
        let (_, oldest) = self.pending.peek_lru()?;
        if now.since(oldest.last) < self.quiet_ns {
            return None;
        }
        let (_, pending) = self.pending.pop_lru()?;
        Some(Wanted { file: pending.file, by: vec![(pending.writer, Reason::Written)] })
    }

    /// Files that wait to be complete.
    pub fn n_pending(&self) -> usize {
        self.pending.len()
    }

    /// Files that were never looked at since too many waited.
    pub fn n_given_up(&self) -> u64 {
        self.n_given_up
    }

    fn run(&mut self, file: &FileRef, by: ProcessRef, reason: Reason) -> Option<Wanted> {
        if !matches!(file.kind, FileKind::Regular | FileKind::Memory | FileKind::Unknown) {
            return None;
        }
        let mut by = vec![(by, reason)];
        if let Some(pending) = self.pending.pop(&FileId::of(file)?) {
            by.push((pending.writer, Reason::Written));
        }
        Some(Wanted { file: file.clone(), by })
    }

    fn written(&mut self, file: &FileRef, event: &Event) -> Option<Wanted> {
        if !matches!(file.kind, FileKind::Regular | FileKind::Unknown) {
            return None;
        }
        let id = FileId::of(file)?;
        if let Some(pending) = self.pending.get_mut(&id) {
            (pending.writer, pending.last) = (event.subject, pending.last.max(event.time));
            if file.path.is_some() && file.path != pending.file.path {
                pending.file.path = file.path.clone();
            }
            if event.time.since(pending.since) < self.quiet_ns.saturating_mul(RESTLESS) {
                return None;
            }
            pending.since = event.time;
            return Some(Wanted { file: pending.file.clone(), by: vec![(event.subject, Reason::Written)] });
        }
        let pending = Pending { file: file.clone(), writer: event.subject, since: event.time, last: event.time };
        if self.pending.push(id, pending).is_some() {
            self.n_given_up += 1;
        }
        None
    }

    /// What is moved stays what it is, and is found in its new place.
    fn renamed(&mut self, file: &FileRef, detail: &Detail) {
        let (Detail::NewPath { path, .. }, Some(id)) = (detail, FileId::of(file)) else { return };
        match &id {
            FileId::Inode(_) => {
                if let Some(pending) = self.pending.peek_mut(&id) {
                    pending.file.path = Some(path.clone());
                }
            }
            FileId::Path(_) => {
                if let Some(mut pending) = self.pending.pop(&id) {
                    pending.file.path = Some(path.clone());
                    self.n_given_up += u64::from(self.pending.push(FileId::Path(path.clone()), pending).is_some());
                }
            }
        }
    }
}
