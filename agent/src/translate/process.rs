//! Forks, execs, exits, and what one process does to another.

use super::parse::Parsed;
use super::{Translator, text};
use tracewell_event_abi::body::{Exec, Fork, Target};
use tracewell_event_abi::head::{Op, flag};
use tracewell_event_abi::segment::Kind;
use tracewell_model::{Detail, Event, FileRef, Object, Operation, ProcessRef, Record};

impl Translator {
    pub(super) fn forked(&mut self, parsed: &Parsed<'_>, subject: ProcessRef) {
        let Some(fork) = parsed.body::<Fork>() else { return };
        let child = self.clock.process(fork.tgid, fork.start);
        self.processes.forked(&parsed.head, &fork, subject, child);
        self.push(&parsed.head, subject, Operation::Fork, Object::Process(child), Detail::None);
    }

    pub(super) fn executed(&mut self, parsed: &Parsed<'_>, subject: ProcessRef) {
        let Some(exec) = parsed.body::<Exec>() else { return };
        let file = self.file_ref(parsed, &exec.exe);
        let exe = file.path.as_deref().unwrap_or_default();
        let cmdline =
            parsed.segment(Kind::Arguments).map(|words| text::command_line(&self.machine.redactor, exe, words));
        let is_cut = parsed.head.flags & flag::ENVIRONMENT_TRUNCATED != 0;
        let environment = parsed.segment(Kind::Environment).unwrap_or_default();
        let environment = text::environment(&self.machine.redactor, &self.machine.environment, environment, is_cut);
        let uid = parsed.head.uid;
        let had = self.processes.executed(parsed.head.tgid, file.path.clone(), cmdline.clone(), uid);
        self.push(&parsed.head, subject, Operation::Exec, Object::File(file), Detail::Exec { cmdline, environment });
        self.ask_workload(parsed.head.tgid, parsed.head.cgroup, parsed.head.time);
        if let Some(script) = self.path_of(parsed, Kind::WorkingDirectory, Kind::Name) {
            // The interpreter is what the kernel runs; what it will do stands in the script.
            let inode = self.file_at(parsed, &script);
            let script = FileRef { inode, ..FileRef::at_path(script) };
            self.push(&parsed.head, subject, Operation::MapExecutable, Object::File(script), Detail::None);
        }
        if had.is_some_and(|had| had != uid) {
            // A program with a set-user-id bit.
            let event = self.event(&parsed.head, subject, Operation::ChangeCredentials, Object::None);
            self.out.push(Record::Event(Event { detail: Detail::Credentials { uid }, ..event }));
        }
    }

    pub(super) fn exited(&mut self, parsed: &Parsed<'_>, subject: ProcessRef) {
        self.push(&parsed.head, subject, Operation::Exit, Object::None, Detail::None);
        self.processes.exited(parsed.head.tgid);
    }

    pub(super) fn target(&mut self, parsed: &Parsed<'_>, subject: ProcessRef) {
        let Some(target) = parsed.body::<Target>() else { return };
        let process = if target.tgid != 0 {
            Some(self.clock.process(target.tgid, target.start))
        } else {
            self.processes.by_inner_pid(target.pid_namespace, target.inner_pid)
        };
        // A process that is not known can still be told by its number where that is the host's.
        let process = process.unwrap_or(ProcessRef { pid: target.inner_pid, start: 0, uuid: None });
        let (op, detail) = match parsed.op {
            Op::Signal => (Operation::Signal, Detail::Signal { number: target.number }),
            Op::Ptrace | Op::WriteMemory => (Operation::Ptrace, Detail::None),
            _ => return,
        };
        self.push(&parsed.head, subject, op, Object::Process(process), detail);
    }
}
