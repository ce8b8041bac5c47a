//! What each audited call becomes.

use super::Call;
use super::process::{Process, Processes};
use crate::reader::Counts;
use crate::text::{Interner, Text};
use lru::LruCache;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use tracewell_model::{
    Detail, Event, EventFlags, EventNs, FileKind, FileRef, HostId, HostRecord, Mode, Object, Operation, ProcessRecord,
    ProcessRef, Protocol, Record, SocketRef, Str, Uuid,
};

/// Descriptors whose kind was seen at creation and is not said again by reads and writes.
const KINDS_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// FreeBSD's `sys/fcntl.h`.
const O_CREAT: i64 = 0x200;
const O_DIRECTORY: i64 = 0x2_0000;

/// What the source writes where it knows no path.
const NO_PATH: &str = "<unknown>";

/// Turns calls into records, with what has to be remembered between them.
pub(super) struct Translator {
    host: HostId,
    host_name: Option<Str>,
    processes: Processes,
    kinds: LruCache<Uuid, Kind>,
    strings: Interner,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pipe,
    Socket,
}

/// Operation, object and detail of a call that becomes an event.
type Meaning = (Operation, Object, Detail);

impl Translator {
    pub fn new(host_name: &str) -> Self {
        Self {
            host: HostId::from_name(host_name),
            host_name: Some(host_name.into()),
            processes: Processes::new(),
            kinds: LruCache::new(KINDS_MAX),
            strings: Interner::new(),
        }
    }

    /// Appends what a call means. The error says what is wrong with it.
    pub fn translate(
        &mut self,
        call: &Call<'_>,
        out: &mut VecDeque<Record>,
        counts: &mut Counts,
    ) -> Result<(), String> {
        let subject = ProcessRef { pid: call.pid, start: 0, uuid: Some(uuid("subjprocuuid", &call.subjprocuuid)?) };
        let name = call.event.strip_prefix("audit:event:aue_").unwrap_or(&call.event);
        let name = name.trim_end_matches(':').trim_end_matches("_rwtc");
        let meaning = self.meaning(name, call, counts)?;

        if let Some(name) = self.host_name.take() {
            out.push_back(Record::Host(HostRecord { host: self.host, name }));
        }
        self.introduce(subject, call, out);
        let Some((op, object, detail)) = meaning else { return Ok(()) };
        let errno = call.retval.filter(|&value| value < 0 && op != Operation::Exit);
        let errno = errno.map_or(0, |value| u32::try_from(value.unsigned_abs()).unwrap_or(1));
        if errno == 0 {
            self.remember(subject, op, &object, &detail, call, out);
        }
        let moves = matches!(op, Operation::Read | Operation::Write | Operation::Send | Operation::Receive);
        let amount_bytes = call.retval.filter(|_| moves && name != "mmap").unwrap_or(0);
        out.push_back(Record::Event(Event {
            time: EventNs(call.time),
            host: self.host,
            subject,
            op,
            object,
            detail,
            amount_bytes: u64::try_from(amount_bytes).unwrap_or(0),
            count: 1,
            errno,
            flags: EventFlags::NONE,
        }));
        Ok(())
    }

