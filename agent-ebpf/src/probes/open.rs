//! System calls that open a file: open, creat, openat, openat2, open_by_handle_at. What was opened is read from the
//! new descriptor's `struct file`, not from what the process asked for.

use crate::call::Call;
use crate::file::{OpenFile, is_handle};
use crate::kernel::at;
use crate::path::Wanted;
use crate::record::{Record, Slot};
use crate::sums::collapse_file;
use tracewell_event_abi::body::{self, Body};
use tracewell_event_abi::head::{Op, flag};
use tracewell_event_abi::segment::Kind;

/// `FMODE_CREATED` of include/linux/fs.h: this open made the file.
const FMODE_CREATED: u32 = 0x10_0000;

super::handler!(open, call => run(call));

#[inline(always)]
fn run(call: Call) -> Option<()> {
    if call.ret < 0 {
        return None;
    }
    let mut record = Record::start(Op::Open, Slot::Call)?;
    let Some(file) = OpenFile::of_fd(call.ret as u64) else {
        // Another thread has closed it already.
        record.unreadable();
        return None;
    };
    let id = file.id();
    if is_handle(&id) {
        record.filtered();
        return None;
    }
    let is_new = file.file.read::<u32>(at!(file_mode)) & FMODE_CREATED != 0;
    if is_new {
        record.head().flags |= flag::CREATED;
    } else {
        record = collapse_file(record, Op::Open, &id)?;
    }
    record.body(Body::File, &body::File { file: id });
    match file.add_path(&mut record, Kind::Path) {
        Wanted::Yes => record.submit(),
        Wanted::No => record.filtered(),
    }
    Some(())
}
