//! Processes and their containers, as far as they are remembered.

use super::fields::Fields;
use crate::text::Interner;
use lru::LruCache;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use tracewell_model::{EventNs, HostId, ProcessRecord, ProcessRef, Record, Str};

const PROCESSES_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");
const CONTAINERS_MAX: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// SysFlow's identity of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Oid {
    pub created: i64,
    pub pid: i64,
}

impl Oid {
    pub fn process(self) -> ProcessRef {
        ProcessRef {
            pid: u32::try_from(self.pid).unwrap_or(0),
            start: u64::try_from(self.created).unwrap_or(0),
            uuid: None,
        }
    }
}

pub(super) struct Known {
    pub record: ProcessRecord,
    /// Names its files, as `record.container` names what it runs.
    pub container_id: Option<Str>,
    /// SysFlow describes a process anew before the event that changed it. The description waits for that event, so that
    /// an exec is still seen from the program that made it.
    waiting: bool,
}

pub(super) struct Processes {
    by_oid: LruCache<Oid, Known>,
    /// What a container runs: its image, else its name, else its id.
    workloads: LruCache<String, Str>,
}

impl Processes {
    pub fn new() -> Self {
        Self { by_oid: LruCache::new(PROCESSES_MAX), workloads: LruCache::new(CONTAINERS_MAX) }
    }

    pub fn container(&mut self, fields: &Fields<'_>, strings: &mut Interner) -> Result<(), String> {
        let id = fields.text("id")?;
        let names = [fields.text("image")?, fields.text("name")?, id];
        let workload = names.into_iter().find(|name| !name.is_empty()).unwrap_or(id);
        self.workloads.put(id.to_owned(), strings.get(workload));
        Ok(())
    }

    pub fn describe(
        &mut self,
        host: HostId,
        fields: &Fields<'_>,
        strings: &mut Interner,
        out: &mut VecDeque<Record>,
    ) -> Result<(), String> {
        let oid = fields.oid("oid")?;
        let exe = fields.text("exe")?;
        let args = fields.text("exeArgs")?.trim();
        let cmdline = if args.is_empty() { strings.get(exe) } else { strings.get(&format!("{exe} {args}")) };
        let container = fields.optional_text("containerId").filter(|id| !id.is_empty());
        let record = ProcessRecord {
            host,
            time: EventNs(fields.time("ts")?),
            process: oid.process(),
            parent: fields.optional_oid("poid")?.map(Oid::process),
            exe: strings.path(exe),
            cmdline: (!exe.is_empty()).then_some(cmdline),
            uid: u32::try_from(fields.integer("uid")?).ok(),
            container: container.map(|id| self.workloads.get(id).cloned().unwrap_or_else(|| strings.get(id))),
        };
        let waiting = fields.symbol("state")? == "MODIFIED" && self.by_oid.contains(&oid);
        if !waiting {
            out.push_back(Record::Process(record.clone()));
        }
        let container_id = container.map(|id| strings.get(id));
        self.by_oid.put(oid, Known { record, container_id, waiting });
        Ok(())
    }

    /// What is known of a process, after passing on a description that no event explained.
    pub fn acts(&mut self, oid: Oid, out: &mut VecDeque<Record>) -> Option<&ProcessRecord> {
        let known = self.by_oid.get_mut(&oid)?;
        if std::mem::take(&mut known.waiting) {
            out.push_back(Record::Process(known.record.clone()));
        }
        Some(&known.record)
    }

    /// Like [`Processes::acts`] for an event that carries the change itself.
    pub fn changes(&mut self, oid: Oid) -> Option<&Known> {
        let known = self.by_oid.get_mut(&oid)?;
        known.waiting = false;
        Some(known)
    }
}
