//! ptrace(request, pid, …) that attaches, process_vm_readv(pid, …) and process_vm_writev(pid, …).

use crate::call::Call;
use crate::kernel::{Ptr, at};
use crate::process::{Group, inner_pid};
use crate::record::{Record, Slot};
use crate::tail::Tail;
use tracewell_event_abi::body::{Body, Target};
use tracewell_event_abi::head::Op;

/// include/uapi/linux/ptrace.h.
const PTRACE_ATTACH: u64 = 16;
const PTRACE_SEIZE: u64 = 0x4206;

super::handler!(ptrace, call => attached(call));
super::handler!(process_vm_readv, call => memory(call, Op::Ptrace));
super::handler!(process_vm_writev, call => memory(call, Op::WriteMemory));

#[inline(always)]
fn attached(call: Call) -> Option<()> {
    let request = call.arg(0);
    if call.ret != 0 || (request != PTRACE_ATTACH && request != PTRACE_SEIZE) {
        return None;
    }
    let mut record = Record::start(Op::Ptrace, Slot::Call)?;
    // `__ptrace_link` puts the newest first (kernel/ptrace.c).
    let newest = Ptr::current().follow(at!(task_ptraced)).minus(at!(task_ptrace_entry));
    let group = Group::of(newest);
    let target = Target { start: group.start, tgid: group.tgid, number: request as u32, ..Target::default() };
    record.body(Body::Target, &target);
    record.submit();
    Some(())
}

/// The kernel looked the number up in the caller's namespace; the agent does so again.
#[inline(always)]
fn memory(call: Call, op: Op) -> Option<()> {
    if call.ret <= 0 {
        return None;
    }
    let mut record = Record::start(op, Slot::Call)?;
    record.head().bytes = call.ret as u64;
    let (_, pid_namespace) = inner_pid(Ptr::current());
    let target = Target { inner_pid: call.arg(0) as u32, pid_namespace, ..Target::default() };
    record.body(Body::Target, &target);
    record.submit();
    Some(())
}
