use crate::held::Held;
use crate::kernel::Ptr;
use crate::maps::{CONFIG, COUNTS, IGNORED_PROCESSES, IGNORED_UIDS, RING, SCRATCH, USED_0, USED_1};
use crate::process;
use crate::sums::{self, add_atomically};
use crate::tail::{Parts, Tail};
use aya_ebpf::bindings::{BPF_NOEXIST, BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP};
use aya_ebpf::helpers::generated::{
    bpf_ktime_get_boot_ns, bpf_probe_read_kernel, bpf_probe_read_user, bpf_probe_read_user_str, bpf_ringbuf_output,
    bpf_ringbuf_query,
};
use core::ffi::c_void;
use tracewell_event_abi::body::Body;
use tracewell_event_abi::collapse::{Key, Sum};
use tracewell_event_abi::config::{Config, filter};
use tracewell_event_abi::count::{Counts, Used};
use tracewell_event_abi::head::{Head, Op};
use tracewell_event_abi::segment::{ARGUMENTS_MAX, Kind, PATH_MAX, Segment};

/// Room for the largest record: head, body, two paths with two names or one path with all arguments.
const RECORD_MAX: usize = 1 << 14;
/// What one helper may write behind the last place that a mask allows.
const SLACK: usize = 1 << 13;
/// In the place of a generation: the record is not the first of a sum.
const NO_SUM: u64 = u64::MAX;
/// Bytes waiting in the ring from which on the agent is woken.
const WAKE_BYTES: u64 = 512 << 10;

#[repr(C, align(8))]
pub struct Scratch {
    /// Where a sum begins: the stack has no room for it beside what it is made from.
    sum: Sum,
    /// By what the sum is found that the record is the first of, and in which generation; else [`NO_SUM`].
    key: Key,
    generation: u64,
    /// Bytes after the head so far. Here and not in a register: the verifier then takes it for any number, which the mask
    /// bounds, and need not follow each length that each text may have.
    len: u64,
    head: Head,
    bytes: [u8; RECORD_MAX + SLACK],
}

/// A record being built.
pub struct Record {
    scratch: *mut Scratch,
    op: Op,
}

impl Tail for Record {
    const MAX: usize = RECORD_MAX;
    const PATH_MAX: usize = PATH_MAX;

    #[inline(always)]
    fn parts(&mut self) -> Parts {
        // SAFETY: as in `start`; only addresses are taken.
        unsafe {
            let scratch = self.scratch;
            Parts {
                len: &raw mut (*scratch).len,
                bytes: (&raw mut (*scratch).bytes).cast(),
                body: &raw mut (*scratch).head.body,
                flags: &raw mut (*scratch).head.flags,
            }
        }
    }
}

/// Which scratch a probe may use.
#[derive(Clone, Copy)]
pub enum Slot {
    /// System calls and what runs in their place: a CPU is in at most one of them.
    Call = 0,
    /// Tracepoints inside a system call.
    Inside = 1,
}

impl Record {
    /// Counts the operation, and begins a record of it unless it is filtered.
    #[inline(always)]
    pub fn start(op: Op, slot: Slot) -> Option<Self> {
        Self::start_for(op, slot, Ptr::current())
    }

    /// The same for an operation that is done for `task` by another.
    #[inline(always)]
    pub fn start_for(op: Op, slot: Slot, task: Ptr) -> Option<Self> {
        let counts = counts(op)?;
        counts.seen += 1;
        let config = CONFIG.get(0)?;
        if config.ops & (1 << op as u32) == 0 {
            counts.filtered += 1;
            return None;
        }
        let scratch = SCRATCH.get_ptr_mut(slot as u32)?;
        // SAFETY: the slot of this CPU is used by no other program meanwhile.
        let head = unsafe { &mut (*scratch).head };
        (head.op, head.body, head.flags, head.len) = (op as u8, Body::None as u8, 0, 0);
        (head.errno, head.bytes, head.reserved) = (0, 0, 0);
        // SAFETY: the helper has no preconditions.
        head.time = unsafe { bpf_ktime_get_boot_ns() };
        process::describe(head, task);
        if is_filtered(config, head, task) {
            counts.filtered += 1;
            return None;
        }
        let mut record = Self { scratch, op };
        record.set_len(0);
        // SAFETY: as above.
        unsafe { (*scratch).generation = NO_SUM };
        Some(record)
    }

