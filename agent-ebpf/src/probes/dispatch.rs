//! Raw tracepoint `sys_exit`: `TP_PROTO(struct pt_regs *regs, long ret)`, include/trace/events/syscalls.h.
//!
//! All that a system call costs that nobody asked for: one look at its number and a jump that finds nothing.

use crate::call::Call;
use crate::maps::SYSCALLS;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;

#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn dispatch(ctx: RawTracePointContext) -> i32 {
    if let Some(handler) = Call::new(&ctx).handler() {
        // SAFETY: the map holds programs of this type only, which the kernel checks as well.
        unsafe { SYSCALLS.tail_call(&ctx, handler) };
    }
    0
}
