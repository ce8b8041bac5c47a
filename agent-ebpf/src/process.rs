use crate::kernel::{Ptr, at};
use crate::maps::IGNORED_CGROUPS;
use aya_ebpf::helpers::generated::bpf_get_current_cgroup_id;
use tracewell_event_abi::config::CGROUPS_MAX;
use tracewell_event_abi::head::Head;

/// A thread group as the kernel has it.
#[derive(Clone, Copy)]
pub struct Group {
    pub tgid: u32,
    pub start: u64,
}

impl Group {
    /// The thread group of a task.
    #[inline(always)]
    pub fn of(task: Ptr) -> Self {
        Self { tgid: task.read(at!(task_tgid)), start: task.follow(at!(task_leader)).read(at!(task_start)) }
    }
}

/// Fills in who did it: `task`, which is the current one in all probes but those of io_uring.
#[inline(always)]
pub fn describe(head: &mut Head, task: Ptr) {
    let group = Group::of(task);
    (head.tgid, head.start) = (group.tgid, group.start);
    head.tid = task.read(at!(task_pid));
    head.uid = task.follow(at!(task_cred)).read(at!(cred_euid));
    // An exiting task has no namespaces any more.
    head.mount_namespace = task.follow(at!(task_nsproxy)).follow(at!(nsproxy_mnt)).read(at!(mnt_ns_inum));
    // SAFETY: the helper has no preconditions.
    head.cgroup = unsafe { bpf_get_current_cgroup_id() };
}

/// Whether the cgroup of a task, or one around it, is filtered.
#[inline(always)]
pub fn is_in_ignored_cgroup(task: Ptr) -> bool {
    let mut cgroup = task.follow(at!(task_cgroups)).follow(at!(css_set_cgroup));
    for _ in 0..CGROUPS_MAX {
        let id = cgroup.follow(at!(cgroup_node)).read::<u64>(at!(kernfs_node_id));
        // SAFETY: only presence is asked for.
        if unsafe { IGNORED_CGROUPS.get(&id).is_some() } {
            return true;
        }
        let parent = cgroup.follow(at!(cgroup_parent));
        if parent.is_null() {
            return false;
        }
        cgroup = parent.minus(at!(cgroup_state));
    }
    false
}

/// The number of a task in its innermost pid namespace, and that namespace.
#[inline(always)]
pub fn inner_pid(task: Ptr) -> (u32, u32) {
    /// `struct upid` has two fields, a number and a pointer, on every kernel.
    const UPID_BYTES: u32 = 16;
    let pid = task.follow(at!(task_thread_pid));
    let level = pid.read::<u32>(at!(pid_level)) & 31;
    let upid = pid.plus(at!(pid_numbers)).plus(level * UPID_BYTES);
    (upid.read(at!(upid_nr)), upid.follow(at!(upid_ns)).read(at!(pid_ns_inum)))
}
