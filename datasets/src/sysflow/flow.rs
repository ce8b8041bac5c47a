//! What flows and events of processes become.

use super::fields::Fields;
use super::identity::Objects;
use super::process::{Oid, Processes};
use crate::reader::Counts;
use crate::text::Interner;
use std::collections::VecDeque;
use tracewell_model::{
    Detail, Event, EventFlags, EventNs, FileKind, FileRef, HostId, HostRecord, Object, Operation, Protocol, Record,
    SocketRef,
};

/// Operations of a record, as bits (SysFlow specification, "Operation flags").
#[derive(Clone, Copy)]
pub(super) struct Ops(i64);

impl Ops {
    const CLONE: i64 = 1;
    const EXEC: i64 = 1 << 1;
    const EXIT: i64 = 1 << 2;
    const SETUID: i64 = 1 << 3;
    const ACCEPT: i64 = 1 << 5;
    const CONNECT: i64 = 1 << 6;
    const OPEN: i64 = 1 << 7;
    const READ_RECEIVE: i64 = 1 << 8;
    const WRITE_SEND: i64 = 1 << 9;
    const CLOSE: i64 = 1 << 10;
    // 1 << 11, "truncate", is set where a long flow was cut into several records. It says nothing about the file.
    const MMAP: i64 = 1 << 13;
    const MKDIR: i64 = 1 << 15;
    const RMDIR: i64 = 1 << 16;
    const LINK: i64 = 1 << 17;
    const UNLINK: i64 = 1 << 18;
    const SYMLINK: i64 = 1 << 19;
    const RENAME: i64 = 1 << 20;

    fn has(self, bit: i64) -> bool {
        self.0 & bit != 0
    }

    pub fn accepts(self) -> bool {
        self.has(Self::ACCEPT)
    }

    pub fn connects(self) -> bool {
        self.has(Self::CONNECT)
    }

    pub fn closes(self) -> bool {
        self.has(Self::CLOSE)
    }
}

/// libsinsp's own numbering of open flags.
const O_CREAT: i64 = 1 << 2;

pub(super) struct Translator {
    /// Given by the user; wins over what the file says.
    host_name: Option<String>,
    /// Used where the file says nothing.
    stem: String,
    host: Option<HostId>,
    processes: Processes,
    objects: Objects,
    strings: Interner,
}

/// What the events of one record have in common.
struct Common {
    host: HostId,
    process: Oid,
    ops: Ops,
    flags: EventFlags,
    errno: u32,
}

impl Common {
    fn event(&self, time: u64, op: Operation, object: Object, detail: Detail, (count, amount): (u64, u64)) -> Record {
        Record::Event(Event {
            time: EventNs(time),
            host: self.host,
            subject: self.process.process(),
            op,
            object,
            detail,
            amount_bytes: amount,
            count: u32::try_from(count).unwrap_or(u32::MAX).max(1),
            errno: self.errno,
            flags: self.flags,
        })
    }
}

impl Translator {
    pub fn new(host_name: Option<String>, stem: String) -> Self {
        let (processes, objects) = (Processes::new(), Objects::new());
        Self { host_name, stem, host: None, processes, objects, strings: Interner::new() }
    }

    pub fn translate(
        &mut self,
        kind: &str,
        fields: &Fields<'_>,
        out: &mut VecDeque<Record>,
        counts: &mut Counts,
    ) -> Result<(), String> {
        if kind == "SFHeader" {
            self.name_host(Some(fields.text("exporter")?), out);
            return Ok(());
        }
        let host = self.host.unwrap_or_else(|| self.name_host(None, out));
        match kind {
            "Container" => self.processes.container(fields, &mut self.strings)?,
            "Process" => self.processes.describe(host, fields, &mut self.strings, out)?,
            "File" => self.objects.describe(fields, &mut self.strings)?,
            "ProcessEvent" => self.process_event(&common(host, fields)?, fields, out, counts)?,
            "FileEvent" => self.file_event(&common(host, fields)?, fields, out, counts)?,
            "FileFlow" => self.file_flow(&common(host, fields)?, fields, out, counts)?,
            "NetworkFlow" => self.network_flow(&common(host, fields)?, fields, out, counts)?,
            "NetworkEvent" | "ProcessFlow" | "Pod" | "K8sEvent" => counts.unmodelled.add(kind),
            _ => counts.unknown.add(kind),
        }
        Ok(())
    }

