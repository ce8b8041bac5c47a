//! Raw tracepoint `signal_generate`: `TP_PROTO(int sig, struct kernel_siginfo *info, struct task_struct *task, int group,
//! int result)`, include/trace/events/signal.h. Only what a process sent to another, and only what kills or stops.

use crate::kernel::{Ptr, at};
use crate::process::Group;
use crate::record::{Record, Slot};
use crate::tail::Tail;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use tracewell_event_abi::body::{Body, Target};
use tracewell_event_abi::head::Op;

/// HUP, INT, QUIT, ILL, ABRT, FPE, KILL, SEGV, TERM and STOP.
const SIGNALS: u32 = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 9 | 1 << 11 | 1 << 15 | 1 << 19;
/// `SI_USER`, `SI_QUEUE` and `SI_TKILL` of include/uapi/asm-generic/siginfo.h: sent by a process.
const SENT: [i32; 3] = [0, -1, -6];
/// `SEND_SIG_PRIV` of include/linux/sched/signal.h: sent by the kernel.
const SEND_SIG_PRIV: u64 = 1;
/// `TRACE_SIGNAL_IGNORED`.
const IGNORED: i32 = 1;

#[raw_tracepoint(tracepoint = "signal_generate")]
pub fn signal(ctx: RawTracePointContext) -> i32 {
    let (number, info) = (ctx.arg::<i32>(0) as u32, ctx.arg::<u64>(1));
    let _ = run(number, info, Ptr(ctx.arg::<u64>(2)), ctx.arg::<i32>(4));
    0
}

#[inline(always)]
fn run(number: u32, info: u64, task: Ptr, result: i32) -> Option<()> {
    if number > 31 || SIGNALS & (1 << number) == 0 || result == IGNORED || info == SEND_SIG_PRIV {
        return None;
    }
    if info != 0 {
        let code = Ptr(info).read::<i32>(at!(siginfo_code));
        if code != SENT[0] && code != SENT[1] && code != SENT[2] {
            return None;
        }
    }
    let (sender, target) = (Group::of(Ptr::current()), Group::of(task));
    if sender.tgid == target.tgid {
        return None;
    }
    let mut record = Record::start(Op::Signal, Slot::Inside)?;
    let body = Target { start: target.start, tgid: target.tgid, number, ..Target::default() };
    record.body(Body::Target, &body);
    record.submit();
    Some(())
}
