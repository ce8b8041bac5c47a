//! Between the model and its JSON form.

use super::line::{
    Checkpoint, Cookie, Credentials, Detail, Event, Exec, File, Finding, History, Host, Inode, Line, Loss, Mode,
    NewPath, Object, Process, ProcessRef, Signal, Socket, Tick, Times,
};
use super::names;
use super::packed::Packed;
use crate::text::{Interner, Text};
use std::borrow::Cow;
use std::num::NonZeroU32;
use tracewell_model as model;
use tracewell_model::{EventNs, Record, Str};

pub(super) fn line_of(record: &Record) -> Line<'_> {
    match record {
        Record::Host(host) => Line::Host(Host { host: names::Host(host.host), name: text(&host.name) }),
        Record::Process(process) => Line::Process(Process {
            time: process.time.0,
            host: names::Host(process.host),
            process: process_line(&process.process),
            parent: process.parent.as_ref().map(process_line),
            exe: process.exe.as_ref().map(text),
            cmdline: process.cmdline.as_ref().map(text),
            uid: process.uid,
            container: process.container.as_ref().map(text),
        }),
        Record::Event(event) => Line::Event(Event {
            time: event.time.0,
            host: names::Host(event.host),
            subject: process_line(&event.subject),
            op: names::Op(event.op),
            object: object_line(&event.object),
            detail: detail_line(&event.detail),
            bytes: event.amount_bytes,
            // At least 1 by its definition.
            count: NonZeroU32::new(event.count).unwrap_or(NonZeroU32::MIN),
            errno: event.errno,
            flags: names::Flags(event.flags),
        }),
        Record::Tick { host, time } => Line::Tick(Tick { time: time.0, host: names::Host(*host) }),
        Record::Loss(loss) => Line::Loss(Loss {
            time: loss.time.0,
            host: names::Host(loss.host),
            cause: loss.cause,
            events: loss.n_events,
        }),
        Record::Finding(found) => Line::Finding(Finding {
            time: found.time.0,
            host: names::Host(found.host),
            process: process_line(&found.process),
            object: object_line(&found.object),
            detector: text(&found.detector),
            severity: found.severity,
            title: text(&found.title),
            reason: text(&found.reason),
            techniques: found.techniques.iter().map(text).collect(),
        }),
        Record::Checkpoint(checkpoint) => Line::Checkpoint(Checkpoint {
            host: names::Host(checkpoint.host),
            part: checkpoint.part,
            last: checkpoint.is_last,
            zstd: Packed(checkpoint.bytes.clone()),
        }),
        Record::History(history) => {
            Line::History(History { host: names::Host(history.host), zstd: Packed(history.bytes.clone()) })
        }
    }
}

fn text(text: &Str) -> Text<'_> {
    Text(Cow::Borrowed(text))
}

fn object_line(object: &model::Object) -> Option<Object<'_>> {
    Some(match object {
        model::Object::None => return None,
        model::Object::Process(process) => Object::Process(process_line(process)),
        model::Object::File(file) => Object::File(file_line(file)),
        model::Object::Socket(socket) => Object::Socket(socket_line(socket)),
    })
}

fn process_line(process: &model::ProcessRef) -> ProcessRef {
    ProcessRef { pid: process.pid, start: process.start, uuid: process.uuid.map(names::Uuid) }
}

fn file_line(file: &model::FileRef) -> File<'_> {
    File {
        uuid: file.uuid.map(names::Uuid),
        inode: file.inode.map(|inode| Inode { dev: inode.dev, ino: inode.ino, generation: inode.generation }),
        path: file.path.as_ref().map(text),
        kind: file.kind,
    }
}

fn socket_line(socket: &model::SocketRef) -> Socket<'_> {
    Socket {
        uuid: socket.uuid.map(names::Uuid),
        cookie: socket.cookie.map(|(namespace, cookie)| Cookie { namespace, cookie }),
        opened: socket.opened,
        protocol: socket.protocol,
        local: socket.local,
        remote: socket.remote,
        path: socket.path.as_ref().map(text),
    }
}

fn detail_line(detail: &model::Detail) -> Option<Detail<'_>> {
    Some(match detail {
        model::Detail::None => return None,
        model::Detail::Exec { cmdline, environment } => {
            Detail::Exec(Exec { cmdline: cmdline.as_ref().map(text), environment: environment.as_ref().map(text) })
        }
        model::Detail::NewPath { path, replaced } => {
            Detail::NewPath(NewPath { path: text(path), replaced: replaced.as_ref().map(file_line) })
        }
        model::Detail::Credentials { uid } => Detail::Credentials(Credentials { uid: *uid }),
        model::Detail::Signal { number } => Detail::Signal(Signal { number: *number }),
        model::Detail::Mode { set, before } => {
            Detail::Mode(Mode { set: names::Mode(*set), before: before.map(names::Mode) })
        }
        model::Detail::Times { modified_ns } => Detail::Times(Times { modified: *modified_ns }),
    })
}