    fn name_host(&mut self, exporter: Option<&str>, out: &mut VecDeque<Record>) -> HostId {
        let exporter = exporter.filter(|name| !name.is_empty());
        let name = self.host_name.as_deref().or(exporter).unwrap_or(&self.stem);
        let host = HostId::from_name(name);
        if self.host != Some(host) {
            out.push_back(Record::Host(HostRecord { host, name: name.into() }));
        }
        self.host = Some(host);
        host
    }

    fn process_event(
        &mut self,
        common: &Common,
        fields: &Fields<'_>,
        out: &mut VecDeque<Record>,
        counts: &mut Counts,
    ) -> Result<(), String> {
        let (time, oid, once) = (fields.time("ts")?, common.process, (1, 0));
        if common.ops.has(Ops::EXEC) {
            let (mut object, mut cmdline) = (Object::None, None);
            if let Some(known) = self.processes.changes(oid) {
                cmdline = known.record.cmdline.clone();
                if let Some(path) = known.record.exe.clone() {
                    let file = self.objects.executable(path, known.container_id.as_deref(), common.host);
                    object = Object::File(file);
                }
            }
            out.push_back(common.event(
                time,
                Operation::Exec,
                object,
                Detail::Exec { cmdline, environment: None },
                once,
            ));
        } else if common.ops.has(Ops::SETUID) {
            let uid = self.processes.changes(oid).and_then(|known| known.record.uid);
            let detail = uid.map_or(Detail::None, |uid| Detail::Credentials { uid });
            out.push_back(common.event(time, Operation::ChangeCredentials, Object::None, detail, once));
        } else if common.ops.has(Ops::EXIT) {
            // Its return value is the exit status, not an error.
            self.processes.acts(oid, out);
            let common = Common { errno: 0, ..*common };
            out.push_back(common.event(time, Operation::Exit, Object::None, Detail::None, once));
        } else if common.ops.has(Ops::CLONE) {
            // Both sides report a clone; only the child's, which returns 0, names both processes.
            let parent = self.processes.acts(oid, out).and_then(|known| known.parent);
            match parent {
                Some(parent) if fields.integer("ret")? == 0 => {
                    let child = Object::Process(oid.process());
                    let Record::Event(mut fork) = common.event(time, Operation::Fork, child, Detail::None, once) else {
                        return Ok(());
                    };
                    fork.subject = parent;
                    out.push_back(Record::Event(fork));
                }
                _ => counts.unmodelled.add("ProcessEvent: clone seen from the parent"),
            }
        } else {
            counts.unmodelled.add("ProcessEvent");
        }
        Ok(())
    }

    fn file_event(
        &mut self,
        common: &Common,
        fields: &Fields<'_>,
        out: &mut VecDeque<Record>,
        counts: &mut Counts,
    ) -> Result<(), String> {
        let time = fields.time("ts")?;
        let (id, new) = (fields.file_id("fileOID")?, fields.optional_file_id("newFileOID")?);
        self.processes.acts(common.process, out);
        let object = self.objects.file(id, common.process, common.host);
        let directory = |object| match object {
            Object::File(file) => Object::File(FileRef { kind: FileKind::Directory, ..file }),
            other => other,
        };
        let new_path = new.and_then(|id| self.objects.path(id));
        let (op, object, detail) = match (common.ops, new_path) {
            (ops, _) if ops.has(Ops::MKDIR) => (Operation::Create, directory(object), Detail::None),
            (ops, _) if ops.has(Ops::RMDIR) => (Operation::Unlink, directory(object), Detail::None),
            (ops, _) if ops.has(Ops::UNLINK) => (Operation::Unlink, object, Detail::None),
            (ops, Some(path)) if ops.has(Ops::RENAME) => {
                (Operation::Rename, object, Detail::NewPath { path, replaced: None })
            }
            (ops, Some(path)) if ops.has(Ops::LINK) => {
                (Operation::Link, object, Detail::NewPath { path, replaced: None })
            }
            (ops, _) if ops.has(Ops::SYMLINK) => {
                let link = new.map_or(object, |id| self.objects.file(id, common.process, common.host));
                (Operation::Create, link, Detail::None)
            }
            _ => {
                counts.unmodelled.add("FileEvent");
                return Ok(());
            }
        };
        if let (Operation::Rename, Some(new), 0) = (op, new, common.errno) {
            self.objects.rename(id, new, time, common.host);
        }
        out.push_back(common.event(time, op, object, detail, (1, 0)));
        Ok(())
    }

