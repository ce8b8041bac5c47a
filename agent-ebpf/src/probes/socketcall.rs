//! socketcall(call, arguments) of 32-bit programs: all calls on sockets by one number (net/socket.c,
//! `__do_sys_socketcall`). Its arguments lie in the process's memory, which may have changed them since; what the
//! descriptor is comes from the kernel, and the record is flagged.

use crate::call::Call;
use crate::file::OpenFile;
use crate::kernel::read_user;
use crate::record::{Record, Slot};
use crate::socket;
use crate::sums::collapse_socket;
use tracewell_event_abi::head::{Op, flag};

/// `EINPROGRESS`, as in [`super::connect`].
const EINPROGRESS: u32 = 115;

super::handler!(socketcall, call => run(call));

/// Numbers of include/uapi/linux/net.h; those of send, sendto, sendmsg, sendmmsg and their opposites.
#[inline(always)]
fn op_of(number: u64) -> Option<Op> {
    Some(match number {
        2 => Op::Bind,
        3 => Op::Connect,
        4 => Op::Listen,
        5 | 18 => Op::Accept,
        9 | 11 | 16 | 20 => Op::Send,
        10 | 12 | 17 | 19 => Op::Receive,
        _ => return None,
    })
}

#[inline(always)]
fn run(call: Call) -> Option<()> {
    let number = call.arg(0);
    let op = op_of(number)?;
    let is_moved = matches!(op, Op::Send | Op::Receive);
    if op != Op::Connect && call.ret < is_moved as i64 {
        return None;
    }
    let arguments = read_user::<[u32; 6]>(call.arg(1));
    let fd = if op == Op::Accept { call.ret as u32 } else { arguments[0] };
    let mut record = Record::start(op, Slot::Call)?;
    record.head().flags |= flag::FROM_USER;
    let errno = call.errno();
    record.head().errno = if errno == EINPROGRESS { 0 } else { errno };
    let file = OpenFile::of_fd(fd as u64).filter(OpenFile::is_socket);
    let Some((file, mut found)) = file.and_then(|file| Some((file, socket::read(&file)?))) else {
        record.unreadable();
        return None;
    };
    let peer = match number {
        3 => arguments[1] as u64,
        11 | 12 => arguments[4] as u64,
        16 | 17 | 19 | 20 => call.user_pointer(arguments[1] as u64),
        _ => 0,
    };
    socket::read_user_peer(&mut record, &mut found, peer);
    if is_moved {
        // Those of several messages return how many there were.
        record.head().bytes = if matches!(number, 19 | 20) { 0 } else { call.ret as u64 };
        record = collapse_socket(record, op, &found)?;
    }
    socket::submit(record, &file, &found);
    Some(())
}
