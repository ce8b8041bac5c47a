use aya_ebpf::helpers::generated::{bpf_get_current_task, bpf_probe_read_kernel, bpf_probe_read_user};
use core::ffi::c_void;
use core::mem::MaybeUninit;
use tracewell_event_abi::offsets::Offsets;

/// Filled in by the agent before the programs are loaded.
#[unsafe(no_mangle)]
pub static OFFSETS: Offsets = Offsets::ABSENT;

/// The offset of a field in the running kernel.
macro_rules! at {
    ($field:ident) => {
        // SAFETY: a static is always readable; volatile, because the agent sets its value after compilation.
        unsafe { core::ptr::read_volatile(&raw const $crate::kernel::OFFSETS.$field) }
    };
}
pub(crate) use at;

/// An address in the kernel, read only through helpers, which check it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ptr(pub u64);

impl Ptr {
    /// The current task.
    #[inline(always)]
    pub fn current() -> Self {
        // SAFETY: the helper has no preconditions.
        Self(unsafe { bpf_get_current_task() })
    }

    /// The value at `offset`, or zeroes where it cannot be read.
    ///
    /// No branch and no error: a chain of reads that starts at or meets a null address ends in zeroes, which is what the
    /// callers look for. It also keeps half of the instructions from the verifier.
    #[inline(always)]
    pub fn read<T: Copy>(self, offset: u32) -> T {
        let mut value = MaybeUninit::<T>::uninit();
        let from = self.0.wrapping_add(offset as u64) as *const c_void;
        // SAFETY: the helper writes all of `value`, zeroes where it fails; every type used here is plain data.
        unsafe {
            bpf_probe_read_kernel(value.as_mut_ptr().cast(), size_of::<T>() as u32, from);
            value.assume_init()
        }
    }

    /// The address that is stored at `offset`; null where there is none.
    #[inline(always)]
    pub fn follow(self, offset: u32) -> Self {
        Self(self.read(offset))
    }

    #[inline(always)]
    pub fn is_null(self) -> bool {
        self.0 == 0
    }

    #[inline(always)]
    pub fn plus(self, offset: u32) -> Self {
        Self(self.0.wrapping_add(offset as u64))
    }

    #[inline(always)]
    pub fn minus(self, offset: u32) -> Self {
        Self(self.0.wrapping_sub(offset as u64))
    }
}

/// A value in the memory of the process, or zeroes where it cannot be read.
#[inline(always)]
pub fn read_user<T: Copy>(address: u64) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: as in `Ptr::read`.
    unsafe {
        bpf_probe_read_user(value.as_mut_ptr().cast(), size_of::<T>() as u32, address as *const c_void);
        value.assume_init()
    }
}
