//! The kernel side of the live agent: programs on raw tracepoints, which turn what processes do into records, and on
//! functions inside the calls that work on names, where the kernel allows it.
//!
//! One program hangs on `sys_exit` and jumps to the handler of the system call (`probes/dispatch.rs`); forks, execs,
//! exits, signals and io_uring have tracepoints of their own. Each file of [`probes`] names above its programs what it
//! relies on. [`kernel`] reads the kernel's structures by offsets that the agent found in the running kernel's BTF,
//! so that one object serves all kernels. [`record`] builds a record and accounts for it, [`tail`] puts together what
//! follows its head, [`held`] keeps what [`probes`] on functions saw until the call ends, [`sums`] collapses repeats.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod kernel;
mod maps;
mod tail;
mod record;
mod held;
mod sums;
mod file;
mod path;
mod socket;
mod process;
mod call;
mod probes;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Helpers that read the kernel's memory are for programs that say so.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
