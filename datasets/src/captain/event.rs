//! What each event becomes.

use super::Data;
use super::nodes::{Nodes, known_path, parse, required};
use crate::reader::Counts;
use crate::text::Interner;
use serde_json::Value;
use std::collections::VecDeque;
use tracewell_model::{
    Detail, Event, EventNs, FileRef, HostId, HostRecord, Mode, Object, Operation, ProcessRecord, Record, Str, Uuid,
};

pub(super) struct Translator {
    host: HostId,
    host_name: Option<Str>,
    nodes: Nodes,
    strings: Interner,
}

impl Translator {
    pub fn new(host_name: &str) -> Self {
        Self {
            host: HostId::from_name(host_name),
            host_name: Some(host_name.into()),
            nodes: Nodes::new(),
            strings: Interner::new(),
        }
    }

    pub fn translate(
        &mut self,
        log_type: &str,
        data: &Data<'_>,
        out: &mut VecDeque<Record>,
        counts: &mut Counts,
    ) -> Result<(), String> {
        match (log_type, data.kind.as_deref()) {
            ("PRINCIPAL", _) => self.nodes.principal(data)?,
            ("NODE", kind) => {
                if !self.nodes.describe(data, &mut self.strings)? {
                    counts.unknown.add(&format!("NODE {}", kind.unwrap_or("without type")));
                }
            }
            ("EVENT", Some("UPDATE")) => self.nodes.update(data, &mut self.strings)?,
            ("EVENT", Some(kind)) => self.event(kind, data, out, counts)?,
            ("CTL_EVENT_REBOOT", _) => counts.unmodelled.add(log_type),
            _ => counts.unknown.add(log_type),
        }
        Ok(())
    }

    fn event(
        &mut self,
        kind: &str,
        data: &Data<'_>,
        out: &mut VecDeque<Record>,
        counts: &mut Counts,
    ) -> Result<(), String> {
        let time = EventNs(data.time.ok_or("an event without \"time\", expected nanoseconds since 1970")?);
        let subject = required("s", data.s.as_ref())?;
        let object = match &data.d {
            Some(id) => self.nodes.object(parse("d", id)?),
            None => Object::None,
        };
        let socket = matches!(object, Object::Socket(_));
        let params = data.params.as_ref();
        let mut detail = Detail::None;
        let (op, object) = match kind {
            "read" => (if socket { Operation::Receive } else { Operation::Read }, object),
            "write" => (if socket { Operation::Send } else { Operation::Write }, object),
            "load" => (Operation::MapExecutable, object),
            "create" => (Operation::Create, object),
            "remove" => (Operation::Unlink, object),
            "chmod" => {
                let set = params.and_then(Value::as_u64).and_then(|mode| u32::try_from(mode).ok());
                detail = set.map_or(Detail::None, |set| Detail::Mode { set: Mode::of(set), before: None });
                (Operation::Chmod, object)
            }
            "clone" => (Operation::Fork, object),
            "exit" => (Operation::Exit, object),
            "inject" => (Operation::Ptrace, object),
            "execve" => {
                let cmdline = params.and_then(Value::as_str).map(|text| self.strings.get(text));
                detail = Detail::Exec { cmdline, environment: None };
                (Operation::Exec, object)
            }
            "set_uid" => {
                let uid = params.and_then(Value::as_u64).and_then(|uid| u32::try_from(uid).ok());
                detail = uid.map_or(Detail::None, |uid| Detail::Credentials { uid });
                (Operation::ChangeCredentials, object)
            }
            "rename" => self.rename(object, data, &mut detail)?,
            "mmap" | "mprotect" | "update" => {
                counts.unmodelled.add(kind);
                return Ok(());
            }
            _ => {
                counts.unknown.add(&format!("EVENT {kind}"));
                return Ok(());
            }
        };
        if let Some(name) = self.host_name.take() {
            out.push_back(Record::Host(HostRecord { host: self.host, name }));
        }
        self.introduce(subject, time, out);
        if let Object::Process(other) = &object {
            self.introduce(other.uuid.unwrap_or(subject), time, out);
        }
        if let (Operation::Exec, Some(process)) = (op, self.nodes.process_mut(subject)) {
            process.executed = true;
        }
        let event = Event::new(time, self.host, self.nodes.process_ref(subject), op, object);
        out.push_back(Record::Event(Event { detail, ..event }));
        Ok(())
    }

    /// The new path was set by an update before; the event itself carries the old one.
    fn rename(&mut self, object: Object, data: &Data<'_>, detail: &mut Detail) -> Result<(Operation, Object), String> {
        let Object::File(file) = object else { return Err("a rename of something that is no file".to_owned()) };
        let new_path = match &data.d2 {
            Some(id) => match self.nodes.object(parse("d2", id)?) {
                Object::File(new) => new.path,
                _ => None,
            },
            None => file.path.clone(),
        };
        if let Some(path) = new_path {
            *detail = Detail::NewPath { path, replaced: None };
        }
        let old = data.params.as_ref().and_then(Value::as_str).and_then(|path| known_path(path, &mut self.strings));
        Ok((Operation::Rename, Object::File(FileRef { path: old, ..file })))
    }

    /// Says what is not yet said about a process.
    fn introduce(&mut self, id: Uuid, time: EventNs, out: &mut VecDeque<Record>) {
        let reference = self.nodes.process_ref(id);
        let Some(process) = self.nodes.process_mut(id).filter(|process| process.news) else { return };
        process.news = false;
        out.push_back(Record::Process(ProcessRecord {
            host: self.host,
            time,
            process: reference,
            parent: process.parent,
            exe: process.name.clone(),
            cmdline: process.cmdline.clone(),
            uid: process.uid,
            container: None,
        }));
    }
}
