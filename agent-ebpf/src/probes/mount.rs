//! mount(source, target, type, flags, data), move_mount(from_dirfd, from, to_dirfd, to, flags) and
//! pivot_root(new_root, put_old).

use super::names::{Named, two};
use tracewell_event_abi::head::Op;

super::handler!(mount, call => two(call, Op::Mount, Named::here(call.arg(1)), Named { dirfd: 0, name: call.arg(0) }));
super::handler!(
    move_mount, call =>
    two(call, Op::Mount, Named::at(call.arg(2), call.arg(3)), Named { dirfd: 0, name: call.arg(1) })
);
super::handler!(
    pivot_root, call => two(call, Op::Mount, Named::here(call.arg(0)), Named { dirfd: 0, name: call.arg(1) })
);
