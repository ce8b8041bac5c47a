//! From what the kernel side says to records of the model, in the order of their times.
//!
//! [`Translator`] keeps what single records do not say: who runs which program ([`processes`]), which path a file was last
//! known by ([`paths`]), and how the kernel's clock lies to the calendar ([`clock`]). [`parse`] reads the bytes of a
//! record; then each kind of thing has its file: [`mod@file`], [`names`], [`socket`], [`process`].
//!
//! Everything that comes from the kernel is bounded and checked: what cannot be understood becomes a counted loss.

mod clock;
mod file;
mod names;
mod parse;
mod paths;
mod process;
mod processes;
mod socket;
mod text;

pub use clock::Clock;

use crate::live::snapshot::{Known, KnownSocket, Snapshot};
use crate::redact::Redactor;
use crate::sensor::Item;
use parse::Parsed;
use paths::Paths;
use processes::Processes;
use std::mem;
use std::path::Path;
use tracewell_event_abi::body::{Body, FileId};
use tracewell_event_abi::collapse::{Key, Open, Sum};
use tracewell_event_abi::head::{Head, Op, flag};
use tracewell_model::{
    Detail, Event, EventFlags, HostId, LossCause, LossRecord, Object, Operation, ProcessRef, Record, SocketRef, Str,
};

pub struct Translator {
    host: HostId,
    clock: Clock,
    processes: Processes,
    paths: Paths,
    machine: Machine,
    out: Vec<Record>,
    n_malformed: u64,
}

/// Says which file a path means now.
pub type Identify = Box<dyn FnMut(&Path) -> Option<FileId> + Send>;

/// What the machine is asked, because records do not say it.
pub struct Machine {
    pub identify: Identify,
    /// The workload that a process belongs to now, by its number and that of the cgroup it was heard of in (0: not known).
    pub workload: Box<dyn FnMut(u32, u64) -> Option<Str> + Send>,
    /// Takes secrets out of command lines and environments.
    pub redactor: Redactor,
    /// Names of the environment variables that are kept.
    pub environment: Vec<String>,
}

impl Translator {
    pub fn new(host: HostId, clock: Clock, machine: Machine) -> Self {
        Self {
            machine,
            host,
            clock,
            processes: Processes::new(clock),
            paths: Paths::default(),
            out: Vec::new(),
            n_malformed: 0,
        }
    }

    /// Changes how secrets are taken out, and which environment variables are kept.
    pub fn set_texts(&mut self, redactor: Redactor, environment: Vec<String>) {
        (self.machine.redactor, self.machine.environment) = (redactor, environment);
    }

    /// Takes what the sensor gave; records that follow from it are in what [`Self::records`] gives.
    pub fn item(&mut self, item: &Item<'_>) {
        match item {
            Item::Record(bytes) => match Parsed::of(bytes) {
                Some(parsed) => self.record(&parsed),
                None => self.n_malformed += 1,
            },
            Item::Sum(key, sum) => self.sum(key, sum),
        }
    }

    /// Takes up what ran before the sensor did. What processes had open is told as if they opened it now, repaired.
    pub fn take_stock(&mut self, snapshot: Snapshot, now: u64) {
        let (host, time) = (self.host, self.clock.time(now));
        for mut known in snapshot.processes {
            let (files, sockets) = (mem::take(&mut known.files), mem::take(&mut known.sockets));
            let namespace = known.mount_namespace;
            let known = self.without_secrets(known);
            let tgid = known.tgid;
            let record = self.processes.take_up(host, time, known);
            let subject = record.process;
            self.out.push(Record::Process(record));
            let mut push = |op, object| {
                let event = Event { flags: EventFlags::REPAIRED, ..Event::new(time, host, subject, op, object) };
                self.out.push(Record::Event(event));
            };
            for (file, path) in files {
                let path = Str::from(path);
                let kind = file::kind_of(&file, Some(&path));
                let path = self.paths.learn(namespace, paths::inode(&file), kind, path);
                push(Operation::Open, Object::File(file::file_ref(&file, Some(path))));
            }
            for socket in sockets {
                let cookie = Some((u64::from(socket.net_namespace), socket.ino));
                let KnownSocket { op, protocol, local, remote, path, .. } = socket;
                let path = path.map(Str::from);
                push(op, Object::Socket(SocketRef { cookie, protocol, local, remote, path, ..SocketRef::default() }));
            }
            self.ask_workload(tgid, 0, now);
        }
    }

    /// Nothing earlier than `now` will come any more.
    pub fn tick(&mut self, now: u64) {
        self.out.push(Record::Tick { host: self.host, time: self.clock.time(now) });
    }

    /// Operations were lost for the same cause.
    pub fn lost(&mut self, now: u64, cause: LossCause, n_events: u64) {
        let time = self.clock.time(now);
        self.out.push(Record::Loss(LossRecord { host: self.host, time, cause, n_events }));
    }

