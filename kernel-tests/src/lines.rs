//! Events as lines of text that are the same in every run: folders, ports and processes get names of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use tracewell_model::{Detail, Event, EventFlags, FileKind, FileRef, Object, Operation, ProcessRef, Record, SocketRef};

/// What a dynamic loader, the C library and the runtime do by themselves is no part of an operation.
const NOISE: [&str; 8] = ["/lib", "/usr/lib", "/etc/ld.so", "/proc", "/sys", "/dev", "/etc/nsswitch", "/etc/passwd"];
/// Names of the files that are renamed to mark where an operation begins and ends.
pub const BEGIN: (&str, &str) = (".ready", ".begun");
pub const END: (&str, &str) = (".begun", ".ended");

/// The lines of one operation, carried out by process `root` and what it started in `folder`. Repeats are added up.
pub fn lines(records: &[Record], root: u32, folder: &str) -> Vec<String> {
    let mut names = Names { folder, ports: BTreeMap::new(), processes: Vec::new() };
    let mut family = BTreeSet::from([root]);
    let (mut lines, mut sums) = (Vec::<String>::new(), BTreeMap::<String, (u64, u64)>::new());
    let mut is_on = false;
    for record in records {
        let Record::Event(event) = record else { continue };
        if !family.contains(&event.subject.pid) {
            continue;
        }
        if let (Operation::Fork, Object::Process(child)) = (event.op, &event.object) {
            family.insert(child.pid);
        }
        match mark(event, folder) {
            Some(mark) => {
                is_on = mark == BEGIN.1;
                continue;
            }
            None if !is_on || names.is_noise(event) => continue,
            None => {}
        }
        let line = names.line(event);
        let sum = sums.entry(line.clone()).or_insert_with(|| {
            lines.push(line);
            (0, 0)
        });
        *sum = (sum.0 + u64::from(event.count), sum.1 + event.amount_bytes);
    }
    let with_sums = |line: String| match sums[&line] {
        (1, 0) => line,
        (n, 0) => format!("{line} x{n}"),
        (1, bytes) => format!("{line}, {bytes} B"),
        (n, bytes) => format!("{line} x{n}, {bytes} B"),
    };
    lines.into_iter().map(with_sums).collect()
}

/// The new name in a mark.
fn mark(event: &Event, folder: &str) -> Option<&'static str> {
    let Detail::NewPath { path, .. } = &event.detail else { return None };
    [BEGIN.1, END.1].into_iter().find(|name| **path == format!("{folder}/{name}"))
}

struct Names<'a> {
    folder: &'a str,
    ports: BTreeMap<u16, char>,
    processes: Vec<ProcessRef>,
}

impl Names<'_> {
    fn is_noise(&self, event: &Event) -> bool {
        let Object::File(FileRef { path: Some(path), .. }) = &event.object else { return false };
        event.op != Operation::Exec && NOISE.iter().any(|noise| path.starts_with(noise))
    }

    fn line(&mut self, event: &Event) -> String {
        let subject = self.process(event.subject);
        let object = match &event.object {
            Object::None => String::new(),
            Object::Process(process) => format!(" {}", self.process(*process)),
            Object::File(file) => format!(" {}", self.file(file)),
            Object::Socket(socket) => format!(" {}", self.socket(socket)),
        };
        let detail = match &event.detail {
            Detail::None => String::new(),
            Detail::Exec { cmdline, .. } => {
                let words: Vec<_> = cmdline.as_deref().unwrap_or("?").split(' ').skip(1).collect();
                let line = words.join(" ").replace(self.folder, "~");
                if line.len() > 60 { format!(" with {} B of arguments", line.len()) } else { format!(" with {line}") }
            }
            Detail::NewPath { path, replaced } => {
                let replaced = if replaced.is_some() { ", which was there" } else { "" };
                format!(" to {}{replaced}", self.path(path))
            }
            Detail::Credentials { uid } => format!(" to user {uid}"),
            Detail::Signal { number } => format!(" with {number}"),
            Detail::Mode { set, before } => {
                let is_folder = matches!(&event.object, Object::File(file) if file.kind == FileKind::Directory);
                let before = before.map_or_else(String::new, |before| format!(" from {before}"));
                format!("{}{before} to {set}", if is_folder { ", a folder," } else { "" })
            }
            Detail::Times { modified_ns } => format!(" to {modified_ns}"),
        };
        let failed = if event.errno == 0 { String::new() } else { format!(" fails with {}", event.errno) };
        let cut = if event.flags.contains(EventFlags::TRUNCATED) { ", truncated" } else { "" };
        format!("{subject} {}{object}{detail}{failed}{cut}", event.op.name())
    }

    fn process(&mut self, process: ProcessRef) -> String {
        let at = self.processes.iter().position(|known| *known == process).unwrap_or_else(|| {
            self.processes.push(process);
            self.processes.len() - 1
        });
        format!("p{at}")
    }

    fn file(&self, file: &FileRef) -> String {
        match (&file.path, file.kind) {
            (Some(path), _) => {
                let identity = if file.inode.is_some() { "" } else { " (by path)" };
                format!("{}{identity}", self.path(path))
            }
            (None, FileKind::Pipe) => "a pipe".into(),
            (None, kind) => format!("{kind:?}"),
        }
    }

    fn path(&self, path: &str) -> String {
        match path.strip_prefix(self.folder) {
            Some(rest) => format!("~{rest}"),
            None if path.ends_with("kernel-tests") || path == "/init" => "itself".into(),
            None => path.to_owned(),
        }
    }

    fn socket(&mut self, socket: &SocketRef) -> String {
        if let Some(path) = &socket.path {
            return format!("unix {}", self.path(path));
        }
        let protocol = format!("{:?}", socket.protocol).to_lowercase();
        let local = self.end(socket.local);
        format!("{protocol} {local} > {}", self.end(socket.remote))
    }

    fn end(&mut self, end: Option<SocketAddr>) -> String {
        let Some(end) = end else { return "*".into() };
        let next = char::from(b'A' + self.ports.len() as u8 % 26);
        let port = *self.ports.entry(end.port()).or_insert(next);
        format!("{}:{port}", end.ip())
    }
}