    /// `None` for calls that move no information; those of an unknown name are counted as such.
    fn meaning(&mut self, name: &str, call: &Call<'_>, counts: &mut Counts) -> Result<Option<Meaning>, String> {
        let plain = |op, object| Some((op, object, Detail::None));
        Ok(match name {
            "read" | "pread" | "readv" | "preadv" => {
                let object = self.descriptor(call)?;
                let socket = matches!(object, Object::Socket(_));
                plain(if socket { Operation::Receive } else { Operation::Read }, object)
            }
            "write" | "pwrite" | "writev" | "pwritev" => {
                let object = self.descriptor(call)?;
                let socket = matches!(object, Object::Socket(_));
                plain(if socket { Operation::Send } else { Operation::Write }, object)
            }
            // The trace does not say whether the mapping is executable.
            "mmap" => plain(Operation::Read, self.descriptor(call)?),
            "open" | "openat" => {
                let flags = call.flags.unwrap_or(0);
                // Only a file that was not there before has no uuid as an argument.
                let created = flags & O_CREAT != 0 && call.arg_objuuid1.is_none();
                let kind = if flags & O_DIRECTORY != 0 { FileKind::Directory } else { FileKind::Regular };
                let id = call.ret_objuuid1.as_ref().or(call.arg_objuuid1.as_ref());
                let file = self.file(id, call.upath1.as_ref(), kind)?;
                plain(if created { Operation::Create } else { Operation::Open }, Object::File(file))
            }
            "mkdir" | "mkdirat" => {
                let id = call.ret_objuuid1.as_ref().or(call.arg_objuuid1.as_ref());
                plain(Operation::Create, Object::File(self.file(id, call.upath1.as_ref(), FileKind::Directory)?))
            }
            "rmdir" => plain(Operation::Unlink, Object::File(self.named(call, FileKind::Directory)?)),
            "unlink" | "unlinkat" => plain(Operation::Unlink, Object::File(self.named(call, FileKind::Unknown)?)),
            "truncate" | "ftruncate" => plain(Operation::Truncate, Object::File(self.named(call, FileKind::Regular)?)),
            "chmod" | "fchmod" | "fchmodat" | "lchmod" => {
                let set = call.mode.as_ref().and_then(Value::as_u64).and_then(|mode| u32::try_from(mode).ok());
                let detail = set.map_or(Detail::None, |set| Detail::Mode { set: Mode::of(set), before: None });
                Some((Operation::Chmod, Object::File(self.named(call, FileKind::Unknown)?), detail))
            }
            "chown" | "fchown" | "fchownat" | "lchown" => {
                plain(Operation::Chown, Object::File(self.named(call, FileKind::Unknown)?))
            }
            "rename" | "renameat" | "link" | "linkat" => {
                let op = if name.starts_with("rename") { Operation::Rename } else { Operation::Link };
                let file = self.named(call, FileKind::Unknown)?;
                let path = call.upath2.as_deref().and_then(|path| self.strings.path(path));
                let path = path.ok_or_else(|| format!("{name} without a new path, expected \"upath2\""))?;
                let replaced = match &call.arg_objuuid2 {
                    Some(id) if op == Operation::Rename => Some(FileRef {
                        uuid: Some(uuid("arg_objuuid2", id)?),
                        path: Some(Str::clone(&path)),
                        ..FileRef::default()
                    }),
                    _ => None,
                };
                Some((op, Object::File(file), Detail::NewPath { path, replaced }))
            }
            "execve" | "fexecve" => {
                let file = self.named(call, FileKind::Regular)?;
                let cmdline = call.cmdline.as_ref().map(|text| self.strings.get(text));
                Some((Operation::Exec, Object::File(file), Detail::Exec { cmdline, environment: None }))
            }
            "fork" | "vfork" | "rfork" | "pdfork" => {
                let child = call.ret_objuuid1.as_ref();
                match (child, call.arg_pid.or(call.retval).and_then(|pid| u32::try_from(pid).ok())) {
                    (Some(child), Some(pid)) => {
                        let child = ProcessRef { pid, start: 0, uuid: Some(uuid("ret_objuuid1", child)?) };
                        plain(Operation::Fork, Object::Process(child))
                    }
                    _ if call.retval.is_some_and(|value| value < 0) => plain(Operation::Fork, Object::None),
                    _ => return Err(format!("{name} without its child, expected \"ret_objuuid1\" and \"arg_pid\"")),
                }
            }
            "exit" => plain(Operation::Exit, Object::None),
            "connect" | "connectat" => plain(Operation::Connect, self.socket(call.arg_objuuid1.as_ref(), call)?),
            // The first uuid is the listening socket, the second the connection.
            "accept" | "accept4" => {
                let id = call.arg_objuuid2.as_ref().or(call.ret_objuuid1.as_ref()).or(call.arg_objuuid1.as_ref());
                plain(Operation::Accept, self.socket(id, call)?)
            }
            "bind" | "bindat" => plain(Operation::Bind, self.socket(call.arg_objuuid1.as_ref(), call)?),
            "listen" => plain(Operation::Listen, self.socket(call.arg_objuuid1.as_ref(), call)?),
            "sendto" | "sendmsg" => plain(Operation::Send, self.socket(call.arg_objuuid1.as_ref(), call)?),
            "recvfrom" | "recvmsg" => plain(Operation::Receive, self.socket(call.arg_objuuid1.as_ref(), call)?),
            "setuid" | "seteuid" | "setreuid" | "setresuid" => {
                let uid = call.arg_euid.or(call.arg_uid).and_then(|uid| u32::try_from(uid).ok());
                let uid = uid.ok_or_else(|| format!("{name} without a user, expected \"arg_uid\" or \"arg_euid\""))?;
                Some((Operation::ChangeCredentials, Object::None, Detail::Credentials { uid }))
            }
            "kill" | "pdkill" => {
                let target = call.arg_pid.and_then(|pid| u32::try_from(pid).ok());
                let target = target.and_then(|pid| self.processes.with_pid(pid));
                let number = call.signum.and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
                target.map(|target| (Operation::Signal, Object::Process(target), Detail::Signal { number }))
            }
            "socket" | "socketpair" | "pipe" | "pipe2" => {
                let kind = if name.starts_with("pipe") { Kind::Pipe } else { Kind::Socket };
                for (field, id) in [("ret_objuuid1", &call.ret_objuuid1), ("ret_objuuid2", &call.ret_objuuid2)] {
                    if let Some(id) = id {
                        self.kinds.put(uuid(field, id)?, kind);
                    }
                }
                counts.unmodelled.add(name);
                None
            }
            "close" | "closefrom" | "dup" | "dup2" | "lseek" | "fcntl" | "chdir" | "fchdir" | "umask" | "setgid"
            | "setegid" | "setregid" | "setresgid" | "setgroups" | "setsid" | "setlogin" | "utimes" | "futimes"
            | "lutimes" | "mprotect" | "sem" | "ioctl" => {
                counts.unmodelled.add(name);
                None
            }
            _ => {
                counts.unknown.add(name);
                None
            }
        })
    }

