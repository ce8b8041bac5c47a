//! setuid, setgid and their kin: the effective user afterwards is in every record's head.

use crate::call::Call;
use crate::record::{Record, Slot};
use tracewell_event_abi::head::Op;

super::handler!(credentials, call => run(call));

#[inline(always)]
fn run(call: Call) -> Option<()> {
    if call.ret != 0 {
        return None;
    }
    Record::start(Op::Credentials, Slot::Call)?.submit();
    Some(())
}
