use std::collections::HashMap;
use std::fs;
use tracewell_model::{Detail, Event, Object, Operation, ProcessRecord, ProcessRef, Record, Str};

/// Processes remembered. At the bound all are forgotten, and learned again as they are heard of.
const PROCESSES_MAX: usize = 65_536;

/// Which program, user and container a process belongs to, as far as the stream told.
pub struct Who<'a> {
    /// What the wanted container's name, or a cgroup path of it, contains.
    container: Option<&'a str>,
    known: HashMap<ProcessRef, Known>,
    unknown: Known,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub exe: Option<Str>,
    pub uid: Option<u32>,
    pub container: Option<Str>,
    pub is_in_container: bool,
}

impl<'a> Who<'a> {
    pub fn new(container: Option<&'a str>) -> Self {
        Self { container, known: HashMap::new(), unknown: Known::default() }
    }

    pub fn of(&self, process: ProcessRef) -> &Known {
        self.known.get(&process).unwrap_or(&self.unknown)
    }

    pub fn learn(&mut self, record: &Record) {
        match record {
            Record::Process(record) => self.describe(record),
            Record::Event(Event { op: Operation::Fork, subject, object: Object::Process(child), .. }) => {
                let parent = self.of(*subject).clone();
                *self.entry(*child) = parent;
            }
            Record::Event(Event { op: Operation::Exec, subject, object: Object::File(file), .. }) => {
                if let Some(path) = &file.path {
                    self.entry(*subject).exe = Some(path.clone());
                }
            }
            Record::Event(Event { subject, detail: Detail::Credentials { uid }, .. }) => {
                self.entry(*subject).uid = Some(*uid);
            }
            _ => {}
        }
    }

    fn describe(&mut self, record: &ProcessRecord) {
        let wanted = self.container;
        let known = self.entry(record.process);
        let news = |known: &mut Option<Str>, news: &Option<Str>| {
            if news.is_some() {
                known.clone_from(news);
            }
        };
        news(&mut known.exe, &record.exe);
        news(&mut known.container, &record.container);
        known.uid = record.uid.or(known.uid);
        if let Some(wanted) = wanted {
            let is_named = known.container.as_deref().is_some_and(|name| name.contains(wanted));
            // Ids of containers stand in the paths of their cgroups (docs/containers.md), which the stream does not tell.
            let has_id = || {
                let paths = fs::read_to_string(format!("/proc/{}/cgroup", record.process.pid)).unwrap_or_default();
                paths.contains(wanted)
            };
            known.is_in_container = is_named || has_id();
        }
    }

    fn entry(&mut self, process: ProcessRef) -> &mut Known {
        if self.known.len() >= PROCESSES_MAX && !self.known.contains_key(&process) {
            self.known.clear();
        }
        self.known.entry(process).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_model::{EventNs, HostId};

    #[test]
    fn a_child_is_where_its_parent_is_until_it_is_told_otherwise() {
        let process = |pid| ProcessRef { pid, start: 1, uuid: None };
        let event = |op, subject, object, detail| {
            let event = Event::new(EventNs::ZERO, HostId::from_name("a"), process(subject), op, object);
            Record::Event(Event { detail, ..event })
        };
        let mut who = Who::new(Some("shop"));
        who.learn(&Record::Process(ProcessRecord {
            host: HostId::from_name("a"),
            time: EventNs::ZERO,
            // No process of this machine has it: PID_MAX_LIMIT of include/linux/threads.h is 4,194,304.
            process: process(5_000_000),
            parent: None,
            exe: Some("/bin/sh".into()),
            cmdline: None,
            uid: Some(7),
            container: Some("shop-web".into()),
        }));
        who.learn(&event(Operation::Fork, 5_000_000, Object::Process(process(2)), Detail::None));
        let shop = |exe: &str, uid| Known {
            exe: Some(exe.into()),
            uid: Some(uid),
            container: Some("shop-web".into()),
            is_in_container: true,
        };
        assert_eq!(*who.of(process(2)), shop("/bin/sh", 7));
        who.learn(&event(Operation::ChangeCredentials, 2, Object::None, Detail::Credentials { uid: 0 }));
        assert_eq!(*who.of(process(2)), shop("/bin/sh", 0));
        assert_eq!(*who.of(process(3)), Known::default());
    }
}
