//! One file a probe. Handlers of system calls run by a jump from [`dispatch`]; `agent/src/sensor/attach.rs` says which
//! numbers lead to which.

/// A handler of system calls that have ended.
macro_rules! handler {
    ($(#[$doc:meta])* $name:ident, $call:ident => $body:expr) => {
        $(#[$doc])*
        #[aya_ebpf::macros::raw_tracepoint(tracepoint = "sys_exit")]
        pub fn $name(ctx: aya_ebpf::programs::RawTracePointContext) -> i32 {
            let $call = crate::call::Call::new(&ctx);
            let _ = $body;
            0
        }
    };
}
use handler;

mod dispatch;
mod fork;
mod exec;
mod exit;
mod open;
mod read_write;
mod hooks;
mod names;
mod attributes;
mod times;
mod map_executable;
mod connect;
mod accept;
mod bind_listen;
mod send_receive;
mod socketcall;
mod credentials;
mod ptrace;
mod signal;
mod module_load;
mod bpf_load;
mod mount;
mod namespace;
mod memfd;
mod io_uring;
