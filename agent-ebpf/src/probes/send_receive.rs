//! sendto, sendmsg, sendmmsg, recvfrom, recvmsg, recvmmsg. The peer of an unconnected socket is only in the process's
//! memory; it is taken from there and flagged so.

use crate::call::Call;
use crate::file::OpenFile;
use crate::record::{Record, Slot};
use crate::socket;
use crate::sums::collapse_socket;
use tracewell_event_abi::head::Op;

super::handler!(sendto, call => moved(call, Op::Send, call.arg(4), call.ret));
super::handler!(recvfrom, call => moved(call, Op::Receive, call.arg(4), call.ret));
super::handler!(
    /// `struct user_msghdr` starts with the peer's address (include/linux/socket.h).
    sendmsg, call => moved(call, Op::Send, call.user_pointer(call.arg(1)), call.ret)
);
super::handler!(recvmsg, call => moved(call, Op::Receive, call.user_pointer(call.arg(1)), call.ret));
super::handler!(
    /// Returns how many messages; what they hold is not summed. The first one's peer stands for all.
    sendmmsg, call => moved(call, Op::Send, call.user_pointer(call.arg(1)), 0)
);
super::handler!(recvmmsg, call => moved(call, Op::Receive, call.user_pointer(call.arg(1)), 0));

#[inline(always)]
fn moved(call: Call, op: Op, peer: u64, bytes: i64) -> Option<()> {
    if call.ret <= 0 {
        return None;
    }
    let mut record = Record::start(op, Slot::Call)?;
    // Only now: where there is none, a place for it that was kept meanwhile would be unset, which the verifier refuses.
    let file = OpenFile::of_fd(call.arg(0)).filter(OpenFile::is_socket);
    let Some((file, mut found)) = file.and_then(|file| Some((file, socket::read(&file)?))) else {
        record.unreadable();
        return None;
    };
    record.head().bytes = bytes as u64;
    socket::read_user_peer(&mut record, &mut found, peer);
    let record = collapse_socket(record, op, &found)?;
    socket::submit(record, &file, &found);
    Some(())
}
