use super::Operation;
use rustix::fs::{MemfdFlags, memfd_create};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::{fs, fs::File, fs::Permissions};
use tracewell_event_abi::head::Op;

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "write a file", ops: &[Op::Open, Op::Write], run: |folder| fs::write(folder.join("a"), "text") },
    Operation { name: "write a file many times", ops: &[Op::Write], run: write_often },
    Operation { name: "read a file", ops: &[Op::Open, Op::Read], run: read },
    Operation { name: "rename a file", ops: &[Op::Rename], run: rename },
    Operation { name: "remove a file", ops: &[Op::Unlink], run: remove },
    Operation { name: "link to a file", ops: &[Op::Link], run: link },
    Operation { name: "make a symbolic link", ops: &[Op::Symlink], run: |folder| symlink("a", folder.join("b")) },
    Operation { name: "change permissions", ops: &[Op::Chmod], run: change_permissions },
    Operation { name: "change the owner", ops: &[Op::Chown], run: change_owner },
    Operation {
        name: "truncate a file",
        ops: &[Op::Truncate],
        run: |folder| File::create(folder.join("a"))?.set_len(2),
    },
    Operation { name: "make a file in memory", ops: &[Op::Memfd], run: make_in_memory },
];

/// Most of them are summed in the kernel.
fn write_often(folder: &Path) -> io::Result<()> {
    let mut file = File::create(folder.join("a"))?;
    (0..100).try_for_each(|_| file.write_all(b"text"))
}

fn read(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("a"), "text")?;
    fs::read(folder.join("a")).map(drop)
}

fn rename(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("a"), "")?;
    fs::rename(folder.join("a"), folder.join("b"))
}

fn remove(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("a"), "")?;
    fs::remove_file(folder.join("a"))
}

fn link(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("a"), "")?;
    fs::hard_link(folder.join("a"), folder.join("b"))
}

fn change_permissions(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("a"), "")?;
    fs::set_permissions(folder.join("a"), Permissions::from_mode(0o700))
}

fn change_owner(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("a"), "")?;
    chown(folder.join("a"), Some(0), Some(0))
}

fn make_in_memory(_: &Path) -> io::Result<()> {
    memfd_create("kernel-tests", MemfdFlags::CLOEXEC)?;
    Ok(())
}
