use crate::kernel::{Ptr, at};
use crate::path::{self, Wanted};
use crate::record::Record;
use crate::tail::Tail;
use tracewell_event_abi::body::{self, Body, FileId};
use tracewell_event_abi::segment::Kind;

/// File types in `i_mode` (include/uapi/linux/stat.h).
const S_IFMT: u32 = 0o170_000;
const S_IFSOCK: u32 = 0o140_000;
/// Magic number of files that are only handles of the kernel, such as epoll and eventfd (include/uapi/linux/magic.h).
const ANON_INODE_FS_MAGIC: u64 = 0x0904_1934;

/// A `struct file`.
#[derive(Clone, Copy)]
pub struct OpenFile {
    pub file: Ptr,
    pub inode: Ptr,
    mode: u32,
}

impl OpenFile {
    /// The file behind a descriptor of the current task (`files_lookup_fd_raw` of include/linux/fdtable.h).
    #[inline(always)]
    pub fn of_fd(fd: u64) -> Option<Self> {
        Self::of_fd_of(Ptr::current(), fd)
    }

    /// The same of another task.
    #[inline(always)]
    pub fn of_fd_of(task: Ptr, fd: u64) -> Option<Self> {
        let table = task.follow(at!(task_files)).follow(at!(files_fdt));
        let fd = fd as u32;
        if fd >= table.read::<u32>(at!(fdt_max)) {
            return None;
        }
        let files = table.follow(at!(fdt_fd));
        Self::of(Ptr(files.0.wrapping_add(fd as u64 * 8)).follow(0))
    }

    #[inline(always)]
    pub fn of(file: Ptr) -> Option<Self> {
        let inode = file.follow(at!(file_inode));
        if inode.is_null() {
            return None;
        }
        Some(Self { file, inode, mode: inode.read::<u16>(at!(inode_mode)) as u32 })
    }

    #[inline(always)]
    pub fn is_socket(&self) -> bool {
        self.mode & S_IFMT == S_IFSOCK
    }

    #[inline(always)]
    pub fn id(&self) -> FileId {
        file_id(self.inode)
    }

    /// Sends a record about this file, with its path, unless it lies where nothing is wanted.
    #[inline(always)]
    pub fn submit(&self, record: Record, id: FileId) {
        self.submit_as(record, Body::File, &body::File { file: id });
    }

    /// The same with a body that says more.
    #[inline(always)]
    pub fn submit_as<T: Copy>(&self, mut record: Record, kind: Body, body: &T) {
        record.body(kind, body);
        let (mnt, dentry) = self.place();
        match path::add_wanted(&mut record, Kind::Path, mnt, dentry) {
            Wanted::Yes => record.submit(),
            Wanted::No => record.filtered(),
        }
    }

    /// Adds its path as a segment.
    #[inline(always)]
    pub fn add_path(&self, record: &mut Record, kind: Kind) {
        let (mnt, dentry) = self.place();
        path::add(record, kind, mnt, dentry);
    }

    #[inline(always)]
    fn place(&self) -> (Ptr, Ptr) {
        (self.file.follow(at!(file_mnt)), self.file.follow(at!(file_dentry)))
    }
}

#[inline(always)]
pub fn file_id(inode: Ptr) -> FileId {
    let sb = inode.follow(at!(inode_sb));
    FileId {
        ino: inode.read(at!(inode_ino)),
        dev: sb.read(at!(sb_dev)),
        generation: inode.read(at!(inode_generation)),
        mode: inode.read::<u16>(at!(inode_mode)) as u32,
        magic: sb.read::<u64>(at!(sb_magic)) as u32,
    }
}

/// Whether a file is only a handle of the kernel, through which no data of files or peers flow.
#[inline(always)]
pub fn is_handle(id: &FileId) -> bool {
    id.magic as u64 == ANON_INODE_FS_MAGIC
}

/// Adds the current task's working directory as a segment.
#[inline(always)]
pub fn add_working_directory(record: &mut Record, kind: Kind) {
    let fs = Ptr::current().follow(at!(task_fs));
    path::add(record, kind, fs.follow(at!(fs_pwd_mnt)), fs.follow(at!(fs_pwd_dentry)));
}
