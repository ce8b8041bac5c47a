//! System calls that work on names: rename, link, symlink, unlink, rmdir, mkdir, mknod and their `at` forms.
//!
//! Where a hook saw the call ([`super::hooks`]), it is told by the kernel's objects that the hook kept. Else, after the call,
//! the name is all there is, so it is taken from the process's memory and flagged so; what it is relative to comes from the
//! kernel's objects.

use crate::call::Call;
use crate::file::{OpenFile, add_working_directory};
use crate::held::{self, Hooked};
use crate::kernel::read_user;
use crate::record::{Record, Slot};
use crate::tail::Tail;
use tracewell_event_abi::body::{self, Body};
use tracewell_event_abi::head::{Op, flag};
use tracewell_event_abi::segment::Kind;

/// `AT_FDCWD` of include/uapi/linux/fcntl.h.
const AT_FDCWD: i32 = -100;

/// A path as a call takes it: the directory's descriptor, and the address of the name.
#[derive(Clone, Copy)]
pub struct Named {
    pub dirfd: i32,
    pub name: u64,
}

impl Named {
    /// Relative to the working directory.
    #[inline(always)]
    pub fn here(name: u64) -> Self {
        Self { dirfd: AT_FDCWD, name }
    }

    #[inline(always)]
    pub fn at(dirfd: u64, name: u64) -> Self {
        Self { dirfd: dirfd as i32, name }
    }
}

super::handler!(rename, call => two(call, Op::Rename, Named::here(call.arg(0)), Named::here(call.arg(1))));
super::handler!(
    /// renameat(olddirfd, old, newdirfd, new) and renameat2 with flags behind them.
    renameat, call =>
    two(call, Op::Rename, Named::at(call.arg(0), call.arg(1)), Named::at(call.arg(2), call.arg(3)))
);
super::handler!(link, call => two(call, Op::Link, Named::here(call.arg(0)), Named::here(call.arg(1))));
super::handler!(
    linkat, call =>
    two(call, Op::Link, Named::at(call.arg(0), call.arg(1)), Named::at(call.arg(2), call.arg(3)))
);
super::handler!(
    /// symlink(target, link): the link is what is made, the target a text.
    symlink, call => two(call, Op::Symlink, Named::here(call.arg(1)), Named { dirfd: 0, name: call.arg(0) })
);
super::handler!(
    symlinkat, call =>
    two(call, Op::Symlink, Named::at(call.arg(1), call.arg(2)), Named { dirfd: 0, name: call.arg(0) })
);
super::handler!(
    /// unlink and rmdir.
    unlink, call => one(call, Op::Unlink, Named::here(call.arg(0)), 0)
);
super::handler!(unlinkat, call => one(call, Op::Unlink, Named::at(call.arg(0), call.arg(1)), 0));

/// An operation on one name, with what it sets.
#[inline(always)]
pub fn one(call: Call, op: Op, named: Named, value: u64) -> Option<()> {
    let mut record = begin(call, op)?;
    record.body(Body::Names, &body::Names { value });
    add(&mut record, named, Kind::Base, Kind::Name);
    record.submit();
    Some(())
}

/// A record of a call that no hook has told of.
#[inline(always)]
pub fn begin(call: Call, op: Op) -> Option<Record> {
    begin_if(call, op, true)
}

/// The same, unless what the process gave the call says that nobody wants to know.
#[inline(always)]
pub fn begin_if(call: Call, op: Op, is_telling: bool) -> Option<Record> {
    let hooked = held::tell(&call, op);
    if hooked == Hooked::Told || call.ret != 0 || !is_telling {
        return None;
    }
    let mut record = Record::start(op, Slot::Call)?;
    if hooked == Hooked::Missed {
        record.fell_back();
    }
    Some(record)
}

/// An operation on two names.
#[inline(always)]
pub fn two(call: Call, op: Op, first: Named, second: Named) -> Option<()> {
    let mut record = begin(call, op)?;
    record.body(Body::Names, &body::Names { value: 0 });
    add(&mut record, first, Kind::Base, Kind::Name);
    if matches!(op, Op::Symlink | Op::Mount) {
        // A text that nothing is relative to.
        record.user_text(Kind::SecondName, second.name);
    } else {
        add(&mut record, second, Kind::SecondBase, Kind::SecondName);
    }
    record.submit();
    Some(())
}

#[inline(always)]
pub fn add(record: &mut Record, named: Named, base: Kind, name: Kind) {
    record.head().flags |= flag::FROM_USER;
    if read_user::<u8>(named.name) != b'/' {
        if named.dirfd == AT_FDCWD {
            add_working_directory(record, base);
        } else if let Some(folder) = OpenFile::of_fd(named.dirfd as u32 as u64) {
            folder.add_path(record, base);
        }
    }
    if !record.user_text(name, named.name) {
        record.head().flags |= flag::PARTIAL_PATH;
    }
}
