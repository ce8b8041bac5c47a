//! Paths from the kernel's own objects: names of dentries from the file upward, across mounts.

use crate::kernel::{Ptr, at};
use crate::maps::{CONFIG, IGNORED_FOLDERS};
use crate::tail::Tail;
use tracewell_event_abi::config::{Folder, filter};
use tracewell_event_abi::head::flag;
use tracewell_event_abi::segment::{Kind, NAMES_MAX};

/// Whether a path lies in a folder that is filtered.
#[derive(PartialEq, Eq)]
pub enum Wanted {
    Yes,
    No,
}

/// Adds the path of `dentry` under the mount `mnt` (a `struct vfsmount`) as a segment.
#[inline(always)]
pub fn add<T: Tail>(record: &mut T, kind: Kind, mnt: Ptr, dentry: Ptr) {
    walk(record, kind, mnt, dentry, 0);
}

/// The same, unless the path lies in a folder that is filtered: then what was added is of no use.
///
/// Folders are looked for as far upward as names are taken: what lies deeper is wanted.
#[inline(always)]
pub fn add_wanted<T: Tail>(record: &mut T, kind: Kind, mnt: Ptr, dentry: Ptr) -> Wanted {
    walk(record, kind, mnt, dentry, CONFIG.get(0).map_or(0, |config| config.filters & filter::FOLDERS))
}

/// Relies on `d_parent` of a filesystem's root being itself and on `struct mount` containing its `struct vfsmount`, as in
/// fs/d_path.c `prepend_path`. Names may change meanwhile, as there without the lock; lengths are bounded here.
#[inline(always)]
fn walk<T: Tail>(record: &mut T, kind: Kind, mnt: Ptr, dentry: Ptr, filters: u32) -> Wanted {
    let (mut mount, mut dentry) = (mnt.minus(at!(mount_mnt)), dentry);
    let mut root = mnt.follow(at!(mnt_root));
    let start = record.open_segment();
    let mut is_whole = false;
    for _ in 0..NAMES_MAX {
        // The root of a mount as well: what it covers is another folder.
        if filters != 0 && is_ignored(dentry) {
            return Wanted::No;
        }
        if dentry == root {
            let parent = mount.follow(at!(mount_parent));
            if parent == mount {
                is_whole = true;
                break;
            }
            dentry = mount.follow(at!(mount_mountpoint));
            mount = parent;
            root = mount.plus(at!(mount_mnt)).follow(at!(mnt_root));
            continue;
        }
        let parent = dentry.follow(at!(dentry_parent));
        if record.room_taken(start) > T::PATH_MAX {
            break;
        }
        if parent == dentry {
            record.flag(flag::NO_FOLDER);
            record.kernel_name(dentry.follow(at!(dentry_name)));
            is_whole = true;
            break;
        }
        if !record.kernel_name(dentry.follow(at!(dentry_name))) {
            break;
        }
        dentry = parent;
    }
    if !is_whole {
        record.flag(flag::PARTIAL_PATH);
    }
    record.close_segment(kind, start);
    Wanted::Yes
}

#[inline(always)]
fn is_ignored(dentry: Ptr) -> bool {
    let inode = dentry.follow(at!(dentry_inode));
    let dev = inode.follow(at!(inode_sb)).read(at!(sb_dev));
    let folder = Folder { ino: inode.read(at!(inode_ino)), dev, reserved: 0 };
    // SAFETY: only presence is asked for.
    unsafe { IGNORED_FOLDERS.get(&folder).is_some() }
}
