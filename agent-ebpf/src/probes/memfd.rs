//! memfd_create(name, flags): a file that lies in memory only.

use crate::call::Call;
use crate::file::OpenFile;
use crate::record::{Record, Slot};
use tracewell_event_abi::head::Op;

super::handler!(memfd, call => run(call));

#[inline(always)]
fn run(call: Call) -> Option<()> {
    if call.ret < 0 {
        return None;
    }
    let record = Record::start(Op::Memfd, Slot::Call)?;
    let Some(file) = OpenFile::of_fd(call.ret as u64) else {
        record.unreadable();
        return None;
    };
    let id = file.id();
    file.submit(record, id);
    Some(())
}
