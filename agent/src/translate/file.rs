//! Operations on files that the kernel side saw as objects of the kernel.

use super::parse::Parsed;
use super::paths::inode;
use super::{Translator, text};
use tracewell_event_abi::body::{self, FileId};
use tracewell_event_abi::head::{Head, Op, flag};
use tracewell_event_abi::segment::Kind;
use tracewell_model::{Detail, FileKind, FileRef, Mode, Object, Operation, ProcessRef, Str};

/// Types in `mode` (include/uapi/linux/stat.h).
const S_IFMT: u32 = 0o170_000;
const S_IFIFO: u32 = 0o010_000;
const S_IFCHR: u32 = 0o020_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFBLK: u32 = 0o060_000;
const S_IFREG: u32 = 0o100_000;
/// How the kernel calls files that lie in memory only (mm/memfd.c).
const MEMFD_PREFIX: &str = "memfd:";

impl Translator {
    pub(super) fn file(&mut self, parsed: &Parsed<'_>, subject: ProcessRef) {
        let Some(body::File { file }) = parsed.body() else { return };
        let file = self.file_ref(parsed, &file);
        let Some(op) = self.file_operation(parsed.op, &parsed.head) else { return };
        self.push(&parsed.head, subject, op, Object::File(file), Detail::None);
    }

    pub(super) fn mode(&mut self, parsed: &Parsed<'_>, subject: ProcessRef) {
        let Some(body::Mode { file, set, before }) = parsed.body() else { return };
        let file = self.file_ref(parsed, &file);
        let before = (before != body::Mode::UNKNOWN).then(|| Mode::of(before));
        let detail = Detail::Mode { set: Mode::of(set), before };
        self.push(&parsed.head, subject, Operation::Chmod, Object::File(file), detail);
    }

    pub(super) fn times(&mut self, parsed: &Parsed<'_>, subject: ProcessRef) {
        let Some(body::Times { file, modified }) = parsed.body() else { return };
        let file = self.file_ref(parsed, &file);
        let detail = Detail::Times { modified_ns: modified };
        self.push(&parsed.head, subject, Operation::SetTimes, Object::File(file), detail);
    }

    /// `None` for what says nothing by itself: a file that was there, opened only to be written, tells nobody anything.
    pub(super) fn file_operation(&self, op: Op, head: &Head) -> Option<Operation> {
        Some(match op {
            Op::Open if head.flags & flag::CREATED != 0 => Operation::Create,
            Op::Open if head.flags & flag::WRITE_ONLY != 0 => return None,
            Op::Open => Operation::Open,
            Op::Read => Operation::Read,
            Op::Write => Operation::Write,
            Op::Chown => Operation::Chown,
            Op::Truncate => Operation::Truncate,
            Op::MapExecutable => Operation::MapExecutable,
            Op::Memfd => Operation::Memfd,
            Op::ModuleLoad => Operation::ModuleLoad,
            Op::IoUring => Operation::IoUring,
            _ => return None,
        })
    }

    /// The file of a record, with the path that the record gives.
    pub(super) fn file_ref(&mut self, parsed: &Parsed<'_>, file: &FileId) -> FileRef {
        let has_root = parsed.head.flags & (flag::PARTIAL_PATH | flag::NO_FOLDER) == 0;
        let names = parsed.segment(Kind::Path).filter(|names| has_root || !names.is_empty());
        let path = names.map(|names| text::path(names, has_root));
        let inode = inode(file);
        let path = match path {
            Some(path) => {
                let kind = kind_of(file, Some(&path));
                Some(self.paths.learn(parsed.head.mount_namespace, inode, kind, path))
            }
            None => self.paths.of(inode),
        };
        file_ref(file, path)
    }

    /// A file that an earlier record described.
    pub(super) fn known_file(&mut self, file: &FileId) -> FileRef {
        let path = self.paths.of(inode(file));
        file_ref(file, path)
    }
}

pub(super) fn file_ref(file: &FileId, path: Option<Str>) -> FileRef {
    FileRef { uuid: None, inode: Some(inode(file)), kind: kind_of(file, path.as_deref()), path }
}

/// What a file is, as its inode and its name say.
pub(super) fn kind_of(file: &FileId, path: Option<&str>) -> FileKind {
    match file.mode & S_IFMT {
        S_IFREG if path.is_some_and(|path| path.starts_with(MEMFD_PREFIX)) => FileKind::Memory,
        S_IFREG => FileKind::Regular,
        S_IFDIR => FileKind::Directory,
        S_IFCHR | S_IFBLK => FileKind::Device,
        S_IFIFO => FileKind::Pipe,
        _ => FileKind::Unknown,
    }
}
