//! What follows the head of a record: a body, and segments of texts behind it.

use crate::kernel::Ptr;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use core::ffi::c_void;
use tracewell_event_abi::body::Body;
use tracewell_event_abi::segment::{Kind, NAME_MAX, Segment};

/// Where a [`Tail`] keeps what it has.
pub struct Parts {
    /// Bytes so far. In memory and not in a register: the verifier then takes it for any number, which the mask bounds, and
    /// need not follow each length that each text may have.
    pub len: *mut u64,
    /// Aligned to 8, `MAX` of them, and behind them room for what one helper writes.
    pub bytes: *mut u8,
    pub body: *mut u8,
    pub flags: *mut u16,
}

/// Body and segments being put together.
pub trait Tail: Sized {
    /// Bytes at most: a power of two.
    const MAX: usize;
    /// Bytes of a path from which on nothing is added to it.
    const PATH_MAX: usize;

    fn parts(&mut self) -> Parts;

    #[inline(always)]
    fn len(&mut self) -> usize {
        // SAFETY: `parts` gives valid places; volatile, so that it is read anew.
        unsafe { self.parts().len.read_volatile() as usize }
    }

    #[inline(always)]
    fn set_len(&mut self, len: usize) {
        // SAFETY: as in `len`.
        unsafe { self.parts().len.write_volatile(len as u64) };
    }

    /// Says how it was seen: bits of [`flag`](tracewell_event_abi::head::flag).
    #[inline(always)]
    fn flag(&mut self, flags: u16) {
        // SAFETY: as in `len`.
        unsafe { *self.parts().flags |= flags };
    }

    /// Adds the body. Must come first.
    #[inline(always)]
    fn body<T: Copy>(&mut self, kind: Body, body: &T) {
        let parts = self.parts();
        // SAFETY: bodies are far smaller than `MAX`, and aligned to 8 as the bytes are.
        unsafe {
            *parts.body = kind as u8;
            parts.bytes.cast::<T>().write(*body);
        }
        self.set_len(size_of::<T>());
    }

    /// Where the next byte goes.
    #[inline(always)]
    fn end(&mut self) -> *mut u8 {
        let len = self.len();
        // SAFETY: the mask keeps it within the bytes.
        unsafe { self.parts().bytes.add(len & (Self::MAX - 1)) }
    }

    /// Begins a segment; returns where, for [`Self::close_segment`].
    #[inline(always)]
    fn open_segment(&mut self) -> usize {
        let start = self.len();
        self.set_len(start + size_of::<Segment>());
        start
    }

    /// Bytes since a segment began.
    #[inline(always)]
    fn room_taken(&mut self, start: usize) -> usize {
        self.len() - start
    }

    /// Ends the segment that began at `start`.
    #[inline(always)]
    fn close_segment(&mut self, kind: Kind, start: usize) {
        let end = self.len();
        let segment = Segment { kind: kind as u16, reserved: 0, len: (end - start - size_of::<Segment>()) as u32 };
        // SAFETY: `start` is a multiple of 8 below `MAX`.
        unsafe { self.parts().bytes.add(start & (Self::MAX - 8)).cast::<Segment>().write(segment) };
        self.set_len((end + 7) & !7);
    }

    /// Adds a string of the kernel with its zero byte. Returns whether there was one.
    #[inline(always)]
    fn kernel_name(&mut self, name: Ptr) -> bool {
        let to = self.end();
        // SAFETY: there is room for `NAME_MAX` behind the bytes.
        let n = unsafe { bpf_probe_read_kernel_str(to.cast(), NAME_MAX as u32, name.0 as *const c_void) };
        if n <= 1 {
            return false;
        }
        let len = self.len();
        self.set_len(len + n as usize);
        true
    }
}
