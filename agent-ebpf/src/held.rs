//! What hooks inside a system call keep for its end: the files that it works on, as the kernel has them.
//!
//! Between the two the thread may sleep and run on another CPU, so each thread that is in such a call has a place of its own,
//! out of a bounded pool. Where there is none left the call is told as if there were no hook, and counted.

use crate::call::Call;
use crate::kernel::{Ptr, at};
use crate::maps::{CONFIG, FREE_PLACES, HELD, PLACES, TRIED};
use crate::record::{Record, Slot};
use crate::tail::{Parts, Tail};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::generated::bpf_get_current_pid_tgid;
use tracewell_event_abi::body::FileId;
use tracewell_event_abi::head::Op;
use tracewell_event_abi::segment::NAME_MAX;

/// Room for a body and two paths.
const BYTES: usize = 1 << 13;
/// `PF_IO_WORKER` (since 5.12; before, workers are kernel threads) and `PF_KTHREAD` of include/linux/sched.h: they make no
/// system calls, so nothing would ever fetch what is kept for them.
const NO_CALLS: u32 = 0x10 | 0x20_0000;

/// One place.
#[repr(C, align(8))]
pub struct Held {
    len: u64,
    op: u8,
    pub body: u8,
    pub flags: u16,
    is_unwanted: u32,
    pub bytes: [u8; BYTES + NAME_MAX],
}

/// A place being filled.
pub struct Holding(*mut Held);

impl Tail for Holding {
    const MAX: usize = Held::MAX;
    /// So that two of them, each one name too long, and a body fit.
    const PATH_MAX: usize = 3800;

    #[inline(always)]
    fn parts(&mut self) -> Parts {
        // SAFETY: the place belongs to this thread alone; only addresses are taken.
        unsafe {
            Parts {
                len: &raw mut (*self.0).len,
                bytes: (&raw mut (*self.0).bytes).cast(),
                body: &raw mut (*self.0).body,
                flags: &raw mut (*self.0).flags,
            }
        }
    }
}

impl Held {
    pub const MAX: usize = BYTES;

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len as usize
    }
}

impl Holding {
    /// Begins to keep what the current call does, unless nobody wants it. A hook that runs once more in the same call, as
    /// after a stale handle or a broken delegation (fs/namei.c, `retry_deleg`), begins anew: the last time counts.
    ///
    /// The agent's own calls are only noted, by `file`: that is how it tries the hooks.
    #[inline(always)]
    pub fn begin(op: Op, file: &FileId) -> Option<Self> {
        let config = CONFIG.get(0)?;
        // SAFETY: the helper has no preconditions.
        let id = unsafe { bpf_get_current_pid_tgid() };
        if config.own == (id >> 32) as u32 {
            let tried = TRIED.get_ptr_mut(op as u32)?;
            // SAFETY: a plain word, which only the agent's one thread that tries hooks looks at.
            unsafe { *tried = file.ino };
            return None;
        }
        if config.ops & config.hooked & (1 << op as u32) == 0
            || Ptr::current().read::<u32>(at!(task_flags)) & NO_CALLS != 0
        {
            return None;
        }
        let place = PLACES.get_ptr_mut(place_of(id as u32)?)?;
        // SAFETY: the place belongs to this thread alone.
        unsafe {
            ((*place).op, (*place).body, (*place).flags) = (op as u8, 0, 0);
            ((*place).len, (*place).is_unwanted) = (0, 0);
        }
        Some(Self(place))
    }

    /// It lies where nothing is wanted.
    #[inline(always)]
    pub fn unwanted(self) {
        // SAFETY: the place belongs to this thread alone.
        unsafe { (*self.0).is_unwanted = 1 };
    }
}

/// The place of a thread, given to it where it has none.
#[inline(always)]
fn place_of(tid: u32) -> Option<u32> {
    // SAFETY: only this thread adds and removes the entry.
    if let Some(place) = unsafe { HELD.get(&tid) } {
        return Some(*place);
    }
    let place = FREE_PLACES.pop().ok()??;
    if HELD.insert(&tid, &place, BPF_NOEXIST as u64).is_ok() {
        return Some(place);
    }
    let _ = FREE_PLACES.push(&place, 0);
    None
}

/// What a hook did for a call that has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hooked {
    /// There is no hook for this op.
    No,
    /// There is one, and it kept nothing.
    Missed,
    /// All that there was to tell was told.
    Told,
}

/// Tells of a call from what its hook kept, and frees the place.
#[inline(always)]
pub fn tell(call: &Call, op: Op) -> Hooked {
    if !CONFIG.get(0).is_some_and(|config| config.hooked & (1 << op as u32) != 0) {
        return Hooked::No;
    }
    // SAFETY: the helper has no preconditions.
    let tid = unsafe { bpf_get_current_pid_tgid() } as u32;
    // SAFETY: only this thread adds and removes the entry.
    let Some(place) = (unsafe { HELD.get(&tid) }) else { return Hooked::Missed };
    let place = *place;
    let mut hooked = Hooked::Missed;
    if let Some(held) = PLACES.get(place) {
        // What is of another op was left by a call that nobody asked for.
        if held.op == op as u8 {
            hooked = Hooked::Told;
            if call.ret == 0 {
                send(held, op);
            }
        }
    }
    free(tid, place);
    hooked
}

#[inline(always)]
fn send(held: &Held, op: Op) {
    let Some(mut record) = Record::start(op, Slot::Call) else { return };
    if held.is_unwanted != 0 {
        return record.filtered();
    }
    record.take_over(held);
    record.submit();
}

/// Frees what a thread that ends has left.
#[inline(always)]
pub fn forget() {
    if !CONFIG.get(0).is_some_and(|config| config.hooked != 0) {
        return;
    }
    // SAFETY: the helper has no preconditions.
    let tid = unsafe { bpf_get_current_pid_tgid() } as u32;
    // SAFETY: only this thread adds and removes the entry.
    if let Some(place) = unsafe { HELD.get(&tid) } {
        free(tid, *place);
    }
}

#[inline(always)]
fn free(tid: u32, place: u32) {
    if HELD.remove(&tid).is_ok() {
        let _ = FREE_PLACES.push(&place, 0);
    }
}