    /// What a read or write by descriptor is about.
    fn descriptor(&mut self, call: &Call<'_>) -> Result<Object, String> {
        let id = call.arg_objuuid1.as_ref().ok_or("no object, expected \"arg_objuuid1\"")?;
        let kind = self.kinds.get(&uuid("arg_objuuid1", id)?).copied();
        match kind {
            Some(Kind::Socket) => self.socket(Some(id), call),
            Some(Kind::Pipe) => Ok(Object::File(self.file(Some(id), None, FileKind::Pipe)?)),
            None => Ok(Object::File(self.file(Some(id), call.fdpath.as_ref(), FileKind::Unknown)?)),
        }
    }

    /// The file that a call names in its first argument.
    fn named(&mut self, call: &Call<'_>, kind: FileKind) -> Result<FileRef, String> {
        self.file(call.arg_objuuid1.as_ref(), call.upath1.as_ref().or(call.fdpath.as_ref()), kind)
    }

    fn file(&mut self, id: Option<&Text<'_>>, path: Option<&Text<'_>>, kind: FileKind) -> Result<FileRef, String> {
        let uuid = id.map(|id| uuid("object uuid", id)).transpose()?;
        let path = path.filter(|path| ***path != *NO_PATH).and_then(|path| self.strings.path(path));
        if uuid.is_none() && path.is_none() {
            return Err("a file without uuid and path, expected one of them".to_owned());
        }
        Ok(FileRef { uuid, inode: None, path, kind })
    }

