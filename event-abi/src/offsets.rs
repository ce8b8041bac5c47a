//! Fields are named as in the kernel's source. `@name/n` stands for no field: it is 0 where the tracepoint `name` has more
//! than `n` arguments, and absent otherwise.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// An offset that the running kernel's BTF does not have.
pub const ABSENT: u32 = u32::MAX;

macro_rules! offsets {
    ($($name:ident = $paths:literal,)*) => {
        /// Where fields lie in the structures of the running kernel, in bytes; [`ABSENT`] where it has no such field.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub struct Offsets {
            $(#[doc = concat!("`", $paths, "`")] pub $name: u32,)*
        }

        impl Offsets {
            pub const ABSENT: Self = Self { $($name: ABSENT,)* };

            /// Asks `find` for each field by `structure.field.field`; several alternatives are split by `|`.
            pub fn look_up(mut find: impl FnMut(&str) -> Option<u32>) -> Self {
                Self { $($name: $paths.split('|').find_map(&mut find).unwrap_or(ABSENT),)* }
            }

            /// The fields that were not found.
            pub fn absent(&self) -> impl Iterator<Item = &'static str> {
                [$((self.$name, $paths),)*].into_iter().filter(|(offset, _)| *offset == ABSENT).map(|(_, paths)| paths)
            }
        }
    };
}

offsets! {
    task_tgid = "task_struct.tgid",
    task_pid = "task_struct.pid",
    task_leader = "task_struct.group_leader",
    task_start = "task_struct.start_boottime",
    task_mm = "task_struct.mm",
    task_files = "task_struct.files",
    task_fs = "task_struct.fs",
    task_cred = "task_struct.cred",
    task_nsproxy = "task_struct.nsproxy",
    task_thread_pid = "task_struct.thread_pid",
    task_cgroups = "task_struct.cgroups",
    task_flags = "task_struct.flags",
    task_exit_code = "task_struct.exit_code",
    task_signal = "task_struct.signal",
    task_ptraced = "task_struct.ptraced",
    task_ptrace_entry = "task_struct.ptrace_entry",
    task_status = "task_struct.thread_info.status",
    task_real_parent = "task_struct.real_parent",
    signal_live = "signal_struct.live",
    signal_group_exit_code = "signal_struct.group_exit_code",
    css_set_cgroup = "css_set.dfl_cgrp",
    cgroup_state = "cgroup.self",
    cgroup_parent = "cgroup.self.parent",
    cgroup_node = "cgroup.kn",
    kernfs_node_id = "kernfs_node.id",
    mm_arg_start = "mm_struct.arg_start",
    mm_arg_end = "mm_struct.arg_end",
    mm_env_start = "mm_struct.env_start",
    mm_env_end = "mm_struct.env_end",
    mm_exe_file = "mm_struct.exe_file",
    files_fdt = "files_struct.fdt",
    fdt_max = "fdtable.max_fds",
    fdt_fd = "fdtable.fd",
    file_inode = "file.f_inode",
    file_mnt = "file.f_path.mnt",
    file_dentry = "file.f_path.dentry",
    file_mode = "file.f_mode",
    file_private = "file.private_data",
    path_mnt = "path.mnt",
    path_dentry = "path.dentry",
    inode_ino = "inode.i_ino",
    inode_sb = "inode.i_sb",
    inode_generation = "inode.i_generation",
    inode_mode = "inode.i_mode",
    sb_dev = "super_block.s_dev",
    sb_magic = "super_block.s_magic",
    dentry_name = "dentry.d_name.name",
    dentry_parent = "dentry.d_parent",
    dentry_inode = "dentry.d_inode",
    mnt_root = "vfsmount.mnt_root",
    mount_mnt = "mount.mnt",
    mount_parent = "mount.mnt_parent",
    mount_mountpoint = "mount.mnt_mountpoint",
    fs_pwd_mnt = "fs_struct.pwd.mnt",
    fs_pwd_dentry = "fs_struct.pwd.dentry",
    cred_euid = "cred.euid",
    nsproxy_mnt = "nsproxy.mnt_ns",
    nsproxy_net = "nsproxy.net_ns",
    mnt_ns_inum = "mnt_namespace.ns.inum",
    net_inum = "net.ns.inum",
    pid_level = "pid.level",
    pid_numbers = "pid.numbers",
    upid_nr = "upid.nr",
    upid_ns = "upid.ns",
    pid_ns_inum = "pid_namespace.ns.inum",
    socket_sk = "socket.sk",
    sk_socket = "sock.sk_socket",
    socket_type = "socket.type",
    socket_alloc_inode = "socket_alloc.vfs_inode",
    sk_family = "sock_common.skc_family",
    sk_protocol = "sock.sk_protocol",
    sk_net = "sock_common.skc_net",
    sk_daddr = "sock_common.skc_daddr",
    sk_rcv_saddr = "sock_common.skc_rcv_saddr",
    sk_v6_daddr = "sock_common.skc_v6_daddr",
    sk_v6_rcv_saddr = "sock_common.skc_v6_rcv_saddr",
    sk_dport = "sock_common.skc_dport",
    sk_num = "sock_common.skc_num",
    unix_addr = "unix_sock.addr",
    unix_peer = "unix_sock.peer",
    unix_address_len = "unix_address.len",
    unix_address_name = "unix_address.name",
    bprm_filename = "linux_binprm.filename",
    bprm_interp = "linux_binprm.interp",
    prog_aux = "bpf_prog.aux",
    prog_aux_name = "bpf_prog_aux.name",
    module_name = "module.name",
    siginfo_code = "kernel_siginfo.si_code|siginfo.si_code",
    req_opcode = "io_kiocb.opcode",
    req_file = "io_kiocb.file",
    req_cqe = "io_kiocb.cqe",
    req_task = "io_kiocb.task",
    req_tctx = "io_kiocb.tctx",
    uring_task = "io_uring_task.task",
    uring_open_slot = "io_open.file_slot",
    uring_accept_slot = "io_accept.file_slot",
    uring_result_by_value = "@io_uring_complete/4",
    regs_di = "pt_regs.di",
    regs_si = "pt_regs.si",
    regs_dx = "pt_regs.dx",
    regs_r10 = "pt_regs.r10",
    regs_r8 = "pt_regs.r8",
    regs_r9 = "pt_regs.r9",
    regs_orig_ax = "pt_regs.orig_ax",
    regs_bx = "pt_regs.bx",
    regs_bp = "pt_regs.bp",
    regs_cx = "pt_regs.cx",
}
