//! Which program serves which system calls and tracepoints.

use tracewell_event_abi::head::Op;

/// Operations that are switched on and off together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Forks, execs and exits. Always on: without them nobody knows who did what.
    Process,
    File,
    Network,
    /// What changes or crosses boundaries: credentials, tracing, signals, modules, BPF, mounts, namespaces, io_uring.
    System,
}

impl Group {
    pub const ALL: [Self; 4] = [Self::Process, Self::File, Self::Network, Self::System];

    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::File => "file",
            Self::Network => "network",
            Self::System => "system",
        }
    }

    pub fn of(op: Op) -> Self {
        match op {
            Op::Fork | Op::Exec | Op::Exit => Self::Process,
            Op::Open
            | Op::Read
            | Op::Write
            | Op::Rename
            | Op::Unlink
            | Op::Link
            | Op::Symlink
            | Op::Chmod
            | Op::Chown
            | Op::SetTimes
            | Op::Truncate
            | Op::MapExecutable
            | Op::Memfd => Self::File,
            Op::Connect | Op::Accept | Op::Bind | Op::Listen | Op::Send | Op::Receive => Self::Network,
            Op::Credentials
            | Op::Ptrace
            | Op::WriteMemory
            | Op::Signal
            | Op::ModuleLoad
            | Op::BpfLoad
            | Op::Mount
            | Op::Namespace
            | Op::IoUring => Self::System,
        }
    }
}

/// A program on a tracepoint of its own.
pub struct Tracepoint {
    pub program: &'static str,
    pub tracepoint: &'static str,
    pub ops: &'static [Op],
    /// Without it nothing else is worth running.
    pub is_required: bool,
}

pub const TRACEPOINTS: &[Tracepoint] = &[
    Tracepoint { program: "fork", tracepoint: "sched_process_fork", ops: &[Op::Fork], is_required: true },
    Tracepoint { program: "exec", tracepoint: "sched_process_exec", ops: &[Op::Exec], is_required: true },
    Tracepoint { program: "exit", tracepoint: "sched_process_exit", ops: &[Op::Exit], is_required: true },
    Tracepoint { program: "signal", tracepoint: "signal_generate", ops: &[Op::Signal], is_required: false },
    Tracepoint {
        program: "io_uring_complete",
        tracepoint: "io_uring_complete",
        ops: &[Op::IoUring],
        is_required: false,
    },
    Tracepoint { program: "dispatch", tracepoint: "sys_exit", ops: &[], is_required: true },
];

/// A program for system calls, with their numbers in 64-bit and in 32-bit programs of x86
/// (arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl).
pub struct Handler {
    pub program: &'static str,
    pub ops: &'static [Op],
    pub wide: &'static [u32],
    pub narrow: &'static [u32],
}

const fn handler(program: &'static str, ops: &'static [Op], wide: &'static [u32], narrow: &'static [u32]) -> Handler {
    Handler { program, ops, wide, narrow }
}

/// Entries of the table of handlers before those of 32-bit programs.
pub const NARROW_FROM: u32 = 512;

