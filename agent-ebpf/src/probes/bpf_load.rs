//! bpf(cmd, attr, size) that loads a program; its name is that in the kernel's `struct bpf_prog`.

use crate::call::Call;
use crate::file::OpenFile;
use crate::kernel::at;
use crate::record::{Record, Slot};
use tracewell_event_abi::head::Op;

/// `BPF_PROG_LOAD` of include/uapi/linux/bpf.h.
const BPF_PROG_LOAD: u64 = 5;

super::handler!(bpf_load, call => run(call));

#[inline(always)]
fn run(call: Call) -> Option<()> {
    if call.arg(0) != BPF_PROG_LOAD || call.ret < 0 {
        return None;
    }
    let mut record = Record::start(Op::BpfLoad, Slot::Call)?;
    if let Some(file) = OpenFile::of_fd(call.ret as u64) {
        let aux = file.file.follow(at!(file_private)).follow(at!(prog_aux));
        record.kernel_label(aux.plus(at!(prog_aux_name)));
    }
    record.submit();
    Some(())
}
