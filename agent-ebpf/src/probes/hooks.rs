//! Functions of the kernel inside system calls that work on names, with the objects that the names mean (fentry). Their
//! prototypes, in include/linux/security.h and include/linux/fs.h, have been the same since 5.10:
//!
//! - `security_path_rename(const struct path *old_dir, struct dentry *old, const struct path *new_dir, struct dentry *new,
//!   unsigned int flags)`
//! - `security_path_link(struct dentry *old, const struct path *new_dir, struct dentry *new)`: both under one mount
//! - `security_path_symlink`, `security_path_unlink`, `security_path_rmdir(const struct path *dir, struct dentry *, …)`
//! - `security_path_chmod`, `security_path_chown`, `vfs_truncate(const struct path *, …)`, and `chown_common` of fs/open.c with
//!   the same first argument; that of chmod has a `umode_t mode` behind it
//! - `vfs_utimes(const struct path *, struct timespec64 *times)` of fs/utimes.c
//! - `security_sb_mount(const char *device, const struct path *, …)`
//! - `security_move_mount(const struct path *from, const struct path *to)`
//! - `security_sb_pivotroot(const struct path *old, const struct path *new)`
//!
//! The folders are locked until the call has done its work, so what the names mean cannot change any more. Filesystems that
//! stand on others, such as overlayfs, go below these functions, which therefore see what the process named. Truncation has
//! another function: `security_path_truncate` is also part of every open with `O_TRUNC` before 6.2.

use super::times::given;
use crate::file::file_id;
use crate::held::Holding;
use crate::kernel::{Ptr, at};
use crate::path::{self, Wanted};
use crate::tail::Tail;
use aya_ebpf::EbpfContext;
use aya_ebpf::macros::fentry;
use aya_ebpf::programs::FEntryContext;
use tracewell_event_abi::body::{Body, File, FileId, Files, Mode, Times};
use tracewell_event_abi::head::Op;
use tracewell_event_abi::segment::Kind;

macro_rules! hook {
    ($name:ident, $function:literal, $arg:ident => $body:expr) => {
        #[fentry(function = $function)]
        pub fn $name(ctx: FEntryContext) -> i32 {
            // Read as plain numbers: up to 5.17 the verifier refuses arguments that point to no structure, and what points to
            // one it would follow by types.
            let $arg = |n: u32| Ptr(ctx.as_ptr() as u64).follow(n * 8);
            let _ = $body;
            0
        }
    };
}

hook!(hook_rename, "security_path_rename", arg => two(Op::Rename, mount_of(arg(0)), arg(1), mount_of(arg(2)), arg(3)));
hook!(hook_link, "security_path_link", arg => two(Op::Link, mount_of(arg(1)), arg(0), mount_of(arg(1)), arg(2)));
hook!(hook_symlink, "security_path_symlink", arg => made(Op::Symlink, arg(0), arg(1)));
hook!(hook_unlink, "security_path_unlink", arg => one(Op::Unlink, mount_of(arg(0)), arg(1)));
hook!(hook_rmdir, "security_path_rmdir", arg => one(Op::Unlink, mount_of(arg(0)), arg(1)));
hook!(hook_chmod, "security_path_chmod", arg => mode_changed(arg(0), arg(1).0));
hook!(hook_chown, "security_path_chown", arg => changed(Op::Chown, arg(0)));
hook!(hook_truncate, "vfs_truncate", arg => changed(Op::Truncate, arg(0)));
hook!(hook_set_times, "vfs_utimes", arg => times_changed(arg(0), arg(1)));
hook!(hook_mount, "security_sb_mount", arg => whole(Op::Mount, arg(1)));
hook!(hook_move_mount, "security_move_mount", arg => whole(Op::Mount, arg(1)));
hook!(hook_pivot, "security_sb_pivotroot", arg => whole(Op::Mount, arg(1)));

/// The `struct vfsmount` of a `struct path`.
#[inline(always)]
fn mount_of(path: Ptr) -> Ptr {
    path.follow(at!(path_mnt))
}

/// An operation on a mount's place.
#[inline(always)]
fn whole(op: Op, path: Ptr) -> Option<()> {
    one(op, mount_of(path), path.follow(at!(path_dentry)))
}

/// An operation on what is there.
#[inline(always)]
fn one(op: Op, mnt: Ptr, dentry: Ptr) -> Option<()> {
    let file = file_id(dentry.follow(at!(dentry_inode)));
    let mut holding = Holding::begin(op, &file)?;
    holding.body(Body::File, &File { file });
    path::add(&mut holding, Kind::Path, mnt, dentry);
    Some(())
}

/// An operation that changes a file, unless it lies in a folder that is left out, as where it is done by a descriptor.
#[inline(always)]
fn changed(op: Op, path: Ptr) -> Option<()> {
    let file = file_at(path);
    let mut holding = Holding::begin(op, &file)?;
    holding.body(Body::File, &File { file });
    place(holding, path);
    Some(())
}

/// What is set may have more bits than a `umode_t`: nothing clears those of an argument.
#[inline(always)]
fn mode_changed(path: Ptr, set: u64) -> Option<()> {
    let file = file_at(path);
    let mut holding = Holding::begin(Op::Chmod, &file)?;
    holding.body(Body::Mode, &Mode { file, set: set as u16 as u32, before: file.mode });
    place(holding, path);
    Some(())
}

#[inline(always)]
fn times_changed(path: Ptr, times: Ptr) -> Option<()> {
    // Without any both are set to the present.
    if times.is_null() {
        return None;
    }
    let [_, _, seconds, nanoseconds] = times.read::<[i64; 4]>(0);
    let modified = given(seconds, nanoseconds)?;
    let file = file_at(path);
    let mut holding = Holding::begin(Op::SetTimes, &file)?;
    holding.body(Body::Times, &Times { file, modified });
    place(holding, path);
    Some(())
}

#[inline(always)]
fn file_at(path: Ptr) -> FileId {
    file_id(path.follow(at!(path_dentry)).follow(at!(dentry_inode)))
}

/// Adds where it lies.
#[inline(always)]
fn place(mut holding: Holding, path: Ptr) {
    if path::add_wanted(&mut holding, Kind::Path, mount_of(path), path.follow(at!(path_dentry))) == Wanted::No {
        holding.unwanted();
    }
}

/// An operation that makes something: it has no inode yet. To the agent that tries it, its folder stands for it.
#[inline(always)]
fn made(op: Op, folder: Ptr, dentry: Ptr) -> Option<()> {
    let place = file_id(folder.follow(at!(path_dentry)).follow(at!(dentry_inode)));
    let mut holding = Holding::begin(op, &place)?;
    holding.body(Body::File, &File::default());
    path::add(&mut holding, Kind::Path, mount_of(folder), dentry);
    Some(())
}

/// An operation that gives a file another path.
#[inline(always)]
fn two(op: Op, mnt: Ptr, dentry: Ptr, new_mnt: Ptr, new: Ptr) -> Option<()> {
    let file = file_id(dentry.follow(at!(dentry_inode)));
    let mut holding = Holding::begin(op, &file)?;
    holding.body(Body::Files, &Files { file, replaced: file_id(new.follow(at!(dentry_inode))) });
    path::add(&mut holding, Kind::Path, mnt, dentry);
    path::add(&mut holding, Kind::SecondPath, new_mnt, new);
    Some(())
}
