//! What becomes part of a process or of the kernel: libraries, modules, BPF programs.

use super::{Exception, Operation};
use crate::raw;
use nix::errno::Errno;
use nix::kmod::{DeleteModuleFlags, ModuleInitFlags, delete_module, finit_module, init_module};
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Modules of the running kernel that `cargo xtask vm` puts into its machines. The second lies where reading it is no part
/// of an operation, since its length is not always the same.
const MODULE: &str = "/overlay.ko";
const IMAGE: &str = "/lib/dummy.ko";

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "map a library as code",
        edges: &["p0 create ~/a.so", "p0 write ~/a.so, 4 B", "p0 open ~/a.so", "p0 map-executable ~/a.so"],
        run: |folder| {
            fs::write(folder.join("a.so"), "text")?;
            raw::map_executable(&File::open(folder.join("a.so"))?)
        },
    },
    Operation {
        name: "load a module",
        edges: &["p0 open /overlay.ko", "p0 module-load /overlay.ko"],
        run: |_| Ok(finit_module(in_machine(MODULE)?, c"", ModuleInitFlags::empty())?),
    },
    Operation {
        name: "load a module from memory",
        edges: &["p0 module-load"],
        run: |_| {
            let mut image = Vec::new();
            io::Read::read_to_end(&mut in_machine(IMAGE)?, &mut image)?;
            Ok(init_module(&image, c"numdummies=0")?)
        },
    },
    Operation { name: NO_MODULE, edges: &["p0 module-load fails with 8"], run: load_no_module },
    Operation {
        name: "load a BPF program",
        edges: &["p0 bpf-load bpf:kernel_tests (by path)"],
        run: |_| raw::load_filter("kernel_tests"),
    },
];

const NO_MODULE: &str = "load what is no module";

pub const EXCEPTIONS: &[Exception] = &[Exception {
    operation: NO_MODULE,
    applies: || !Path::new("/proc/modules").exists(),
    because: "this kernel has no modules",
    edges: &["p0 module-load fails with 38"],
}];

/// Takes out the modules that the operations loaded on another tier, so that they can be loaded once more.
pub fn unload() -> io::Result<()> {
    for (path, name) in [(MODULE, c"overlay"), (IMAGE, c"dummy")] {
        if !Path::new(path).exists() {
            continue;
        }
        match delete_module(name, DeleteModuleFlags::O_NONBLOCK) {
            Ok(()) | Err(Errno::ENOENT | Errno::ENOSYS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn in_machine(path: &str) -> io::Result<File> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(io::Error::new(io::ErrorKind::Unsupported, "only machines of `cargo xtask vm` have modules for it"))
        }
        outcome => outcome,
    }
}

fn load_no_module(_: &Path) -> io::Result<()> {
    match init_module(b"text", c"") {
        Err(Errno::ENOEXEC | Errno::ENOSYS) => Ok(()),
        outcome => Ok(outcome?),
    }
}
