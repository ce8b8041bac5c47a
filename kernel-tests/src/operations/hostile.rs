//! What a process does to be seen as something else.

#![expect(unsafe_code, reason = "a name that the call itself changes has to be given to it by address")]

use super::Operation;
use nix::errno::Errno;
use nix::libc;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{io, ptr};

const PAGE: usize = 4096;

pub const OPERATIONS: &[Operation] = &[Operation {
    name: "change the name that a call was given",
    edges: &[
        "p0 create ~/a",
        "p0 create ~/ab",
        "p0 write ~/ab, 4096 B",
        "p0 open ~/ab",
        "p0 truncate ~/ab | p0 truncate ~/a",
    ],
    run: truncate_own_name,
}];

/// The name of a file lies in the file, which is mapped: truncating the file right before its name's last letter takes the
/// letter from the name. By the end of the call it is that of another file, without any race.
fn truncate_own_name(folder: &Path) -> io::Result<()> {
    let (path, mut name) = (folder.join("ab"), folder.join("ab").as_os_str().as_bytes().to_vec());
    let len = name.len();
    name.resize(PAGE, 0);
    fs::write(folder.join("a"), "")?;
    fs::write(&path, &name)?;
    let file = File::open(&path)?;
    // SAFETY: the kernel chooses where, and nothing of this program lies there.
    let mapped = unsafe { mmap(ptr::null_mut(), PAGE, ProtFlags::READ, MapFlags::SHARED, &file, 0)? };
    // SAFETY: the name ends with a zero, and only the kernel reads it, which may do so while it changes.
    let outcome = Errno::result(unsafe { libc::truncate(mapped.cast(), (len - 1) as libc::off_t) });
    // SAFETY: it was mapped above, and nothing refers to it.
    unsafe { munmap(mapped, PAGE)? };
    Ok(outcome.map(drop)?)
}
