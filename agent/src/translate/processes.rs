use super::Clock;
use crate::live::snapshot::Known;
use lru::LruCache;
use std::num::NonZeroUsize;
use tracewell_event_abi::body::Fork;
use tracewell_event_abi::head::Head;
use tracewell_model::{EventNs, HostId, ProcessRecord, ProcessRef, Str};

/// Processes remembered: as many as Linux runs by default. At the bound the one not heard of longest is forgotten, and
/// repaired when it is heard of again.
const PROCESSES_MAX: NonZeroUsize = NonZeroUsize::new(32_768).expect("it is not zero");

/// What runs, by thread-group id.
pub struct Processes {
    clock: Clock,
    known: LruCache<u32, Process>,
}

/// A process that runs.
#[derive(Clone, Debug)]
pub struct Process {
    pub process: ProcessRef,
    pub parent: Option<ProcessRef>,
    pub exe: Option<Str>,
    pub cmdline: Option<Str>,
    pub uid: Option<u32>,
    pub container: Option<Str>,
    /// Pid namespace and the number in it; 0 and 0 when unknown.
    inner: (u32, u32),
}

impl Processes {
    pub fn new(clock: Clock) -> Self {
        Self { clock, known: LruCache::new(PROCESSES_MAX) }
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn get_mut(&mut self, tgid: u32) -> Option<&mut Process> {
        self.known.get_mut(&tgid)
    }

    /// Whether this very process is known. One whose number was used by another before is not: starts differ.
    pub fn has(&mut self, tgid: u32, process: ProcessRef) -> bool {
        self.known.get(&tgid).is_some_and(|known| known.process == process)
    }

    /// Takes up a process that nothing was heard of, with what /proc still says of its number.
    pub fn repair(
        &mut self,
        host: HostId,
        time: EventNs,
        head: &Head,
        process: ProcessRef,
        known: Option<Known>,
    ) -> ProcessRecord {
        let known = known.filter(|known| self.clock.process_of_ticks(known.tgid, known.start_ticks) == process);
        let mut known = known.unwrap_or(Known { tgid: head.tgid, ..Known::default() });
        known.uid = Some(head.uid);
        self.take_up_as(host, time, known, process)
    }

    /// Takes up what /proc says.
    pub fn take_up(&mut self, host: HostId, time: EventNs, known: Known) -> ProcessRecord {
        let process = self.clock.process_of_ticks(known.tgid, known.start_ticks);
        self.take_up_as(host, time, known, process)
    }

    fn take_up_as(&mut self, host: HostId, time: EventNs, known: Known, process: ProcessRef) -> ProcessRecord {
        let parent = known.parent.map(|(tgid, ticks)| self.clock.process_of_ticks(tgid, ticks));
        let entry = Process {
            process,
            parent,
            exe: known.exe.map(Str::from),
            cmdline: known.arguments.map(|words| words.join(" ").into()),
            uid: known.uid,
            container: None,
            inner: (0, 0),
        };
        let record = entry.record(host, time);
        self.known.put(known.tgid, entry);
        record
    }

    pub fn forked(&mut self, head: &Head, fork: &Fork, parent: ProcessRef, child: ProcessRef) {
        let inner = (fork.pid_namespace, fork.inner_pid);
        let entry = match self.known.get(&head.tgid) {
            Some(known) => Process { process: child, parent: Some(parent), inner, ..known.clone() },
            None => Process {
                process: child,
                parent: Some(parent),
                exe: None,
                cmdline: None,
                uid: Some(head.uid),
                container: None,
                inner,
            },
        };
        self.known.put(fork.tgid, entry);
    }

    /// Gives the effective user before.
    pub fn executed(&mut self, tgid: u32, exe: Option<Str>, cmdline: Option<Str>, uid: u32) -> Option<u32> {
        let known = self.known.get_mut(&tgid)?;
        (known.exe, known.cmdline) = (exe, cmdline);
        known.uid.replace(uid)
    }

    pub fn exited(&mut self, tgid: u32) {
        self.known.pop(&tgid);
    }

    /// O(processes): asked only where a process writes into another by its number.
    pub fn by_inner_pid(&self, namespace: u32, pid: u32) -> Option<ProcessRef> {
        let found = self.known.iter().find(|(_, known)| known.inner == (namespace, pid));
        found.map(|(_, known)| known.process).or_else(|| {
            let known = self.known.peek(&pid)?;
            (known.inner == (0, 0)).then_some(known.process)
        })
    }

    /// The processes that belong to a workload. O(processes).
    #[cfg(feature = "program")]
    pub fn of_workloads(&self) -> Vec<u32> {
        self.known.iter().filter(|(_, known)| known.container.is_some()).map(|(&tgid, _)| tgid).collect()
    }

    pub fn set_workload(&mut self, host: HostId, time: EventNs, tgid: u32, container: Str) -> Option<ProcessRecord> {
        let known = self.known.get_mut(&tgid)?;
        if known.container.as_ref() == Some(&container) {
            return None;
        }
        known.container = Some(container);
        Some(known.record(host, time))
    }
}

impl Process {
    fn record(&self, host: HostId, time: EventNs) -> ProcessRecord {
        ProcessRecord {
            host,
            time,
            process: self.process,
            parent: self.parent,
            exe: self.exe.clone(),
            cmdline: self.cmdline.clone(),
            uid: self.uid,
            container: self.container.clone(),
        }
    }
}
