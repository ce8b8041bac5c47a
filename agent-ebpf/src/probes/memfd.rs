//! memfd_create(name, flags): a file that lies in memory only.

use crate::call::Call;
use crate::file::OpenFile;
use crate::record::{Record, Slot};
use tracewell_event_abi::body::{self, Body};
use tracewell_event_abi::head::Op;
use tracewell_event_abi::segment::Kind;

super::handler!(memfd, call => run(call));

#[inline(always)]
fn run(call: Call) -> Option<()> {
    if call.ret < 0 {
        return None;
    }
    let mut record = Record::start(Op::Memfd, Slot::Call)?;
    let Some(file) = OpenFile::of_fd(call.ret as u64) else {
        record.unreadable();
        return None;
    };
    let id = file.id();
    record.body(Body::File, &body::File { file: id });
    file.add_path(&mut record, Kind::Path);
    record.submit();
    Some(())
}
