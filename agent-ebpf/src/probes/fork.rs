//! Raw tracepoint `sched_process_fork`: `TP_PROTO(struct task_struct *parent, struct task_struct *child)`,
//! include/trace/events/sched.h.

use crate::kernel::Ptr;
use crate::maps::{CONFIG, IGNORED_PROCESSES};
use crate::process::{Group, inner_pid};
use crate::record::{Record, Slot};
use crate::tail::Tail;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use tracewell_event_abi::body::{self, Body};
use tracewell_event_abi::config::filter;
use tracewell_event_abi::head::Op;

#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub fn fork(ctx: RawTracePointContext) -> i32 {
    let _ = run(Ptr(ctx.arg::<u64>(0)), Ptr(ctx.arg::<u64>(1)));
    0
}

#[inline(always)]
fn run(parent: Ptr, child: Ptr) -> Option<()> {
    let (parent_group, group) = (Group::of(parent), Group::of(child));
    if parent_group.tgid == group.tgid {
        // A thread.
        return None;
    }
    if CONFIG.get(0)?.filters & filter::PROCESSES != 0 {
        // SAFETY: only presence is asked for.
        if unsafe { IGNORED_PROCESSES.get(&parent_group.tgid).is_some() } {
            let _ = IGNORED_PROCESSES.insert(&group.tgid, &1, 0);
        }
    }
    let mut record = Record::start_for(Op::Fork, Slot::Inside, parent)?;
    let (inner_pid, pid_namespace) = inner_pid(child);
    record
        .body(Body::Fork, &body::Fork { start: group.start, tgid: group.tgid, inner_pid, pid_namespace, reserved: 0 });
    record.submit();
    Some(())
}
