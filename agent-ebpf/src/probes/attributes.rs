//! System calls that change a file's mode, owner or length: by descriptor from the kernel's file, by name as in
//! [`super::names`].

use super::names::{Named, begin, one};
use crate::call::Call;
use crate::file::OpenFile;
use crate::record::{Record, Slot};
use tracewell_event_abi::body::{self, Body};
use tracewell_event_abi::head::Op;

super::handler!(chmod, call => one(call, Op::Chmod, Named::here(call.arg(0)), call.arg(1)));
super::handler!(
    /// fchmodat(dirfd, path, mode) and fchmodat2.
    fchmodat, call => one(call, Op::Chmod, Named::at(call.arg(0), call.arg(1)), call.arg(2))
);
super::handler!(
    /// Without a hook the file is seen afterwards, when its mode is the new one.
    fchmod, call => mode_by_fd(call)
);
super::handler!(
    /// chown and lchown.
    chown, call => one(call, Op::Chown, Named::here(call.arg(0)), call.arg(1))
);
super::handler!(fchownat, call => one(call, Op::Chown, Named::at(call.arg(0), call.arg(1)), call.arg(2)));
super::handler!(fchown, call => by_fd(call, Op::Chown));
super::handler!(truncate, call => one(call, Op::Truncate, Named::here(call.arg(0)), call.arg(1)));
super::handler!(
    /// No hook: that of truncate is not part of it.
    ftruncate, call => if call.ret == 0 { Record::start(Op::Truncate, Slot::Call).and_then(|record| of_fd(call, record)) } else { None }
);

#[inline(always)]
fn mode_by_fd(call: Call) -> Option<()> {
    let record = begin(call, Op::Chmod)?;
    let Some(file) = OpenFile::of_fd(call.arg(0)) else {
        record.unreadable();
        return None;
    };
    let id = file.id();
    file.submit_as(record, Body::Mode, &body::Mode { file: id, set: id.mode, before: body::Mode::UNKNOWN });
    Some(())
}

#[inline(always)]
fn by_fd(call: Call, op: Op) -> Option<()> {
    of_fd(call, begin(call, op)?)
}

#[inline(always)]
fn of_fd(call: Call, record: Record) -> Option<()> {
    let Some(file) = OpenFile::of_fd(call.arg(0)) else {
        record.unreadable();
        return None;
    };
    let id = file.id();
    file.submit(record, id);
    Some(())
}
