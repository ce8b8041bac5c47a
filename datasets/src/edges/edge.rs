use crate::nodes::NodeLine;
use crate::reader::Counts;
use crate::text::Interner;
use lru::LruCache;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use tracewell_model::{
    Detail, Event, EventNs, FileKind, FileRef, HostId, HostRecord, NodeKind, Object, Operation, ProcessRecord,
    ProcessRef, Protocol, Record, SocketRef, Str, Uuid,
};

const PROCESSES_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");
/// Longer names of event types are no such names.
const KIND_BYTES_MAX: usize = 64;

/// One line.
pub(super) struct Edge {
    from: Uuid,
    to: Uuid,
    kind: Str,
    pub time: u64,
}

impl Edge {
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let expected = || "expected: source uuid,event type,destination uuid,event uuid,time in ns".to_owned();
        let line = std::str::from_utf8(line).map_err(|_| format!("the line is not UTF-8, {}", expected()))?;
        let mut fields = line.split(',');
        let mut field = || fields.next().ok_or_else(|| format!("too few fields, {}", expected()));
        let (from, kind, to, _event, time) = (field()?, field()?, field()?, field()?, field()?);
        if fields.next().is_some() {
            return Err(format!("too many fields, {}", expected()));
        }
        if kind.is_empty() || kind.len() > KIND_BYTES_MAX {
            return Err(format!("event type of {} bytes, {}", kind.len(), expected()));
        }
        let time = time.parse().map_err(|_| format!("time {time:?} is no number, {}", expected()))?;
        Ok(Self { from: from.parse()?, to: to.parse()?, kind: kind.into(), time })
    }
}

pub(super) struct Translator {
    host: HostId,
    host_name: Option<Str>,
    nodes: BTreeMap<Uuid, NodeLine>,
    introduced: LruCache<Uuid, ()>,
    strings: Interner,
}

impl Translator {
    pub fn new(host_name: &str, nodes: BTreeMap<Uuid, NodeLine>) -> Self {
        Self {
            host: HostId::from_name(host_name),
            host_name: Some(host_name.into()),
            nodes,
            introduced: LruCache::new(PROCESSES_MAX),
            strings: Interner::new(),
        }
    }

    pub fn translate(&mut self, edge: &Edge, out: &mut VecDeque<Record>, counts: &mut Counts) {
        let kind = edge.kind.strip_prefix("EVENT_").unwrap_or(&edge.kind);
        let Some(op) = self.operation(kind, edge, counts) else { return };
        let (subject, object) = if op.flows_inward() { (edge.to, edge.from) } else { (edge.from, edge.to) };
        if let Some(name) = self.host_name.take() {
            out.push_back(Record::Host(HostRecord { host: self.host, name }));
        }
        self.introduce(subject, edge.time, out);
        let object = match op {
            Operation::Fork | Operation::Signal => {
                self.introduce(object, edge.time, out);
                Object::Process(process(object))
            }
            Operation::Exit | Operation::ChangeCredentials => Object::None,
            _ => self.object(object),
        };
        let op = match (op, &object) {
            (Operation::Read, Object::Socket(_)) => Operation::Receive,
            (Operation::Write, Object::Socket(_)) => Operation::Send,
            _ => op,
        };
        let detail = match op {
            Operation::Exec => Detail::Exec { cmdline: self.program(subject).1, environment: None },
            _ => Detail::None,
        };
        let event = Event::new(EventNs(edge.time), self.host, process(subject), op, object);
        out.push_back(Record::Event(Event { detail, ..event }));
    }

    /// `None` for what moves no information; types that are not known are counted as such.
    fn operation(&self, kind: &str, edge: &Edge, counts: &mut Counts) -> Option<Operation> {
        Some(match kind {
            "FORK" | "CLONE" => Operation::Fork,
            "EXECUTE" => Operation::Exec,
            "EXIT" => Operation::Exit,
            "OPEN" => Operation::Open,
            "READ" | "MMAP" => Operation::Read,
            "LOADLIBRARY" => Operation::MapExecutable,
            "WRITE" => Operation::Write,
            "CREATE_OBJECT" => Operation::Create,
            "UNLINK" => Operation::Unlink,
            "RENAME" => Operation::Rename,
            "LINK" => Operation::Link,
            "TRUNCATE" => Operation::Truncate,
            "MODIFY_FILE_ATTRIBUTES" => Operation::Chmod,
            "CONNECT" => Operation::Connect,
            "ACCEPT" => Operation::Accept,
            "BIND" => Operation::Bind,
            "SENDTO" | "SENDMSG" => Operation::Send,
            "RECVFROM" | "RECVMSG" => Operation::Receive,
            "CHANGE_PRINCIPAL" => Operation::ChangeCredentials,
            "SIGNAL" if self.kind(edge.to) == Some(NodeKind::Process) => Operation::Signal,
            "SIGNAL" | "CLOSE" | "LSEEK" | "FCNTL" | "MPROTECT" | "MODIFY_PROCESS" | "WAIT" | "UMASK" | "DUP"
            | "BOOT" | "LOGIN" | "LOGOUT" | "OTHER" | "FLOWS_TO" => {
                counts.unmodelled.add(&edge.kind);
                return None;
            }
            _ => {
                counts.unknown.add(&edge.kind);
                return None;
            }
        })
    }

    fn kind(&self, id: Uuid) -> Option<NodeKind> {
        self.nodes.get(&id).map(|node| node.kind)
    }

    fn object(&mut self, id: Uuid) -> Object {
        let uuid = Some(id);
        match self.nodes.get(&id) {
            Some(node) if node.kind == NodeKind::Socket => {
                let (local, remote) = node.addresses();
                Object::Socket(SocketRef { uuid, protocol: Protocol::Unknown, local, remote, ..SocketRef::default() })
            }
            Some(node) if node.kind == NodeKind::File => {
                let path = node.path().and_then(|path| self.strings.path(path));
                let kind = if path.is_some() { FileKind::Regular } else { FileKind::Unknown };
                Object::File(FileRef { uuid, inode: None, path, kind })
            }
            Some(_) => Object::Process(process(id)),
            None => Object::File(FileRef { uuid, ..FileRef::default() }),
        }
    }

    /// Executable and command line.
    fn program(&mut self, id: Uuid) -> (Option<Str>, Option<Str>) {
        let Some(node) = self.nodes.get(&id).filter(|node| node.kind == NodeKind::Process) else { return (None, None) };
        let (exe, cmdline) = node.program();
        (exe.and_then(|exe| self.strings.path(exe)), cmdline.map(|cmdline| self.strings.get(cmdline)))
    }

    fn introduce(&mut self, id: Uuid, time: u64, out: &mut VecDeque<Record>) {
        if self.introduced.put(id, ()).is_some() {
            return;
        }
        let (exe, cmdline) = self.program(id);
        out.push_back(Record::Process(ProcessRecord {
            host: self.host,
            time: EventNs(time),
            process: process(id),
            parent: None,
            exe,
            cmdline,
            uid: None,
            container: None,
        }));
    }
}

/// The source names processes by uuid alone.
fn process(id: Uuid) -> ProcessRef {
    ProcessRef { pid: 0, start: 0, uuid: Some(id) }
}
