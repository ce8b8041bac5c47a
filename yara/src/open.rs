//! Opens the file that an event was about, and no other, without waiting for anybody.
//!
//! A file is first had as a place only (`O_PATH`): that reads nothing and waits for nobody, so what it is, where it lies and how large it
//! is are known before it is opened; and opening goes by that place, so that nothing can be put in its stead meanwhile.

use rustix::fs::{self, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, fstatfs, open as open_at, openat2};
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use tracewell_model::{FileRef, Inode, ProcessRef};

/// Filesystems whose files are the kernel's own, in memory or on this machine's disks (`statfs(2)`): with others who serves them could
/// keep a reader waiting, and the kernel's own say of files that they are regular where reading them does things.
const LOCAL: [u32; 18] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0x0102_1994, // tmpfs, memfd
    0x8584_58f6, // ramfs
    0x794c_7630, // overlay
    0x7371_7368, // squashfs
    0xe0f5_e1e2, // erofs
    0xf2f5_2010, // f2fs
    0x2fc1_2fc1, // zfs
    0xca45_1a4e, // bcachefs
    0x4d44,      // vfat
    0x2011_bab0, // exfat
    0x7366_746e, // ntfs3
    0x9660,      // iso9660
    0x1501_3346, // udf
    0x3153_464a, // jfs
    0x5265_4973, // reiserfs
];

/// Says which file a descriptor is, as events name it; `None` where that cannot be had.
pub type Identify = Box<dyn FnMut(BorrowedFd<'_>) -> Option<Inode> + Send>;

/// A file that can be read.
#[derive(Debug)]
pub struct Opened {
    pub file: OwnedFd,
    pub inode: Inode,
    pub stat: Stat,
}

/// Why a file is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not where it was: removed, replaced, or nobody is left through whom it can be reached.
    Gone,
    /// Its name is no UTF-8, so that events cannot say it, and there was no other way to it.
    Nameless,
    NotRegular,
    TooLarge {
        bytes: u64,
    },
    /// It does not lie on a filesystem of this machine.
    Elsewhere,
    Unreadable(Errno),
}

/// Which file a descriptor is by its device and number, as `stat` has them: not for filesystems that show others there, as btrfs does.
pub fn by_stat(stat: &Stat) -> Inode {
    let dev = u64::from(fs::major(stat.st_dev)) << 20 | u64::from(fs::minor(stat.st_dev));
    Inode { dev, ino: stat.st_ino, generation: 0 }
}

/// Opens the file that a process runs (`is_image`) or dealt with.
///
/// It is looked for through the process, whose root it has, then from the root of the first process, so that the agent's own mounts and
/// those of containers do not matter, and then from the agent's. What is found counts only if it is the file that the event named.
///
/// # Errors
/// [`Refused`].
pub fn open(
    file: &FileRef,
    process: ProcessRef,
    is_image: bool,
    size_max: u64,
    identify: &mut Identify,
) -> Result<Opened, Refused> {
    let image = is_image.then(|| format!("/proc/{}/exe", process.pid));
    let image = image.map(|image| open_at(image, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()));
    let roots = [format!("/proc/{}/root", process.pid), "/proc/1/root".to_owned(), "/".to_owned()];
    let below = |root: &String| {
        let path = file.path.as_ref()?;
        // Through a process that has ended, or that is not to be looked into, there is no way.
        let root = open_at(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        Some(place(&root, path, file.inode.is_some()))
    };
    let mut refused = Refused::Gone;
    for found in image.into_iter().chain(roots.iter().filter_map(below)) {
        let found = match found {
            Ok(found) => found,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::SRCH | Errno::LOOP | Errno::XDEV) => continue,
            Err(error) => {
                refused = Refused::Unreadable(error);
                continue;
            }
        };
        let stat = fstat(&found).map_err(Refused::Unreadable)?;
        let (of_stat, asked) = (by_stat(&stat), identify(found.as_fd()));
        let is_it = match (file.inode, asked) {
            (None, _) => true,
            (Some(wanted), Some(asked)) => wanted == asked,
            (Some(wanted), None) => (wanted.dev, wanted.ino) == (of_stat.dev, of_stat.ino),
        };
        if is_it {
            return readable(found, stat, asked.unwrap_or(of_stat), size_max);
        }
    }
    let is_nameless = file.path.as_ref().is_some_and(|path| path.contains(char::REPLACEMENT_CHARACTER));
    Err(if is_nameless && refused == Refused::Gone { Refused::Nameless } else { refused })
}

/// The place that a path has below a root, which it cannot leave. Where the file is known by more than its path, folders may be links.
fn place(root: &OwnedFd, path: &str, is_known: bool) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let links = if is_known { ResolveFlags::empty() } else { ResolveFlags::NO_SYMLINKS };
    openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | links)
}

fn readable(place: OwnedFd, stat: Stat, inode: Inode, size_max: u64) -> Result<Opened, Refused> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Refused::NotRegular);
    }
    let kind = fstatfs(&place).map_err(Refused::Unreadable)?.f_type;
    // Kernels differ in how wide the number is.
    if !LOCAL.contains(&((kind as u64 & 0xffff_ffff) as u32)) {
        return Err(Refused::Elsewhere);
    }
    let bytes = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    if bytes > size_max {
        return Err(Refused::TooLarge { bytes });
    }
    let again = format!("/proc/self/fd/{}", place.as_raw_fd());
    // What holds a lease is not waited for, and who looks at a file does not show in it.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match open_at(&again, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => open_at(&again, flags, Mode::empty()),
        opened => opened,
    };
    Ok(Opened { file: file.map_err(Refused::Unreadable)?, inode, stat })
}
