//! System calls that move data through descriptors: read, write, their vectored and positioned kin, sendfile, splice,
//! tee, vmsplice, copy_file_range. A descriptor may be a file, a pipe or a socket; the kernel's file tells which.

use crate::file::{OpenFile, is_handle};
use crate::record::{Record, Slot, counts};
use crate::socket;
use crate::sums::{collapse_file, collapse_socket};
use tracewell_event_abi::head::Op;

/// Which way the data went, seen from the process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    In,
    Out,
}

super::handler!(read, call => moved(call.ret, call.arg(0), Way::In));
super::handler!(write, call => moved(call.ret, call.arg(0), Way::Out));
super::handler!(
    /// sendfile(out, in, …).
    sendfile, call => {
        let _ = moved(call.ret, call.arg(1), Way::In);
        moved(call.ret, call.arg(0), Way::Out)
    }
);
super::handler!(
    /// splice(in, offset, out, …) and copy_file_range with the same order.
    splice, call => {
        let _ = moved(call.ret, call.arg(0), Way::In);
        moved(call.ret, call.arg(2), Way::Out)
    }
);
super::handler!(
    /// tee(in, out, …).
    tee, call => {
        let _ = moved(call.ret, call.arg(0), Way::In);
        moved(call.ret, call.arg(1), Way::Out)
    }
);

/// `n` bytes went through `fd`.
#[inline(always)]
fn moved(n: i64, fd: u64, way: Way) -> Option<()> {
    if n <= 0 {
        return None;
    }
    let (file_op, socket_op) = match way {
        Way::In => (Op::Read, Op::Receive),
        Way::Out => (Op::Write, Op::Send),
    };
    let Some(file) = OpenFile::of_fd(fd) else {
        let counts = counts(file_op)?;
        counts.seen += 1;
        counts.unreadable += 1;
        return None;
    };
    if file.is_socket() { through_socket(n, &file, socket_op) } else { through_file(n, &file, file_op) }
}

#[inline(always)]
fn through_file(n: i64, file: &OpenFile, op: Op) -> Option<()> {
    let id = file.id();
    if is_handle(&id) {
        return None;
    }
    let mut record = Record::start(op, Slot::Call)?;
    record.head().bytes = n as u64;
    let record = collapse_file(record, op, &id)?;
    file.submit(record, id);
    Some(())
}

#[inline(always)]
fn through_socket(n: i64, file: &OpenFile, op: Op) -> Option<()> {
    let mut record = Record::start(op, Slot::Call)?;
    record.head().bytes = n as u64;
    let Some(found) = socket::read(file) else {
        record.unreadable();
        return None;
    };
    let record = collapse_socket(record, op, &found)?;
    socket::submit(record, file, &found);
    Some(())
}