pub const HANDLERS: &[Handler] = &[
    handler("open", &[Op::Open], &[2, 85, 257, 304, 437], &[5, 8, 295, 342, 437]),
    handler("read", &[Op::Read, Op::Receive], &[0, 17, 19, 295, 327], &[3, 145, 180, 333, 378]),
    handler("write", &[Op::Write, Op::Send], &[1, 18, 20, 278, 296, 328], &[4, 146, 181, 316, 334, 379]),
    handler("sendfile", &[Op::Read, Op::Write, Op::Send], &[40], &[187, 239]),
    handler("splice", &[Op::Read, Op::Write, Op::Send, Op::Receive], &[275, 326], &[313, 377]),
    handler("tee", &[Op::Read, Op::Write], &[276], &[315]),
    handler("rename", &[Op::Rename], &[82], &[38]),
    handler("renameat", &[Op::Rename], &[264, 316], &[302, 353]),
    handler("link", &[Op::Link], &[86], &[9]),
    handler("linkat", &[Op::Link], &[265], &[303]),
    handler("symlink", &[Op::Symlink], &[88], &[83]),
    handler("symlinkat", &[Op::Symlink], &[266], &[304]),
    handler("unlink", &[Op::Unlink], &[84, 87], &[10, 40]),
    handler("unlinkat", &[Op::Unlink], &[263], &[301]),
    handler("chmod", &[Op::Chmod], &[90], &[15]),
    handler("fchmod", &[Op::Chmod], &[91], &[94]),
    handler("fchmodat", &[Op::Chmod], &[268, 452], &[306, 452]),
    handler("chown", &[Op::Chown], &[92, 94], &[16, 182, 198, 212]),
    handler("fchown", &[Op::Chown], &[93], &[95, 207]),
    handler("fchownat", &[Op::Chown], &[260], &[298]),
    handler("utime", &[Op::SetTimes], &[132], &[30]),
    handler("utimes", &[Op::SetTimes], &[235], &[271]),
    handler("futimesat", &[Op::SetTimes], &[261], &[299]),
    handler("utimensat", &[Op::SetTimes], &[280], &[320, 412]),
    handler("truncate", &[Op::Truncate], &[76], &[92, 193]),
    handler("ftruncate", &[Op::Truncate], &[77], &[93, 194]),
    handler("map_executable", &[Op::MapExecutable], &[9], &[192]),
    handler("memfd", &[Op::Memfd], &[319], &[356]),
    handler("connect", &[Op::Connect], &[42], &[362]),
    handler("accept", &[Op::Accept], &[43, 288], &[364]),
    handler("bind", &[Op::Bind], &[49], &[361]),
    handler("listen", &[Op::Listen], &[50], &[363]),
    handler("sendto", &[Op::Send], &[44], &[369]),
    handler("sendmsg", &[Op::Send], &[46], &[370]),
    handler("sendmmsg", &[Op::Send], &[307], &[345]),
    handler("recvfrom", &[Op::Receive], &[45], &[371]),
    handler("recvmsg", &[Op::Receive], &[47], &[372]),
    handler("recvmmsg", &[Op::Receive], &[299], &[337]),
    handler("socketcall", &[Op::Connect, Op::Accept, Op::Bind, Op::Listen, Op::Send, Op::Receive], &[], &[102]),
    handler(
        "credentials",
        &[Op::Credentials],
        &[105, 106, 113, 114, 117, 119, 126],
        &[23, 46, 70, 71, 164, 170, 185, 203, 204, 208, 210, 213, 214],
    ),
    handler("ptrace", &[Op::Ptrace], &[101], &[26]),
    handler("process_vm_readv", &[Op::Ptrace], &[310], &[347]),
    handler("process_vm_writev", &[Op::WriteMemory], &[311], &[348]),
    handler("finit_module", &[Op::ModuleLoad], &[313], &[350]),
    handler("init_module", &[Op::ModuleLoad], &[175], &[128]),
    handler("bpf_load", &[Op::BpfLoad], &[321], &[357]),
    handler("mount", &[Op::Mount], &[165], &[21]),
    handler("move_mount", &[Op::Mount], &[429], &[429]),
    handler("pivot_root", &[Op::Mount], &[155], &[217]),
    handler("setns", &[Op::Namespace], &[308], &[346]),
    handler("unshare", &[Op::Namespace], &[272], &[310]),
    handler("io_uring_setup", &[Op::IoUring], &[425], &[425]),
];

impl Handler {
    /// Its places in the table of handlers.
    pub fn places(&self) -> impl Iterator<Item = u32> {
        let narrow = self.narrow.iter().map(|number| number + NARROW_FROM);
        self.wide.iter().copied().chain(narrow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_system_call_has_one_handler() {
        let places: Vec<_> = HANDLERS.iter().flat_map(Handler::places).collect();
        let distinct: BTreeSet<_> = places.iter().collect();
        assert_eq!(distinct.len(), places.len());
        assert!(places.iter().all(|place| *place < 2 * NARROW_FROM));
    }

    #[test]
    fn every_op_is_served() {
        let served: BTreeSet<_> = HANDLERS.iter().flat_map(|handler| handler.ops).collect();
        let traced: BTreeSet<_> = TRACEPOINTS.iter().flat_map(|tracepoint| tracepoint.ops).collect();
        for op in Op::ALL {
            assert!(served.contains(op) || traced.contains(op), "{}", op.name());
        }
    }
}