    fn socket(&mut self, id: Option<&Text<'_>>, call: &Call<'_>) -> Result<Object, String> {
        let uuid = uuid("object uuid", id.ok_or("a socket without uuid")?)?;
        self.kinds.put(uuid, Kind::Socket);
        let path = call.upath1.as_ref().filter(|path| ***path != *NO_PATH).and_then(|path| self.strings.path(path));
        let remote = match (call.address.as_deref().map(str::parse::<IpAddr>), call.port.map(u16::try_from)) {
            (Some(Ok(ip)), Some(Ok(port))) => Some(SocketAddr::new(ip, port)),
            _ => None,
        };
        let protocol = if path.is_some() { Protocol::Unix } else { Protocol::Unknown };
        Ok(Object::Socket(SocketRef { uuid: Some(uuid), protocol, remote, path, ..SocketRef::default() }))
    }

    /// Says what is new about the subject of a call: that it exists, its command name, its user.
    fn introduce(&mut self, subject: ProcessRef, call: &Call<'_>, out: &mut VecDeque<Record>) {
        let Some(id) = subject.uuid else { return };
        let name = call.exec.as_deref().filter(|name| !name.is_empty());
        let Some(known) = self.processes.get_mut(id) else {
            let name = name.map(|name| self.strings.get(name));
            let process = Process { uid: call.uid, name: name.clone(), uid_explained: false };
            let parent = call.ppid.and_then(|pid| self.processes.with_pid(pid)).filter(|parent| *parent != subject);
            self.processes.insert(call.pid, id, process);
            out.push_back(self.process_record(call, subject, parent, name, call.uid));
            return;
        };
        let renamed = match (&known.name, name) {
            // The record after an exec brings the new name; the exec itself said the whole path.
            (None, Some(name)) => {
                known.name = Some(self.strings.get(name));
                None
            }
            (Some(old), Some(name)) if **old != *name => {
                known.name = Some(self.strings.get(name));
                known.name.clone()
            }
            _ => None,
        };
        let changed = call.uid.filter(|&uid| known.uid.is_some_and(|old| old != uid));
        let unexplained = changed.filter(|_| !known.uid_explained);
        known.uid_explained = false;
        known.uid = call.uid.or(known.uid);
        if renamed.is_some() {
            out.push_back(self.process_record(call, subject, None, renamed, None));
        }
        if let Some(uid) = unexplained {
            let op = Operation::ChangeCredentials;
            let event = Event::new(EventNs(call.time), self.host, subject, op, Object::None);
            let (detail, flags) = (Detail::Credentials { uid }, EventFlags::REPAIRED);
            out.push_back(Record::Event(Event { detail, flags, ..event }));
        }
    }

    /// Follows what a successful call changes about processes, and introduces a child.
    fn remember(
        &mut self,
        subject: ProcessRef,
        op: Operation,
        object: &Object,
        detail: &Detail,
        call: &Call<'_>,
        out: &mut VecDeque<Record>,
    ) {
        let Some(known) = subject.uuid.and_then(|id| self.processes.get_mut(id)) else { return };
        match (op, object, detail) {
            (Operation::Fork, &Object::Process(child), _) => {
                let Some(id) = child.uuid else { return };
                let inherited = Process { uid: known.uid, name: known.name.clone(), uid_explained: false };
                // The child of a vfork may have acted before the parent's call returns.
                if self.processes.get_mut(id).is_none() {
                    let (name, uid) = (inherited.name.clone(), inherited.uid);
                    self.processes.insert(child.pid, id, inherited);
                    out.push_back(self.process_record(call, child, Some(subject), name, uid));
                }
            }
            (Operation::Exec, ..) => known.name = None,
            (Operation::ChangeCredentials, _, &Detail::Credentials { uid }) => {
                (known.uid, known.uid_explained) = (Some(uid), true);
            }
            _ => {}
        }
    }

    fn process_record(
        &self,
        call: &Call<'_>,
        process: ProcessRef,
        parent: Option<ProcessRef>,
        exe: Option<Str>,
        uid: Option<u32>,
    ) -> Record {
        let time = EventNs(call.time);
        Record::Process(ProcessRecord {
            host: self.host,
            time,
            process,
            parent,
            exe,
            cmdline: None,
            uid,
            container: None,
        })
    }
}

fn uuid(field: &str, text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|problem| format!("{field}: {problem}"))
}