    #[inline(always)]
    pub fn head(&mut self) -> &mut Head {
        // SAFETY: as in `start`.
        unsafe { &mut (*self.scratch).head }
    }

    /// Where a sum may be put together.
    #[inline(always)]
    pub fn sum(&mut self) -> &mut Sum {
        // SAFETY: as in `start`.
        unsafe { &mut (*self.scratch).sum }
    }

    /// It is the first of a sum: what becomes of it becomes of the sum.
    #[inline(always)]
    pub fn is_first_of(&mut self, key: &Key, generation: u64) {
        // SAFETY: as in `start`.
        unsafe { ((*self.scratch).key, (*self.scratch).generation) = (*key, generation) };
    }

    /// Adds a segment with a string of the process of up to 4096 bytes, with its zero byte. Returns whether there was one.
    #[inline(always)]
    pub fn user_text(&mut self, kind: Kind, address: u64) -> bool {
        let start = self.open_segment();
        let to = self.end();
        // SAFETY: there is room for `PATH_MAX`.
        let n = unsafe { bpf_probe_read_user_str(to.cast(), PATH_MAX as u32, address as *const c_void) };
        if n <= 0 {
            self.set_len(start);
            return false;
        }
        let len = self.len();
        self.set_len(len + n as usize);
        self.close_segment(kind, start);
        true
    }

    /// Adds a segment with `len` bytes of the process, at most 8191.
    #[inline(always)]
    pub fn user_bytes(&mut self, kind: Kind, address: u64, len: u64) {
        const BYTES_MAX: u64 = ARGUMENTS_MAX as u64 - 1;
        let len = if len > BYTES_MAX { BYTES_MAX } else { len & BYTES_MAX };
        let start = self.open_segment();
        let to = self.end();
        // SAFETY: there is room for `ARGUMENTS_MAX`.
        if unsafe { bpf_probe_read_user(to.cast(), len as u32, address as *const c_void) } != 0 {
            self.set_len(start);
            return;
        }
        let before = self.len();
        self.set_len(before + len as usize);
        self.close_segment(kind, start);
    }

    /// Whether a segment of `len` bytes may still be added without the record getting too large.
    #[inline(always)]
    pub fn has_room(&mut self, len: usize) -> bool {
        self.len() + size_of::<Segment>() + len <= RECORD_MAX - 8
    }

    /// Adds a segment with a short text of the kernel.
    #[inline(always)]
    pub fn kernel_label(&mut self, text: Ptr) {
        let start = self.open_segment();
        self.kernel_name(text);
        self.close_segment(Kind::Label, start);
    }

    /// Takes over what a hook kept as body and segments. Must come first.
    #[inline(always)]
    pub fn take_over(&mut self, held: &Held) {
        let len = held.len() & (Held::MAX - 1);
        // SAFETY: the mask keeps it below the bytes of both.
        unsafe {
            let to = (&raw mut (*self.scratch).bytes).cast::<c_void>();
            bpf_probe_read_kernel(to, len as u32, held.bytes.as_ptr().cast());
        }
        let head = self.head();
        (head.body, head.flags) = (held.body, head.flags | held.flags);
        self.set_len(len);
    }

    /// Counts that a hook kept nothing of this operation, which is told from the memory of the process instead.
    #[inline(always)]
    pub fn fell_back(&mut self) {
        if let Some(counts) = counts(self.op) {
            counts.fallback += 1;
        }
    }