pub(super) fn record_of(line: &Line<'_>, strings: &mut Interner) -> Record {
    match line {
        Line::Host(host) => Record::Host(model::HostRecord { host: host.host.0, name: strings.get(&host.name) }),
        Line::Process(process) => Record::Process(model::ProcessRecord {
            host: process.host.0,
            time: EventNs(process.time),
            process: process_of(&process.process),
            parent: process.parent.as_ref().map(process_of),
            exe: share(&process.exe, strings),
            cmdline: share(&process.cmdline, strings),
            uid: process.uid,
            container: share(&process.container, strings),
        }),
        Line::Event(event) => Record::Event(model::Event {
            time: EventNs(event.time),
            host: event.host.0,
            subject: process_of(&event.subject),
            op: event.op.0,
            object: object_of(event.object.as_ref(), strings),
            detail: detail_of(event.detail.as_ref(), strings),
            amount_bytes: event.bytes,
            count: event.count.get(),
            errno: event.errno,
            flags: event.flags.0,
        }),
        Line::Tick(tick) => Record::Tick { host: tick.host.0, time: EventNs(tick.time) },
        Line::Loss(loss) => Record::Loss(model::LossRecord {
            host: loss.host.0,
            time: EventNs(loss.time),
            cause: loss.cause,
            n_events: loss.events,
        }),
        Line::Finding(found) => Record::Finding(model::FindingRecord {
            time: EventNs(found.time),
            host: found.host.0,
            process: process_of(&found.process),
            object: object_of(found.object.as_ref(), strings),
            detector: strings.get(&found.detector),
            severity: found.severity,
            title: strings.get(&found.title),
            reason: strings.get(&found.reason),
            techniques: found.techniques.iter().map(|technique| strings.get(technique)).collect(),
        }),
        Line::Checkpoint(checkpoint) => Record::Checkpoint(model::CheckpointRecord {
            host: checkpoint.host.0,
            part: checkpoint.part,
            is_last: checkpoint.last,
            bytes: checkpoint.zstd.0.clone(),
        }),
        Line::History(history) => {
            Record::History(model::HistoryRecord { host: history.host.0, bytes: history.zstd.0.clone() })
        }
    }
}

fn share(text: &Option<Text<'_>>, strings: &mut Interner) -> Option<Str> {
    text.as_ref().map(|text| strings.get(text))
}

fn object_of(object: Option<&Object<'_>>, strings: &mut Interner) -> model::Object {
    match object {
        None => model::Object::None,
        Some(Object::Process(process)) => model::Object::Process(process_of(process)),
        Some(Object::File(file)) => model::Object::File(file_of(file, strings)),
        Some(Object::Socket(socket)) => model::Object::Socket(socket_of(socket, strings)),
    }
}

fn process_of(process: &ProcessRef) -> model::ProcessRef {
    model::ProcessRef { pid: process.pid, start: process.start, uuid: process.uuid.as_ref().map(|uuid| uuid.0) }
}

fn file_of(file: &File<'_>, strings: &mut Interner) -> model::FileRef {
    model::FileRef {
        uuid: file.uuid.as_ref().map(|uuid| uuid.0),
        inode: file.inode.as_ref().map(|inode| model::Inode {
            dev: inode.dev,
            ino: inode.ino,
            generation: inode.generation,
        }),
        path: share(&file.path, strings),
        kind: file.kind,
    }
}

fn socket_of(socket: &Socket<'_>, strings: &mut Interner) -> model::SocketRef {
    model::SocketRef {
        uuid: socket.uuid.as_ref().map(|uuid| uuid.0),
        cookie: socket.cookie.as_ref().map(|cookie| (cookie.namespace, cookie.cookie)),
        opened: socket.opened,
        protocol: socket.protocol,
        local: socket.local,
        remote: socket.remote,
        path: share(&socket.path, strings),
    }
}

fn detail_of(detail: Option<&Detail<'_>>, strings: &mut Interner) -> model::Detail {
    match detail {
        None => model::Detail::None,
        Some(Detail::Exec(exec)) => model::Detail::Exec {
            cmdline: share(&exec.cmdline, strings),
            environment: share(&exec.environment, strings),
        },
        Some(Detail::NewPath(new)) => model::Detail::NewPath {
            path: strings.get(&new.path),
            replaced: new.replaced.as_ref().map(|file| file_of(file, strings)),
        },
        Some(Detail::Credentials(credentials)) => model::Detail::Credentials { uid: credentials.uid },
        Some(Detail::Signal(signal)) => model::Detail::Signal { number: signal.number },
        Some(Detail::Mode(mode)) => {
            model::Detail::Mode { set: mode.set.0, before: mode.before.as_ref().map(|before| before.0) }
        }
        Some(Detail::Times(times)) => model::Detail::Times { modified_ns: times.modified },
    }
}
