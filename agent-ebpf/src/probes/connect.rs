//! connect(fd, address, length). Attempts that failed are sent as well.

use crate::call::Call;
use crate::file::OpenFile;
use crate::record::{Record, Slot};
use crate::socket;
use tracewell_event_abi::head::Op;

/// `EINPROGRESS`: a non-blocking socket has begun to connect.
const EINPROGRESS: u32 = 115;

super::handler!(connect, call => run(call));

#[inline(always)]
fn run(call: Call) -> Option<()> {
    let file = OpenFile::of_fd(call.arg(0))?;
    if !file.is_socket() {
        return None;
    }
    let mut record = Record::start(Op::Connect, Slot::Call)?;
    let errno = call.errno();
    record.head().errno = if errno == EINPROGRESS { 0 } else { errno };
    let Some(mut found) = socket::read(&file) else {
        record.unreadable();
        return None;
    };
    socket::read_user_peer(&mut record, &mut found, call.arg(1));
    socket::submit(record, &file, &found);
    Some(())
}
