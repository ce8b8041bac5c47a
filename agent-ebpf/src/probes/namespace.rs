//! setns(fd, type) and unshare(flags): which namespaces, as `CLONE_NEW*` flags.

use crate::call::Call;
use crate::record::{Record, Slot};
use crate::tail::Tail;
use tracewell_event_abi::body::{self, Body};
use tracewell_event_abi::head::Op;

super::handler!(setns, call => changed(call, call.arg(1)));
super::handler!(unshare, call => changed(call, call.arg(0)));

#[inline(always)]
fn changed(call: Call, flags: u64) -> Option<()> {
    if call.ret != 0 {
        return None;
    }
    let mut record = Record::start(Op::Namespace, Slot::Call)?;
    record.body(Body::Names, &body::Names { value: flags });
    record.submit();
    Some(())
}
