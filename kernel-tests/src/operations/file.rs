use super::Operation;
use rustix::fs::{
    AtFlags, CWD, MemfdFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens, memfd_create, utimensat,
};
use rustix::pipe::{SpliceFlags, splice};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::{env, fs, fs::File, fs::OpenOptions, fs::Permissions};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "write a file",
        edges: &["p0 create ~/a", "p0 write ~/a, 4 B"],
        run: |folder| fs::write(folder.join("a"), "text"),
    },
    Operation {
        name: "write a file often",
        edges: &["p0 create ~/a", "p0 write ~/a x100, 400 B"],
        run: |folder| {
            let mut file = File::create(folder.join("a"))?;
            (0..100).try_for_each(|_| file.write_all(b"text"))
        },
    },
    Operation {
        name: "read a file",
        edges: &["p0 create ~/a", "p0 write ~/a, 4 B", "p0 open ~/a", "p0 read ~/a, 4 B"],
        run: read,
    },
    Operation {
        name: "read through a symbolic link and ..",
        edges: &["p0 create ~/a", "p0 write ~/a, 4 B", "p0 create ~/b (by path)", "p0 open ~/a", "p0 read ~/a, 4 B"],
        run: read_through_link,
    },
    Operation {
        name: "append to a file",
        edges: &["p0 create ~/a", "p0 write ~/a x2, 8 B"],
        run: |folder| {
            fs::write(folder.join("a"), "text")?;
            OpenOptions::new().append(true).open(folder.join("a"))?.write_all(b"text")
        },
    },
    Operation { name: "rename a file", edges: &["p0 create ~/a", "p0 rename ~/a to ~/b", "p0 open ~/b"], run: rename },
    Operation {
        name: "rename over a file",
        edges: &["p0 create ~/a", "p0 create ~/b", "p0 rename ~/a to ~/b, which was there"],
        run: |folder| {
            fs::write(folder.join("a"), "")?;
            fs::write(folder.join("b"), "")?;
            fs::rename(folder.join("a"), folder.join("b"))
        },
    },
    Operation {
        name: "rename by a relative name",
        edges: &["p0 create ~/a", "p0 rename ~/a to ~/b"],
        run: |folder| {
            env::set_current_dir(folder)?;
            fs::write("a", "")?;
            fs::rename("./a", "../".to_owned() + &folder.file_name().unwrap_or_default().to_string_lossy() + "/b")
        },
    },
    Operation {
        name: "remove a file",
        edges: &["p0 create ~/a", "p0 unlink ~/a"],
        run: |folder| {
            fs::write(folder.join("a"), "")?;
            fs::remove_file(folder.join("a"))
        },
    },
    Operation {
        name: "link to a file",
        edges: &["p0 create ~/a", "p0 link ~/a to ~/b"],
        run: |folder| {
            fs::write(folder.join("a"), "")?;
            fs::hard_link(folder.join("a"), folder.join("b"))
        },
    },
    Operation {
        name: "make a symbolic link",
        edges: &["p0 create ~/b (by path)"],
        run: |folder| symlink("a", folder.join("b")),
    },
    Operation {
        name: "change permissions",
        edges: &[
            "p0 create ~/a",
            "p0 chmod ~/a from 0640 to 4700 | p0 chmod ~/a to 4700",
            "p0 chmod ~/a from 4700 to 0600 | p0 chmod ~/a to 0600",
        ],
        run: |folder| {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(folder.join("a"))?;
            fs::set_permissions(folder.join("a"), Permissions::from_mode(0o4700))?;
            file.set_permissions(Permissions::from_mode(0o600))
        },
    },
    Operation {
        name: "change the permissions of a folder",
        edges: &["p0 open ~/d", "p0 chmod ~/d, a folder, from 0755 to 2775 | p0 chmod ~/d, a folder, to 2775"],
        run: |folder| {
            fs::create_dir(folder.join("d"))?;
            let _opened = File::open(folder.join("d"))?;
            fs::set_permissions(folder.join("d"), Permissions::from_mode(0o2775))
        },
    },
    Operation {
        name: "set the modification time",
        edges: &[
            "p0 create ~/a",
            "p0 set-times ~/a to 1000000000000000000",
            "p0 set-times ~/a to -5000000000",
            "p0 set-times ~/a to 1000000001000000002",
        ],
        run: set_times,
    },
    Operation {
        name: "set the modification time to the present, or not at all",
        edges: &["p0 create ~/a"],
        run: |folder| {
            let file = File::create(folder.join("a"))?;
            for modified in [UTIME_NOW, UTIME_OMIT] {
                futimens(&file, &times(0, modified))?;
                utimensat(CWD, folder.join("a"), &times(0, modified), AtFlags::empty())?;
            }
            Ok(())
        },
    },
    Operation {
        name: "change the owner",
        edges: &["p0 create ~/a", "p0 chown ~/a x2"],
        run: |folder| {
            let file = File::create(folder.join("a"))?;
            chown(folder.join("a"), Some(0), Some(0))?;
            std::os::unix::fs::fchown(&file, Some(0), Some(0))
        },
    },
    Operation {
        name: "truncate a file",
        edges: &["p0 create ~/a", "p0 truncate ~/a"],
        run: |folder| File::create(folder.join("a"))?.set_len(2),
    },
    Operation {
        name: "copy a file",
        edges: &[
            "p0 create ~/a",
            "p0 write ~/a, 4 B",
            "p0 open ~/a",
            "p0 create ~/b",
            "p0 read ~/a, 4 B",
            "p0 write ~/b, 4 B",
        ],
        run: copy,
    },
    Operation {
        name: "splice a file into a pipe",
        edges: &["p0 create ~/a", "p0 write ~/a, 4 B", "p0 open ~/a", "p0 read ~/a, 4 B", "p0 write a pipe, 4 B"],
        run: splice_into_pipe,
    },
    Operation {
        name: "make a file in memory",
        edges: &["p0 memfd memfd:payload", "p0 write memfd:payload, 4 B"],
        run: make_in_memory,
    },
    Operation {
        name: "write through a pipe",
        edges: &["p0 write a pipe, 4 B", "p0 read a pipe, 4 B"],
        run: |_| {
            let (mut reader, mut writer) = io::pipe()?;
            writer.write_all(b"text")?;
            io::Read::read_exact(&mut reader, &mut [0; 4])
        },
    },
];

