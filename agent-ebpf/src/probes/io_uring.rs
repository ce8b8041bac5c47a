//! io_uring_setup(entries, params), and raw tracepoint `io_uring_complete`, include/trace/events/io_uring.h, with
//! `TP_PROTO(struct io_ring_ctx *ctx, void *req, struct io_uring_cqe *cqe)` from 6.15 on and
//! `TP_PROTO(void *ctx, void *req, u64 user_data, int res, unsigned cflags, …)` from 6.0 on. Before, there is no request
//! among them, and requests pass unseen, but that a process has a ring is known. So do the further results of a request
//! that has several.
//!
//! Whoever completes a request, it is told of the process that submitted it.

use super::open::opened;
use crate::call::Call;
use crate::file::OpenFile;
use crate::kernel::{Ptr, at};
use crate::record::{Record, Slot};
use crate::socket;
use crate::sums::{collapse_file, collapse_socket};
use crate::tail::Tail;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use tracewell_event_abi::body::{self, Body};
use tracewell_event_abi::head::{Op, flag};
use tracewell_event_abi::offsets::ABSENT;

super::handler!(io_uring_setup, call => set_up(call));

#[inline(always)]
fn set_up(call: Call) -> Option<()> {
    if call.ret < 0 {
        return None;
    }
    Record::start(Op::IoUring, Slot::Call)?.submit();
    Some(())
}

#[raw_tracepoint(tracepoint = "io_uring_complete")]
pub fn io_uring_complete(ctx: RawTracePointContext) -> i32 {
    if at!(req_cqe) == ABSENT {
        // What is in the request's place is a number that the process chose.
        return 0;
    }
    let request = Ptr(ctx.arg::<u64>(1));
    // `res` of `struct io_uring_cqe` (include/uapi/linux/io_uring.h) lies behind the 8 bytes of `user_data`.
    let result =
        if at!(uring_result_by_value) == ABSENT { Ptr(ctx.arg::<u64>(2)).read::<i32>(8) } else { ctx.arg::<i32>(3) };
    let _ = completed(request, result);
    0
}

/// Numbers of include/uapi/linux/io_uring.h, `enum io_uring_op`.
const ACCEPT: u8 = 13;
const OPENAT: u8 = 18;
const OPENAT2: u8 = 28;

#[inline(always)]
fn op_of(opcode: u8) -> Op {
    match opcode {
        1 | 4 | 22 => Op::Read,
        2 | 5 | 23 => Op::Write,
        9 | 26 | 47 | 48 => Op::Send,
        10 | 27 => Op::Receive,
        16 => Op::Connect,
        ACCEPT => Op::Accept,
        _ => Op::IoUring,
    }
}

#[inline(always)]
fn completed(request: Ptr, result: i32) -> Option<()> {
    let opcode = request.read::<u8>(at!(req_opcode));
    let op = op_of(opcode);
    // No-operations, polls, timeouts and the like move nothing (NOP 0, POLL 6 and 7, TIMEOUT 11 and 12, CANCEL 14,
    // LINK_TIMEOUT 15, CLOSE 19).
    if result < 0 && op != Op::Connect || matches!(opcode, 0 | 6 | 7 | 11 | 12 | 14 | 15 | 19) {
        return None;
    }
    let task = match at!(req_tctx) {
        ABSENT => request.follow(at!(req_task)),
        tctx => request.follow(tctx).follow(at!(uring_task)),
    };
    if matches!(opcode, OPENAT | OPENAT2) && !is_slot(request, at!(uring_open_slot)) {
        let mut record = Record::start_for(Op::Open, Slot::Inside, task)?;
        record.head().flags |= flag::BY_KERNEL;
        return opened(record, OpenFile::of_fd_of(task, result as u64));
    }
    let file = if opcode == ACCEPT && !is_slot(request, at!(uring_accept_slot)) {
        OpenFile::of_fd_of(task, result as u64)
    } else {
        OpenFile::of(request.follow(at!(req_file)))
    };
    let Some(file) = file else { return plain(task, opcode) };
    let op = match (op, file.is_socket()) {
        (Op::Read, true) => Op::Receive,
        (Op::Write, true) => Op::Send,
        (op, _) => op,
    };
    let mut record = Record::start_for(op, Slot::Inside, task)?;
    record.head().flags |= flag::BY_KERNEL;
    record.head().errno = if result < 0 { -result as u32 } else { 0 };
    record.head().bytes = if matches!(op, Op::Read | Op::Write | Op::Send | Op::Receive) { result as u64 } else { 0 };
    if file.is_socket() {
        let Some(found) = socket::read(&file) else {
            record.unreadable();
            return None;
        };
        if matches!(op, Op::Send | Op::Receive) {
            record = collapse_socket(record, op, &found)?;
        }
        socket::submit(record, &file, &found);
    } else {
        let id = file.id();
        let record = collapse_file(record, op, &id)?;
        file.submit(record, id);
    }
    Some(())
}

/// Whether the result is put into a slot of the ring instead of a descriptor. The request begins with what is particular
/// to its operation (`struct io_kiocb`, include/linux/io_uring_types.h).
#[inline(always)]
fn is_slot(request: Ptr, slot: u32) -> bool {
    request.read::<u32>(slot) != 0
}

/// A request without a file, such as one that opens or unlinks: only that it was made.
#[inline(always)]
fn plain(task: Ptr, opcode: u8) -> Option<()> {
    let mut record = Record::start_for(Op::IoUring, Slot::Inside, task)?;
    record.head().flags |= flag::BY_KERNEL;
    record.body(Body::Names, &body::Names { value: opcode as u64 });
    record.submit();
    Some(())
}
