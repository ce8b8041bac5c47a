//! Raw tracepoint `sched_process_exec`:
//! `TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`, include/trace/events/sched.h.
//!
//! Runs when the new program is in place, before its first instruction: the arguments in its memory are those that it
//! will see, and no other thread can change them.

use crate::file::{OpenFile, add_working_directory};
use crate::kernel::{Ptr, at};
use crate::maps::CONFIG;
use crate::record::{Record, Slot};
use crate::tail::Tail;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use tracewell_event_abi::body::{self, Body};
use tracewell_event_abi::config::option;
use tracewell_event_abi::head::{Op, flag};
use tracewell_event_abi::segment::{ARGUMENTS_MAX, ENVIRONMENT_MAX, Kind};

#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn exec(ctx: RawTracePointContext) -> i32 {
    let _ = run(Ptr(ctx.arg::<u64>(0)), Ptr(ctx.arg::<u64>(2)));
    0
}

#[inline(always)]
fn run(task: Ptr, binary: Ptr) -> Option<()> {
    let mut record = Record::start(Op::Exec, Slot::Call)?;
    let memory = task.follow(at!(task_mm));
    let Some(exe) = OpenFile::of(memory.follow(at!(mm_exe_file))) else {
        record.unreadable();
        return None;
    };
    record.body(Body::Exec, &body::Exec { exe: exe.id() });
    exe.add_path(&mut record, Kind::Path);
    // Both are one string unless a script named its interpreter (fs/binfmt_script.c).
    let script = binary.follow(at!(bprm_filename));
    if script != binary.follow(at!(bprm_interp)) {
        let start = record.open_segment();
        record.kernel_name(script);
        record.close_segment(Kind::Name, start);
    }
    add_working_directory(&mut record, Kind::WorkingDirectory);
    let start = memory.read::<u64>(at!(mm_arg_start));
    let len = memory.read::<u64>(at!(mm_arg_end)).wrapping_sub(start);
    if len >= ARGUMENTS_MAX as u64 {
        record.head().flags |= flag::TRUNCATED;
    }
    record.user_bytes(Kind::Arguments, start, len);
    if CONFIG.get(0).is_some_and(|config| config.options & option::ENVIRONMENT != 0) {
        add_environment(&mut record, memory);
    }
    record.submit();
    Some(())
}

/// As much of it as there is room for: it must not be what makes the record too large.
#[inline(always)]
fn add_environment(record: &mut Record, memory: Ptr) {
    let start = memory.read::<u64>(at!(mm_env_start));
    let len = memory.read::<u64>(at!(mm_env_end)).wrapping_sub(start);
    let room = if record.has_room(ENVIRONMENT_MAX) { ENVIRONMENT_MAX as u64 } else { 0 };
    if len > room {
        record.head().flags |= flag::ENVIRONMENT_TRUNCATED;
    }
    if room > 0 {
        record.user_bytes(Kind::Environment, start, if len > room { room } else { len });
    }
}
