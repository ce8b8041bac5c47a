//! Raw tracepoint `sched_process_exit`: `TP_PROTO(struct task_struct *p)`, include/trace/events/sched.h; newer kernels
//! add an argument, which is not used.

use crate::held;
use crate::kernel::{Ptr, at};
use crate::maps::IGNORED_PROCESSES;
use crate::process::Group;
use crate::record::{Record, Slot};
use crate::tail::Tail;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use tracewell_event_abi::body::{self, Body};
use tracewell_event_abi::head::Op;

#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn exit(ctx: RawTracePointContext) -> i32 {
    let _ = run(Ptr(ctx.arg::<u64>(0)));
    0
}

#[inline(always)]
fn run(task: Ptr) -> Option<()> {
    held::forget();
    let signal = task.follow(at!(task_signal));
    // The count of live threads was lowered before (kernel/exit.c, `do_exit`): the last one ends the process.
    if signal.read::<i32>(at!(signal_live)) > 0 {
        return None;
    }
    let group = Group::of(task);
    let mut record = Record::start_for(Op::Exit, Slot::Inside, task);
    if let Some(record) = &mut record {
        let code = match signal.read::<u32>(at!(signal_group_exit_code)) {
            0 => task.read(at!(task_exit_code)),
            code => code,
        };
        record.body(Body::Exit, &body::Exit { code, reserved: 0 });
    }
    let _ = IGNORED_PROCESSES.remove(&group.tgid);
    record?.submit();
    Some(())
}
