//! System calls that open a file: open, creat, openat, openat2, open_by_handle_at. What was opened is read from the
//! new descriptor's `struct file`, not from what the process asked for.

use crate::call::Call;
use crate::file::{OpenFile, is_handle};
use crate::kernel::at;
use crate::maps::{CONFIG, IDENTIFIED};
use crate::record::{Record, Slot};
use crate::sums::collapse_open;
use aya_ebpf::helpers::generated::bpf_get_current_pid_tgid;
use tracewell_event_abi::collapse::Open;
use tracewell_event_abi::head::{Op, flag};

/// `FMODE_READ` and `FMODE_CREATED` of include/linux/fs.h: what the file may be used for, and that this open made it.
const FMODE_READ: u32 = 1;
/// `FMODE_PATH`: only a place, opened with `O_PATH`.
const FMODE_PATH: u32 = 0x4000;
const FMODE_CREATED: u32 = 0x10_0000;

super::handler!(open, call => run(call));

#[inline(always)]
fn run(call: Call) -> Option<()> {
    if call.ret < 0 {
        return None;
    }
    // SAFETY: the helper has no preconditions.
    let id = unsafe { bpf_get_current_pid_tgid() };
    if CONFIG.get(0)?.own == (id >> 32) as u32 {
        return identify(call, id as u32);
    }
    let record = Record::start(Op::Open, Slot::Call)?;
    opened(record, OpenFile::of_fd(call.ret as u64))
}

/// Sends what was opened. Without a file another thread has closed it already.
#[inline(always)]
pub fn opened(mut record: Record, file: Option<OpenFile>) -> Option<()> {
    let Some(file) = file else {
        record.unreadable();
        return None;
    };
    let id = file.id();
    if is_handle(&id) {
        record.filtered();
        return None;
    }
    let mode = file.file.read::<u32>(at!(file_mode));
    let way = if mode & FMODE_READ == 0 { Open::WriteOnly } else { Open::Any };
    if way == Open::WriteOnly {
        record.head().flags |= flag::WRITE_ONLY;
    }
    if mode & FMODE_CREATED != 0 {
        record.head().flags |= flag::CREATED;
    } else {
        record = collapse_open(record, way, &id)?;
    }
    file.submit(record, id);
    Some(())
}

/// The agent asks what a path means: it opens it as a place, and finds the answer in a map.
#[inline(always)]
fn identify(call: Call, tid: u32) -> Option<()> {
    let file = OpenFile::of_fd(call.ret as u64)?;
    if file.file.read::<u32>(at!(file_mode)) & FMODE_PATH != 0 {
        let _ = IDENTIFIED.insert(&tid, &file.id(), 0);
    }
    Some(())
}
