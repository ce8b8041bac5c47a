//! What is known of the nodes, in bounded memory. A node that falls out is known by its uuid only.

use super::Data;
use crate::text::{Interner, Text};
use lru::LruCache;
use serde_json::Value;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use tracewell_model::{FileKind, FileRef, Object, ProcessRef, SocketRef, Str, Uuid};

const NODES_MAX: NonZeroUsize = NonZeroUsize::new(262_144).expect("not zero");
const PRINCIPALS_MAX: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// What the source writes where it knows no path.
const NO_PATH: &str = "<unknown>";

pub(super) enum Node {
    Process(Process),
    File { path: Option<Str> },
    Socket { remote: Option<SocketAddr> },
}

pub(super) struct Process {
    pub pid: u32,
    pub parent: Option<ProcessRef>,
    /// The command name; `None` when unknown, and right after an exec, which changes it and says the whole path.
    pub name: Option<Str>,
    pub cmdline: Option<Str>,
    pub uid: Option<u32>,
    /// There is something to say about it with its next event.
    pub news: bool,
    /// The next name is that of the program it executed, which is known better already.
    pub executed: bool,
}

pub(super) struct Nodes {
    by_uuid: LruCache<Uuid, Node>,
    by_pid: LruCache<u32, Uuid>,
    uids: LruCache<Uuid, u32>,
}

impl Nodes {
    pub fn new() -> Self {
        let by_pid = LruCache::new(NODES_MAX);
        Self { by_uuid: LruCache::new(NODES_MAX), by_pid, uids: LruCache::new(PRINCIPALS_MAX) }
    }

    pub fn principal(&mut self, data: &Data<'_>) -> Result<(), String> {
        let id = required("uuid", data.uuid.as_ref())?;
        if let Some(uid) = data.user_id.as_deref().and_then(|uid| uid.parse().ok()) {
            self.uids.put(id, uid);
        }
        Ok(())
    }

    /// Takes in a `NODE` line. `false` when its type is not known.
    pub fn describe(&mut self, data: &Data<'_>, strings: &mut Interner) -> Result<bool, String> {
        let id = required("id", data.id.as_ref())?;
        let node = match data.kind.as_deref() {
            Some("SUBJECT_PROCESS") => {
                let pid = data.pid.unwrap_or(0);
                let owner = data.owner.as_ref().map(|owner| parse("owner", owner)).transpose()?;
                let parent = data.ppid.and_then(|ppid| self.with_pid(ppid));
                self.by_pid.put(pid, id);
                Node::Process(Process {
                    pid,
                    parent,
                    name: data.process_name.as_ref().map(|name| strings.get(name)),
                    cmdline: cmdline(data.cmdline.as_ref()).map(|text| strings.get(text)),
                    uid: owner.and_then(|owner| self.uids.get(&owner).copied()),
                    news: true,
                    executed: false,
                })
            }
            Some("FileObject") => Node::File { path: data.path.as_ref().and_then(|path| known_path(path, strings)) },
            Some("NetFlowObject") => {
                let port = data.port.as_ref().and_then(Value::as_i64).and_then(|port| u16::try_from(port).ok());
                let ip = data.ip.as_ref().and_then(|ip| ip.parse().ok());
                Node::Socket { remote: ip.zip(port).map(|(ip, port)| SocketAddr::new(ip, port)) }
            }
            _ => return Ok(false),
        };
        self.by_uuid.put(id, node);
        Ok(true)
    }

    /// Takes in the new name of a process or path of a file.
    pub fn update(&mut self, data: &Data<'_>, strings: &mut Interner) -> Result<(), String> {
        let id = required("nid", data.nid.as_ref())?;
        let value = data.value.as_ref().ok_or("an update without \"value\"")?;
        match (self.by_uuid.get_mut(&id), &value.exec, &value.name) {
            (Some(Node::Process(process)), Some(name), _) => {
                process.name = Some(strings.get(name));
                process.news |= !std::mem::take(&mut process.executed);
            }
            (Some(Node::File { path }), _, Some(name)) => *path = known_path(name, strings).or(path.take()),
            _ => {}
        }
        Ok(())
    }

    pub fn process_mut(&mut self, id: Uuid) -> Option<&mut Process> {
        match self.by_uuid.get_mut(&id) {
            Some(Node::Process(process)) => Some(process),
            _ => None,
        }
    }

    pub fn process_ref(&mut self, id: Uuid) -> ProcessRef {
        let pid = self.process_mut(id).map_or(0, |process| process.pid);
        ProcessRef { pid, start: 0, uuid: Some(id) }
    }

    pub fn object(&mut self, id: Uuid) -> Object {
        match self.by_uuid.get(&id) {
            Some(Node::Process(process)) => Object::Process(ProcessRef { pid: process.pid, start: 0, uuid: Some(id) }),
            Some(Node::File { path }) => {
                let kind = if path.is_some() { FileKind::Regular } else { FileKind::Unknown };
                Object::File(FileRef { uuid: Some(id), inode: None, path: path.clone(), kind })
            }
            Some(Node::Socket { remote }) => {
                Object::Socket(SocketRef { uuid: Some(id), remote: *remote, ..SocketRef::default() })
            }
            None => Object::File(FileRef { uuid: Some(id), ..FileRef::default() }),
        }
    }

    fn with_pid(&self, pid: u32) -> Option<ProcessRef> {
        self.by_pid.peek(&pid).map(|&uuid| ProcessRef { pid, start: 0, uuid: Some(uuid) })
    }
}

pub(super) fn required(field: &str, text: Option<&Text<'_>>) -> Result<Uuid, String> {
    parse(field, text.ok_or_else(|| format!("no {field:?}, expected a uuid"))?)
}

pub(super) fn parse(field: &str, text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|problem| format!("{field}: {problem}"))
}

pub(super) fn known_path(path: &str, strings: &mut Interner) -> Option<Str> {
    if path == NO_PATH { None } else { strings.path(path) }
}

/// A string, or the object around one that the common data model has.
fn cmdline(value: Option<&Value>) -> Option<&str> {
    let value = value?;
    value.as_str().or_else(|| value.get("string")?.as_str())
}
