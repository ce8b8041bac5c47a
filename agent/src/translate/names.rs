//! Operations on names, and those that are about no node at all.
//!
//! Where a hook of the better tier saw them they come with the kernel's objects (`Body::File` and `Body::Files`), else with
//! names that have yet to be resolved (`Body::Names`).

use super::file::{file_ref, kind_of};
use super::parse::Parsed;
use super::paths::inode;
use super::{Translator, text};
use std::path::Path;
use tracewell_event_abi::body::{File, FileId, Files, Names};
use tracewell_event_abi::head::{Op, flag};
use tracewell_event_abi::segment::Kind;
use tracewell_model::{Detail, FileKind, FileRef, Inode, Mode, Object, Operation, ProcessRef, Str};

impl Translator {
    pub(super) fn named(&mut self, op: Op, parsed: &Parsed<'_>, subject: ProcessRef) {
        let first = self.path_of(parsed, Kind::Base, Kind::Name);
        match op {
            Op::Rename | Op::Link => {
                let second = self.path_of(parsed, Kind::SecondBase, Kind::SecondName);
                if let (Some(from), Some(to)) = (first, second) {
                    self.new_path(op, parsed, subject, &from, to);
                }
            }
            Op::Symlink => self.at_path(parsed, subject, Operation::Create, first, |_, _| None),
            Op::Unlink => {
                let gone = |this: &mut Self, path: &Str| this.paths.removed(parsed.head.mount_namespace, path);
                self.at_path(parsed, subject, Operation::Unlink, first, gone);
            }
            Op::Truncate | Op::Mount => {
                let operation = if op == Op::Truncate { Operation::Truncate } else { Operation::Mount };
                let find = |this: &mut Self, path: &Str| this.file_at(parsed, path);
                self.at_path(parsed, subject, operation, first, find);
            }
            Op::Chmod | Op::Chown | Op::SetTimes => {
                let (Some(path), Some(Names { value })) = (first, parsed.body()) else { return };
                let (operation, detail) = match op {
                    Op::Chmod => (Operation::Chmod, Detail::Mode { set: Mode::of(value as u32), before: None }),
                    Op::SetTimes => (Operation::SetTimes, Detail::Times { modified_ns: value.cast_signed() }),
                    _ => (Operation::Chown, Detail::None),
                };
                let file = self.named_file(parsed, path);
                self.push(&parsed.head, subject, operation, Object::File(file), detail);
            }
            Op::BpfLoad => {
                let name = parsed.segment(Kind::Label).map(text::until_zero).unwrap_or_default();
                let program = FileRef { kind: FileKind::Memory, ..FileRef::at_path(format!("bpf:{name}")) };
                self.push(&parsed.head, subject, Operation::BpfLoad, Object::File(program), Detail::None);
            }
            Op::ModuleLoad => self.push(&parsed.head, subject, Operation::ModuleLoad, Object::None, Detail::None),
            Op::IoUring => self.push(&parsed.head, subject, Operation::IoUring, Object::None, Detail::None),
            Op::Namespace => {
                let flags = parsed.body::<Names>().map_or(0, |names| names.value);
                let place = FileRef::at_path(format!("namespace:{}", kinds_of_namespace(flags)));
                self.push(&parsed.head, subject, Operation::Namespace, Object::File(place), Detail::None);
            }
            // The change of user was said before.
            _ => {}
        }
    }

    /// An operation on a name, with the object that the name means. What was only made has no inode yet.
    pub(super) fn at_object(&mut self, parsed: &Parsed<'_>, subject: ProcessRef) {
        let Some((File { file }, path)) = parsed.body().zip(self.full_path(parsed, Kind::Path)) else { return };
        let operation = match parsed.op {
            Op::Unlink => Operation::Unlink,
            Op::Symlink => Operation::Create,
            _ => Operation::Mount,
        };
        if parsed.op == Op::Unlink {
            self.paths.removed(parsed.head.mount_namespace, &path);
        }
        self.push(&parsed.head, subject, operation, Object::File(object(&file, path)), Detail::None);
    }

    /// An operation that gave a file another path, with both objects.
    pub(super) fn moved_object(&mut self, parsed: &Parsed<'_>, subject: ProcessRef) {
        let paths = self.full_path(parsed, Kind::Path).zip(self.full_path(parsed, Kind::SecondPath));
        let Some((Files { file, replaced }, (from, to))) = parsed.body().zip(paths) else { return };
        let namespace = parsed.head.mount_namespace;
        let operation = if parsed.op == Op::Rename {
            self.paths.moved(namespace, &from, &to);
            Operation::Rename
        } else {
            Operation::Link
        };
        self.paths.learn(namespace, inode(&file), kind_of(&file, Some(&to)), to.clone());
        let is_other = replaced.ino != 0 && inode(&replaced) != inode(&file);
        let replaced = is_other.then(|| object(&replaced, to.clone()));
        let detail = Detail::NewPath { path: to, replaced };
        self.push(&parsed.head, subject, operation, Object::File(object(&file, from)), detail);
    }