    /// Ends the record without sending it: it was added to a sum.
    #[inline(always)]
    pub fn merged(self) {
        if let Some(counts) = counts(self.op) {
            counts.merged += 1;
        }
    }

    /// Ends the record without sending it: it is not wanted after all, nor is the sum that it is the first of.
    #[inline(always)]
    pub fn filtered(self) {
        // SAFETY: as in `start`.
        let (key, generation) = unsafe { (&(*self.scratch).key, (*self.scratch).generation) };
        if generation != NO_SUM {
            sums::unwanted(key, generation);
        }
        if let Some(counts) = counts(self.op) {
            counts.filtered += 1;
        }
    }

    /// Ends the record without sending it: what it is about could not be read.
    #[inline(always)]
    pub fn unreadable(self) {
        if let Some(counts) = counts(self.op) {
            counts.unreadable += 1;
        }
    }

    /// Sends it, within the budget of its cgroup.
    #[inline(always)]
    pub fn submit(mut self) {
        let (len, op) = (self.len(), self.op);
        let Some(counts) = counts(op) else { return };
        if len > RECORD_MAX - 8 {
            counts.oversize += 1;
            return;
        }
        let head = self.head();
        head.len = len as u32;
        if is_over_budget(head.cgroup) {
            counts.throttled += 1;
            return;
        }
        // Read anew: of the length checked above the compiler knows that it needs no mask, and the verifier does not.
        let size = size_of::<Head>() + (self.len() & (RECORD_MAX - 1));
        let ring = (&raw const RING).cast_mut().cast::<c_void>();
        // The kernel wakes the agent with the first record behind those that it took; here, where the ring is filling up.
        // SAFETY: head and bytes lie behind each other, and `size` is less than both.
        let outcome = unsafe {
            let from = &raw mut (*self.scratch).head;
            let waiting = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA as u64);
            let wake = if waiting > WAKE_BYTES { BPF_RB_FORCE_WAKEUP } else { 0 };
            bpf_ringbuf_output(ring, from.cast(), size as u64, wake as u64)
        };
        match outcome {
            0 => counts.submitted += 1,
            _ => counts.ring_full += 1,
        }
    }
}

/// Counts of an op on this CPU.
#[inline(always)]
pub fn counts(op: Op) -> Option<&'static mut Counts> {
    let counts = COUNTS.get_ptr_mut(op as u32)?;
    // SAFETY: an element of a map outlives the program; only this CPU writes it.
    Some(unsafe { &mut *counts })
}

#[inline(always)]
fn is_filtered(config: &Config, head: &Head, task: Ptr) -> bool {
    // SAFETY: only presence is asked for.
    unsafe {
        (config.filters & filter::PROCESSES != 0 && IGNORED_PROCESSES.get(&head.tgid).is_some())
            || (config.filters & filter::CGROUPS != 0 && process::is_in_ignored_cgroup(task))
            || (config.filters & filter::UIDS != 0 && IGNORED_UIDS.get(&head.uid).is_some())
    }
}

/// Takes one record from the budget of a cgroup.
#[inline(always)]
fn is_over_budget(cgroup: u64) -> bool {
    let Some(config) = CONFIG.get(0) else { return false };
    if config.budget == 0 {
        return false;
    }
    let used = if config.generation == 0 { &USED_0 } else { &USED_1 };
    let found = match used.get_ptr_mut(&cgroup) {
        Some(found) => Some(found),
        None => {
            // Another CPU may be first.
            let _ = used.insert(&cgroup, &Used { records: 0, throttled: 0 }, BPF_NOEXIST as u64);
            used.get_ptr_mut(&cgroup)
        }
    };
    let Some(found) = found else { return false };
    // SAFETY: an element of a map outlives the program; words are aligned, and added to as one.
    unsafe {
        add_atomically(&raw mut (*found).records, 1);
        let is_over = (&raw const (*found).records).read_volatile() > config.budget;
        if is_over {
            add_atomically(&raw mut (*found).throttled, 1);
        }
        is_over
    }
}