/// By name, once before 1970, and by descriptor.
fn set_times(folder: &Path) -> io::Result<()> {
    let file = File::create(folder.join("a"))?;
    for seconds in [1_000_000_000, -5] {
        utimensat(CWD, folder.join("a"), &times(seconds, 0), AtFlags::empty())?;
    }
    Ok(futimens(&file, &times(1_000_000_001, 2))?)
}

/// With an access time from 1970, which nobody asks for.
fn times(seconds: i64, nanoseconds: i64) -> Timestamps {
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    Timestamps { last_access: time(0, 0), last_modification: time(seconds, nanoseconds) }
}

fn read(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("a"), "text")?;
    fs::read(folder.join("a")).map(drop)
}

fn read_through_link(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder.join("d"))?;
    fs::write(folder.join("a"), "text")?;
    symlink("a", folder.join("b"))?;
    fs::read(folder.join("d/../b")).map(drop)
}

fn rename(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("a"), "")?;
    fs::rename(folder.join("a"), folder.join("b"))?;
    File::open(folder.join("b")).map(drop)
}

fn copy(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("a"), "text")?;
    let (from, to) = (File::open(folder.join("a"))?, File::create(folder.join("b"))?);
    rustix::fs::sendfile(&to, &from, None, 4)?;
    Ok(())
}

fn splice_into_pipe(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("a"), "text")?;
    let (file, (_reader, writer)) = (File::open(folder.join("a"))?, io::pipe()?);
    splice(&file, None, &writer, None, 4, SpliceFlags::empty())?;
    Ok(())
}

fn make_in_memory(_: &Path) -> io::Result<()> {
    File::from(memfd_create("payload", MemfdFlags::CLOEXEC)?).write_all(b"text")
}