    /// A path that the record has from the kernel's objects.
    fn full_path(&self, parsed: &Parsed<'_>, kind: Kind) -> Option<Str> {
        let has_root = parsed.head.flags & (flag::PARTIAL_PATH | flag::NO_FOLDER) == 0;
        Some(text::path(parsed.segment(kind)?, has_root))
    }

    fn at_path(
        &mut self,
        parsed: &Parsed<'_>,
        subject: ProcessRef,
        op: Operation,
        path: Option<Str>,
        find: impl FnOnce(&mut Self, &Str) -> Option<Inode>,
    ) {
        let Some(path) = path else { return };
        let inode = find(self, &path);
        let file = FileRef { inode, ..FileRef::at_path(path) };
        self.push(&parsed.head, subject, op, Object::File(file), Detail::None);
    }

    fn new_path(&mut self, op: Op, parsed: &Parsed<'_>, subject: ProcessRef, from: &Str, to: Str) {
        let namespace = parsed.head.mount_namespace;
        let (operation, file, replaced) = if op == Op::Rename {
            let (file, replaced) = self.paths.moved(namespace, from, &to);
            (Operation::Rename, file, replaced)
        } else {
            (Operation::Link, self.paths.at(namespace, from), None)
        };
        let file = file.or_else(|| self.on_disk(parsed, &to));
        if let Some(file) = file {
            self.paths.learn(namespace, file, FileKind::Unknown, to.clone());
        }
        let replaced = replaced.filter(|replaced| Some(*replaced) != file);
        let replaced = replaced.map(|inode| FileRef { inode: Some(inode), ..FileRef::at_path(to.clone()) });
        let file = FileRef { inode: file, ..FileRef::at_path(from.clone()) };
        let detail = Detail::NewPath { path: to, replaced };
        self.push(&parsed.head, subject, operation, Object::File(file), detail);
    }

    /// The file that a path is known to mean, else the one that is there now.
    pub(super) fn file_at(&mut self, parsed: &Parsed<'_>, path: &Str) -> Option<Inode> {
        let namespace = parsed.head.mount_namespace;
        self.paths.at(namespace, path).or_else(|| self.on_disk(parsed, path))
    }

    /// The file at a path with what it is: attributes are given to folders as to files.
    fn named_file(&mut self, parsed: &Parsed<'_>, path: Str) -> FileRef {
        let namespace = parsed.head.mount_namespace;
        let known = self.paths.at(namespace, &path).map(|file| (file, self.paths.kind_of(file)));
        let (inode, kind) = match known.filter(|(_, kind)| *kind != FileKind::Unknown) {
            Some((file, kind)) => (Some(file), kind),
            None => {
                let there = self.there_now(parsed, &path).map(|file| (inode(&file), kind_of(&file, Some(&path))));
                // What was there then counts, though something else may be there now.
                let file = known.map(|(file, _)| file).or(there.map(|(file, _)| file));
                let kind = there.filter(|(there, _)| Some(*there) == file).map_or(FileKind::Unknown, |(_, kind)| kind);
                (file, kind)
            }
        };
        FileRef { uuid: None, inode, path: Some(path), kind }
    }

    /// A path from a name and what it is relative to.
    pub(super) fn path_of(&mut self, parsed: &Parsed<'_>, base: Kind, name: Kind) -> Option<Str> {
        let name = text::until_zero(parsed.segment(name)?);
        let has_root = parsed.head.flags & flag::PARTIAL_PATH == 0;
        let base = parsed.segment(base).map(|names| text::path(names, has_root));
        Some(text::resolved(base.as_deref(), &name))
    }

    /// Looks at the filesystem as the process sees it. The process may have changed it since, which is why the event
    /// that this goes into is flagged as repaired.
    fn there_now(&mut self, parsed: &Parsed<'_>, path: &str) -> Option<FileId> {
        (self.machine.identify)(Path::new(&format!("/proc/{}/root{path}", parsed.head.tgid)))
    }

    /// The identity of what [`Self::there_now`] finds.
    fn on_disk(&mut self, parsed: &Parsed<'_>, path: &str) -> Option<Inode> {
        self.there_now(parsed, path).map(|file| inode(&file))
    }
}

/// A file that the kernel had at this path; without an inode it has the path alone.
fn object(file: &FileId, path: Str) -> FileRef {
    if file.ino == 0 { FileRef::at_path(path) } else { file_ref(file, Some(path)) }
}

/// Kinds of namespaces as `/proc/<pid>/ns` names them, from `CLONE_NEW*` flags (include/uapi/linux/sched.h). A `setns` may
/// leave them out, where the descriptor says it all.
fn kinds_of_namespace(flags: u64) -> String {
    const KINDS: [(u64, &str); 8] = [
        (0x0000_0080, "time"),
        (0x0002_0000, "mnt"),
        (0x0200_0000, "cgroup"),
        (0x0400_0000, "uts"),
        (0x0800_0000, "ipc"),
        (0x1000_0000, "user"),
        (0x2000_0000, "pid"),
        (0x4000_0000, "net"),
    ];
    let kinds: Vec<_> = KINDS.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect();
    if kinds.is_empty() { "of a descriptor".into() } else { kinds.join(",") }
}
