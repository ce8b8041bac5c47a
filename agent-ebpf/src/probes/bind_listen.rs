//! bind(fd, address, length) and listen(fd, backlog). Addresses are those that the kernel's socket has afterwards.

use crate::file::OpenFile;
use crate::record::{Record, Slot};
use crate::socket;
use tracewell_event_abi::head::Op;

super::handler!(bind, call => if call.ret != 0 { None } else { about_socket(Op::Bind, call.arg(0)) });
super::handler!(listen, call => if call.ret != 0 { None } else { about_socket(Op::Listen, call.arg(0)) });

/// Something was done to the socket behind `fd`.
#[inline(always)]
pub fn about_socket(op: Op, fd: u64) -> Option<()> {
    let record = Record::start(op, Slot::Call)?;
    let file = OpenFile::of_fd(fd).filter(OpenFile::is_socket);
    let Some((file, found)) = file.and_then(|file| Some((file, socket::read(&file)?))) else {
        record.unreadable();
        return None;
    };
    socket::submit(record, &file, &found);
    Some(())
}
