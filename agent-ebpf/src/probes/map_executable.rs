//! mmap(addr, length, prot, flags, fd, offset) of a file as code, and mmap2 of 32-bit programs.

use crate::call::Call;
use crate::file::{OpenFile, is_handle};
use crate::record::{Record, Slot};
use crate::sums::collapse_file;
use tracewell_event_abi::head::Op;

/// include/uapi/asm-generic/mman-common.h.
const PROT_EXEC: u64 = 4;
const MAP_ANONYMOUS: u64 = 0x20;

super::handler!(map_executable, call => run(call));

#[inline(always)]
fn run(call: Call) -> Option<()> {
    if call.arg(2) & PROT_EXEC == 0 || call.arg(3) & MAP_ANONYMOUS != 0 || call.errno() != 0 {
        return None;
    }
    let record = Record::start(Op::MapExecutable, Slot::Call)?;
    let Some(file) = OpenFile::of_fd(call.arg(4)) else {
        record.unreadable();
        return None;
    };
    let id = file.id();
    if is_handle(&id) {
        record.filtered();
        return None;
    }
    let record = collapse_file(record, Op::MapExecutable, &id)?;
    file.submit(record, id);
    Some(())
}
