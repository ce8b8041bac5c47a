use crate::kernel::{Ptr, at, read_user};
use aya_ebpf::programs::RawTracePointContext;

/// `TS_COMPAT` of arch/x86/include/asm/thread_info.h: the system call of a 32-bit program.
const TS_COMPAT: u32 = 2;

/// A system call that has ended: its registers still hold its arguments.
///
/// `TP_PROTO(struct pt_regs *regs, long ret)` of include/trace/events/syscalls.h.
#[derive(Clone, Copy)]
pub struct Call {
    regs: Ptr,
    pub ret: i64,
    is_compat: bool,
}

impl Call {
    #[inline(always)]
    pub fn new(ctx: &RawTracePointContext) -> Self {
        let status = Ptr::current().read::<u32>(at!(task_status));
        Self { regs: Ptr(ctx.arg::<u64>(0)), ret: ctx.arg::<i64>(1), is_compat: status & TS_COMPAT != 0 }
    }

    /// Its place among the handlers.
    #[inline(always)]
    pub fn handler(&self) -> Option<u32> {
        const COMPAT_FROM: u32 = 512;
        let number = self.regs.read::<u64>(at!(regs_orig_ax)) as u32;
        if number >= COMPAT_FROM {
            return None;
        }
        Some(if self.is_compat { number + COMPAT_FROM } else { number })
    }

    /// The argument at `n` from 0 to 5.
    #[inline(always)]
    pub fn arg(&self, n: u32) -> u64 {
        let (wide, narrow) = match n {
            0 => (at!(regs_di), at!(regs_bx)),
            1 => (at!(regs_si), at!(regs_cx)),
            2 => (at!(regs_dx), at!(regs_dx)),
            3 => (at!(regs_r10), at!(regs_si)),
            4 => (at!(regs_r8), at!(regs_di)),
            _ => (at!(regs_r9), at!(regs_bp)),
        };
        match self.is_compat {
            false => self.regs.read::<u64>(wide),
            true => self.regs.read::<u32>(narrow) as u64,
        }
    }

    /// Whether it is one of a 32-bit program.
    #[inline(always)]
    pub fn is_compat(&self) -> bool {
        self.is_compat
    }

    /// A pointer in the memory of the process, as wide as the process has them.
    #[inline(always)]
    pub fn user_pointer(&self, address: u64) -> u64 {
        if self.is_compat { read_user::<u32>(address) as u64 } else { read_user(address) }
    }

    /// 0, or the error it ended with.
    #[inline(always)]
    pub fn errno(&self) -> u32 {
        const MAX_ERRNO: i64 = 4095;
        if self.ret < 0 && self.ret >= -MAX_ERRNO { -self.ret as u32 } else { 0 }
    }
}
