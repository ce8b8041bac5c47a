//! Memory of one call: taken from the front and hardly ever given back. The instance ends with the call, and all of it too.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::UnsafeCell;
use core::ptr::null_mut;

/// What is there from the start: enough for what most calls are shown. Growing costs the host more than taking does.
const ARENA_BYTES: usize = 128 << 10;
const PAGE_BYTES: usize = 64 << 10;
/// Pages that are asked for at a time beyond it.
const PAGES: usize = 8;

#[global_allocator]
static ALLOCATOR: Bump = Bump { free: UnsafeCell::new(None), arena: UnsafeCell::new([0; ARENA_BYTES]) };

struct Bump {
    /// Where free memory begins and ends; `None` before the first is taken.
    free: UnsafeCell<Option<(usize, usize)>>,
    arena: UnsafeCell<[u8; ARENA_BYTES]>,
}

// A detector has one thread.
unsafe impl Sync for Bump {}

impl Bump {
    fn free(&self) -> (usize, usize) {
        // Nothing else refers to it while this runs.
        unsafe { *self.free.get() }.unwrap_or_else(|| {
            let begin = self.arena.get() as usize;
            (begin, begin + ARENA_BYTES)
        })
    }

    fn set_free(&self, begin: usize, end: usize) {
        unsafe { *self.free.get() = Some((begin, end)) };
    }

    /// More memory, behind all that there is.
    fn grow(&self, bytes: usize) -> Option<(usize, usize)> {
        let pages = bytes.div_ceil(PAGE_BYTES).max(PAGES);
        let begin = memory_size::<0>().checked_mul(PAGE_BYTES)?;
        (memory_grow::<0>(pages) != usize::MAX).then_some((begin, begin + pages * PAGE_BYTES))
    }
}

unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (begin, end) = self.free();
        let at = begin.next_multiple_of(layout.align());
        match at.checked_add(layout.size()) {
            Some(next) if next <= end => {
                self.set_free(next, end);
                at as *mut u8
            }
            _ => match self.grow(layout.size()) {
                // Pages are aligned to more than any layout here.
                Some((at, end)) => {
                    self.set_free(at + layout.size(), end);
                    at as *mut u8
                }
                None => null_mut(),
            },
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let (begin, end) = self.free();
        // The last one alone: texts that are made and dropped at once.
        if at as usize + layout.size() == begin {
            self.set_free(at as usize, end);
        }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        let (begin, end) = self.free();
        if at as usize + layout.size() == begin && bytes <= end - at as usize {
            self.set_free(at as usize + bytes, end);
            return at;
        }
        if bytes <= layout.size() {
            return at;
        }
        let Ok(new) = Layout::from_size_align(bytes, layout.align()) else { return null_mut() };
        unsafe {
            let moved = self.alloc(new);
            if !moved.is_null() {
                core::ptr::copy_nonoverlapping(at, moved, layout.size());
            }
            moved
        }
    }
}
