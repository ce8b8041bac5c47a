use lru::LruCache;
use std::num::NonZeroUsize;
use tracewell_model::{ProcessRef, Str, Uuid};

/// Processes remembered at a time. One that falls out is introduced again when it acts again.
const PROCESSES_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// What was last known of a process.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub uid: Option<u32>,
    /// The command name that its records carry; `None` right after an exec, which changes it.
    pub name: Option<Str>,
    /// Its last call changed the user, so that a change in the next record is explained.
    pub uid_explained: bool,
}

/// Live processes by uuid and by pid.
pub(super) struct Processes {
    by_uuid: LruCache<Uuid, Process>,
    by_pid: LruCache<u32, Uuid>,
}

impl Processes {
    pub fn new() -> Self {
        Self { by_uuid: LruCache::new(PROCESSES_MAX), by_pid: LruCache::new(PROCESSES_MAX) }
    }

    pub fn get_mut(&mut self, uuid: Uuid) -> Option<&mut Process> {
        self.by_uuid.get_mut(&uuid)
    }

    pub fn insert(&mut self, pid: u32, uuid: Uuid, process: Process) {
        self.by_uuid.put(uuid, process);
        self.by_pid.put(pid, uuid);
    }

    /// The process that had this pid last.
    pub fn with_pid(&self, pid: u32) -> Option<ProcessRef> {
        self.by_pid.peek(&pid).map(|&uuid| ProcessRef { pid, start: 0, uuid: Some(uuid) })
    }
}