    fn file_flow(
        &mut self,
        common: &Common,
        fields: &Fields<'_>,
        out: &mut VecDeque<Record>,
        counts: &mut Counts,
    ) -> Result<(), String> {
        let object = match self.objects.file(fields.file_id("fileOID")?, common.process, common.host) {
            // Only a socket can be connected, whatever its description says.
            Object::File(file) if common.ops.connects() || common.ops.accepts() => Object::Socket(SocketRef {
                uuid: file.uuid,
                protocol: Protocol::Unix,
                path: file.path,
                ..SocketRef::default()
            }),
            object => object,
        };
        let creates = fields.integer("openFlags")? & O_CREAT != 0;
        let opens = if creates { Operation::Create } else { Operation::Open };
        self.flow(common, fields, object, opens, "FileFlow", out, counts)
    }

    fn network_flow(
        &mut self,
        common: &Common,
        fields: &Fields<'_>,
        out: &mut VecDeque<Record>,
        counts: &mut Counts,
    ) -> Result<(), String> {
        let (socket, direction_known) = self.objects.connection(fields, common.process, common.ops)?;
        let flags = if direction_known { common.flags } else { common.flags | EventFlags::REPAIRED };
        let common = Common { flags, ..*common };
        self.flow(&common, fields, Object::Socket(socket), Operation::Connect, "NetworkFlow", out, counts)
    }

    /// Up to three events: how it began, at its beginning, and what was read and written, at its end.
    #[expect(clippy::too_many_arguments, reason = "the parts of a flow that files and connections have in common")]
    fn flow(
        &mut self,
        common: &Common,
        fields: &Fields<'_>,
        object: Object,
        opens: Operation,
        name: &str,
        out: &mut VecDeque<Record>,
        counts: &mut Counts,
    ) -> Result<(), String> {
        let (begin, end, ops) = (fields.time("ts")?, fields.time("endTs")?, common.ops);
        let socket = matches!(object, Object::Socket(_));
        self.processes.acts(common.process, out);
        let n_before = out.len();
        let began = match ops {
            _ if ops.connects() => Some(Operation::Connect),
            _ if ops.accepts() => Some(Operation::Accept),
            _ if ops.has(Ops::OPEN) => Some(opens),
            _ => None,
        };
        if let Some(op) = began {
            out.push_back(common.event(begin, op, object.clone(), Detail::None, (1, 0)));
        }
        // A mapping brings in what the file holds. Whether as code, the source does not say.
        if ops.has(Ops::READ_RECEIVE) || ops.has(Ops::MMAP) {
            let op = if socket { Operation::Receive } else { Operation::Read };
            let amount = (fields.amount("numRRecvOps"), fields.amount("numRRecvBytes"));
            out.push_back(common.event(end, op, object.clone(), Detail::None, amount));
        }
        if ops.has(Ops::WRITE_SEND) {
            let op = if socket { Operation::Send } else { Operation::Write };
            let amount = (fields.amount("numWSendOps"), fields.amount("numWSendBytes"));
            out.push_back(common.event(end, op, object, Detail::None, amount));
        }
        if out.len() == n_before {
            counts.unmodelled.add(&format!("{name}: closed only"));
        }
        Ok(())
    }
}

fn common(host: HostId, fields: &Fields<'_>) -> Result<Common, String> {
    let failed = fields.integer("ret").ok().filter(|&ret| ret < 0);
    Ok(Common {
        host,
        process: fields.oid("procOID")?,
        ops: Ops(fields.integer("opFlags")?),
        flags: EventFlags::NONE,
        errno: failed.map_or(0, |ret| u32::try_from(ret.unsigned_abs()).unwrap_or(1)),
    })
}
