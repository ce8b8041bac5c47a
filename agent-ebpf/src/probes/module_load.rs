//! finit_module(fd, …) and init_module(image, …): a module is part of the kernel now. Of the second there is no file.

use crate::call::Call;
use crate::file::OpenFile;
use crate::record::{Record, Slot};
use tracewell_event_abi::head::Op;

super::handler!(finit_module, call => from_file(call));
super::handler!(init_module, call => from_memory(call));

#[inline(always)]
fn from_file(call: Call) -> Option<()> {
    if call.ret != 0 {
        return None;
    }
    let record = Record::start(Op::ModuleLoad, Slot::Call)?;
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
    if call.ret != 0 {
        return None;
    }
    Record::start(Op::ModuleLoad, Slot::Call)?.submit();
    Some(())
}