    /// The records that are ready, in order.
    pub fn records(&mut self) -> std::vec::Drain<'_, Record> {
        self.out.drain(..)
    }

    /// Records of the kernel side that could not be understood. Always 0 unless the two sides do not fit together.
    pub fn malformed(&self) -> u64 {
        self.n_malformed
    }

    /// Processes remembered now.
    pub fn processes(&self) -> usize {
        self.processes.len()
    }

    fn record(&mut self, parsed: &Parsed<'_>) {
        let subject = self.subject(&parsed.head, parsed.op);
        match (parsed.op, parsed.body) {
            (Op::Fork, Body::Fork) => self.forked(parsed, subject),
            (Op::Exec, Body::Exec) => self.executed(parsed, subject),
            (Op::Exit, _) => self.exited(parsed, subject),
            (Op::Unlink | Op::Symlink | Op::Mount, Body::File) => self.at_object(parsed, subject),
            (Op::Rename | Op::Link, Body::Files) => self.moved_object(parsed, subject),
            (_, Body::File) => self.file(parsed, subject),
            (Op::Chmod, Body::Mode) => self.mode(parsed, subject),
            (Op::SetTimes, Body::Times) => self.times(parsed, subject),
            (_, Body::Socket) => self.socket(parsed, subject),
            (_, Body::Target) => self.target(parsed, subject),
            (op, Body::Names | Body::None) => self.named(op, parsed, subject),
            _ => self.n_malformed += 1,
        }
    }

    fn sum(&mut self, key: &Key, sum: &Sum) {
        let Some(op) = u8::try_from(key.op).ok().and_then(Op::from_u8) else {
            self.n_malformed += 1;
            return;
        };
        let head = Head {
            time: sum.last,
            start: key.start,
            cgroup: sum.cgroup,
            bytes: sum.bytes,
            tgid: key.tgid,
            tid: key.tgid,
            uid: sum.uid,
            op: op as u8,
            mount_namespace: sum.mount_namespace,
            flags: if op == Op::Open && key.peer == Open::WriteOnly as u64 { flag::WRITE_ONLY } else { 0 },
            ..Head::default()
        };
        let subject = self.subject(&head, op);
        let (object, operation) = if matches!(op, Op::Send | Op::Receive) {
            (Object::Socket(self.socket_ref(&sum.socket, None)), self.socket_operation(op))
        } else {
            (Object::File(self.known_file(&sum.file)), self.file_operation(op, &head))
        };
        if let Some(op) = operation {
            let count = u32::try_from(sum.count).unwrap_or(u32::MAX);
            let event = Event { count, ..self.event(&head, subject, op, object) };
            self.out.push(Record::Event(event));
        }
    }

    /// Who did it; says what is newly known of them first.
    fn subject(&mut self, head: &Head, op: Op) -> ProcessRef {
        let process = self.clock.process(head.tgid, head.start);
        let (time, host) = (self.clock.time(head.time), self.host);
        if !self.processes.has(head.tgid, process) {
            let known = Known::read(head.tgid).map(|known| self.without_secrets(known));
            let repaired = self.processes.repair(host, time, head, process, known);
            self.out.push(Record::Process(repaired));
            self.ask_workload(head.tgid, head.cgroup, head.time);
        }
        let Some(known) = self.processes.get_mut(head.tgid) else { return process };
        if known.uid != Some(head.uid) && op != Op::Exec {
            let had = known.uid.replace(head.uid);
            if had.is_some() {
                // Without the system call for it, this is what an attack on the kernel looks like.
                let flags = if op == Op::Credentials { EventFlags::NONE } else { EventFlags::REPAIRED };
                let detail = Detail::Credentials { uid: head.uid };
                let event = self.event(head, process, Operation::ChangeCredentials, Object::None);
                let event = Event { detail, flags, amount_bytes: 0, errno: 0, ..event };
                self.out.push(Record::Event(event));
            }
        }
        process
    }

    fn event(&self, head: &Head, subject: ProcessRef, op: Operation, object: Object) -> Event {
        let cut = head.flags & (flag::TRUNCATED | flag::PARTIAL_PATH) != 0;
        let told = head.flags & flag::FROM_USER != 0;
        let flag = |is_so, flag| if is_so { flag } else { EventFlags::NONE };
        Event {
            time: self.clock.time(head.time),
            host: self.host,
            subject,
            op,
            object,
            detail: Detail::None,
            amount_bytes: head.bytes,
            count: 1,
            errno: head.errno,
            flags: flag(cut, EventFlags::TRUNCATED) | flag(told, EventFlags::REPAIRED),
        }
    }

    fn push(&mut self, head: &Head, subject: ProcessRef, op: Operation, object: Object, detail: Detail) {
        let event = Event { detail, ..self.event(head, subject, op, object) };
        self.out.push(Record::Event(event));
    }

    /// Asks anew for the workload of each process that was said to belong to one: some have got another name.
    #[cfg(feature = "program")]
    pub fn ask_again(&mut self, now: u64) {
        for tgid in self.processes.of_workloads() {
            self.ask_workload(tgid, 0, now);
        }
    }

    /// `cgroup` is the number of the one it was heard of in, 0 where that is not known.
    fn ask_workload(&mut self, tgid: u32, cgroup: u64, now: u64) {
        let Some(workload) = (self.machine.workload)(tgid, cgroup) else { return };
        let time = self.clock.time(now);
        if let Some(record) = self.processes.set_workload(self.host, time, tgid, workload) {
            self.out.push(Record::Process(record));
        }
    }

    fn without_secrets(&self, mut known: Known) -> Known {
        let exe = known.exe.as_deref().unwrap_or_default();
        let clean = |words: Vec<String>| self.machine.redactor.arguments(exe, words.iter().map(String::as_str)).0;
        known.arguments = known.arguments.map(|words| vec![clean(words)]);
        known
    }
}
