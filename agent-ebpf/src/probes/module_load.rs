//! finit_module(fd, …) and init_module(image, …): a module is part of the kernel now. Of the second there is no file.
//! Attempts that failed are sent as well: they are rare, and whoever makes them means it.

use crate::call::Call;
use crate::file::OpenFile;
use crate::record::{Record, Slot};
use tracewell_event_abi::head::Op;

super::handler!(finit_module, call => from_file(call));
super::handler!(init_module, call => from_memory(call));

#[inline(always)]
fn from_file(call: Call) -> Option<()> {
    let mut record = Record::start(Op::ModuleLoad, Slot::Call)?;
    record.head().errno = call.errno();
    let Some(file) = OpenFile::of_fd(call.arg(0)) else {
        record.unreadable();
        return None;
    };
    let id = file.id();
    file.submit(record, id);
    Some(())
}

#[inline(always)]
fn from_memory(call: Call) -> Option<()> {
    let mut record = Record::start(Op::ModuleLoad, Slot::Call)?;
    record.head().errno = call.errno();
    record.submit();
    Some(())
}
