//! Which nodes of a stream the ground truth means.
//!
//! Truth names nodes by what a person or another tool can say of them; a score needs the nodes of this recording. The
//! watcher looks at every record on its way to the agent and remembers the nodes that match. It decides nothing else:
//! neither agent nor aggregator ever sees a label.

use crate::eval::{Attack, Labels};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use tracewell_datasets::truth::{NodePattern, PathPattern, Truth};
use tracewell_model::{
    Detail, Event, FileKind, HostId, NodeAttrs, NodeKey, NodeKind, Object, Operation, ProcessRef, Protocol, Record,
    Str, Uuid,
};

/// Nodes that all labels together may match; a label set that matches more does not tell nodes apart.
const NODES_MAX: usize = 1_000_000;

pub struct Watcher {
    truth: Truth,
    /// Those of each attack in order, then the ignored ones.
    patterns: Vec<NodePattern>,
    matched: Vec<BTreeSet<NodeKey>>,
    n_matched: usize,
    index: Index,
    hosts: HashMap<HostId, Str>,
}

/// Where the patterns for a node are to be looked for, by the most particular thing that each says.
#[derive(Default)]
struct Index {
    by_uuid: HashMap<Uuid, Vec<usize>>,
    by_pid: HashMap<u32, Vec<usize>>,
    by_path: HashMap<String, Vec<usize>>,
    by_remote: HashMap<IpAddr, Vec<usize>>,
    /// Ends of paths, and start times alone: compared one by one.
    others: Vec<usize>,
}

impl Watcher {
    pub fn new(truth: Truth) -> Self {
        let labelled = truth.attacks.iter().flat_map(|attack| &attack.nodes);
        let patterns: Vec<_> = labelled.chain(&truth.ignored).cloned().collect();
        let mut index = Index::default();
        for (idx, pattern) in patterns.iter().enumerate() {
            index.add(idx, pattern);
        }
        Self {
            truth,
            matched: vec![BTreeSet::new(); patterns.len()],
            n_matched: 0,
            patterns,
            index,
            hosts: HashMap::new(),
        }
    }

    /// Looks at one record.
    ///
    /// # Errors
    /// When the labels match more nodes than can be meant.
    pub fn see(&mut self, record: &Record) -> Result<(), String> {
        match record {
            Record::Host(host) => drop(self.hosts.insert(host.host, host.name.clone())),
            Record::Process(process) => self.process(process.host, process.process, process.exe.as_ref()),
            Record::Event(event) => self.event(event),
            Record::Tick { .. } | Record::Loss(_) | Record::Finding(_) | Record::Checkpoint(_) | Record::History(_) => {
            }
        }
        if self.n_matched > NODES_MAX {
            return Err(format!("ground truth {:?} matches more than {NODES_MAX} nodes", self.truth.label_set));
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) {
        let exe = match (&event.op, &event.object) {
            (Operation::Exec, Object::File(file)) => file.path.as_ref(),
            _ => None,
        };
        self.process(event.host, event.subject, exe);
        match &event.object {
            Object::None => {}
            Object::Process(process) => self.process(event.host, *process, None),
            Object::File(file) => {
                let key = file.key(event.host);
                let new_path = match &event.detail {
                    Detail::NewPath { path, .. } => Some(path),
                    _ => None,
                };
                // A rename gives the file another name; the truth may know it by either.
                for path in [file.path.as_ref(), new_path].into_iter().flatten().map(Some).chain([None]) {
                    if path.is_some() || (file.path.is_none() && new_path.is_none()) {
                        self.file(event.host, key, file.uuid, path, file.kind);
                    }
                }
            }
            Object::Socket(socket) => {
                let candidates =
                    self.index.candidates(socket.uuid, None, socket.path.as_deref(), socket.remote.map(|r| r.ip()));
                self.check(event.host, socket.key(event.host), &candidates, || NodeAttrs::Socket {
                    uuid: socket.uuid,
                    protocol: socket.protocol,
                    local: socket.local,
                    remote: socket.remote,
                    path: socket.path.clone(),
                });
            }
        }
    }

    fn process(&mut self, host: HostId, process: ProcessRef, exe: Option<&Str>) {
        let candidates = self.index.candidates(process.uuid, Some(process.pid), exe.map(|exe| &**exe), None);
        self.check(host, process.key(host), &candidates, || NodeAttrs::Process {
            process,
            exe: exe.cloned(),
            cmdline: None,
            uid: None,
            container: None,
            environment: None,
        });
    }

    fn file(&mut self, host: HostId, key: NodeKey, uuid: Option<Uuid>, path: Option<&Str>, kind: FileKind) {
        let candidates = self.index.candidates(uuid, None, path.map(|path| &**path), None);
        self.check(host, key, &candidates, || NodeAttrs::File { uuid, path: path.cloned(), kind });
        if kind == FileKind::Unknown {
            // Some sources show a socket by its uuid alone.
            let (protocol, path) = (Protocol::Unknown, path.cloned());
            self.check(host, key, &candidates, || NodeAttrs::Socket {
                uuid,
                protocol,
                local: None,
                remote: None,
                path,
            });
        }
    }

    fn check(&mut self, host: HostId, key: NodeKey, candidates: &[usize], attrs: impl FnOnce() -> NodeAttrs) {
        if candidates.is_empty() {
            return;
        }
        let (attrs, host) = (attrs(), self.hosts.get(&host).map_or("", |name| name));
        for &idx in candidates {
            if self.patterns[idx].matches(host, &attrs) && self.matched[idx].insert(key) {
                self.n_matched += 1;
            }
        }
    }

    /// The truth as nodes of what was seen.
    pub fn into_labels(self) -> Labels {
        let mut labels = Labels {
            label_set: self.truth.label_set,
            kinds: self.truth.label_kinds.into_iter().collect(),
            ..Labels::default()
        };
        let mut matched = self.patterns.iter().zip(&self.matched);
        for attack in self.truth.attacks {
            let mut nodes = BTreeMap::new();
            for (pattern, keys) in matched.by_ref().take(attack.nodes.len()) {
                nodes.extend(keys.iter().map(|&key| (key, pattern.kind)));
                if keys.is_empty() {
                    labels.absent.push(format!("{}: {}", attack.id, in_words(pattern)));
                }
            }
            labels.attacks.push(Attack { id: attack.id, name: attack.name, windows: attack.windows, nodes });
        }
        for (pattern, keys) in matched {
            labels.ignored.extend(keys.iter().map(|&key| (key, pattern.kind)));
        }
        labels
    }
}

impl Index {
    fn add(&mut self, idx: usize, pattern: &NodePattern) {
        let list = match (pattern.uuid, pattern.pid, &pattern.path, pattern.remote) {
            (Some(uuid), ..) => self.by_uuid.entry(uuid).or_default(),
            (None, Some(pid), ..) => self.by_pid.entry(pid).or_default(),
            (None, None, Some(PathPattern::Exact(path)), _) => self.by_path.entry(path.clone()).or_default(),
            (None, None, None, Some(remote)) => self.by_remote.entry(remote.ip).or_default(),
            _ => &mut self.others,
        };
        list.push(idx);
    }

    fn candidates(
        &self,
        uuid: Option<Uuid>,
        pid: Option<u32>,
        path: Option<&str>,
        remote: Option<IpAddr>,
    ) -> Vec<usize> {
        let lists = [
            uuid.filter(|_| !self.by_uuid.is_empty()).and_then(|uuid| self.by_uuid.get(&uuid)),
            pid.filter(|_| !self.by_pid.is_empty()).and_then(|pid| self.by_pid.get(&pid)),
            path.filter(|_| !self.by_path.is_empty()).and_then(|path| self.by_path.get(path)),
            remote.filter(|_| !self.by_remote.is_empty()).and_then(|remote| self.by_remote.get(&remote)),
            Some(&self.others),
        ];
        lists.into_iter().flatten().flatten().copied().collect()
    }
}

/// What the truth says of a node, for people.
fn in_words(pattern: &NodePattern) -> String {
    let kind = match pattern.kind {
        NodeKind::Process => "process",
        NodeKind::File => "file",
        NodeKind::Socket => "socket",
    };
    let said = [
        pattern.host.as_ref().map(|host| format!("host {host}")),
        pattern.uuid.map(|uuid| format!("uuid {uuid}")),
        pattern.pid.map(|pid| format!("pid {pid}")),
        pattern.start.map(|start| format!("start {start}")),
        pattern.path.as_ref().map(|path| format!("path {path}")),
        pattern.local.map(|local| format!("local {local}")),
        pattern.remote.map(|remote| format!("remote {remote}")),
    ];
    std::iter::once(kind.to_owned()).chain(said.into_iter().flatten()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_model::{EventNs, FileRef, HostRecord, SocketRef};

    const TRUTH: &str = r#"{
        "label_set": "invented", "label_kinds": ["process", "file", "socket"],
        "attacks": [
            {"id": "a", "name": "first", "windows": [{"from": 1, "to": 9}], "nodes": [
                {"kind": "process", "uuid": "00000000-0000-0000-0000-00000000000a"},
                {"kind": "process", "host": "web", "pid": 7},
                {"kind": "process", "path": "*/dropper"},
                {"kind": "file", "path": "/tmp/new"}]},
            {"id": "b", "name": "second", "nodes": [
                {"kind": "socket", "remote": "192.0.2.9"},
                {"kind": "process", "pid": 99}]}],
        "ignored": [{"kind": "process", "pid": 8}]}"#;

    fn process(pid: u32) -> ProcessRef {
        ProcessRef { pid, start: 1, uuid: (pid == 10).then_some(Uuid(10)) }
    }

    fn event(host: HostId, pid: u32, op: Operation, object: Object, detail: Detail) -> Record {
        Record::Event(Event { detail, ..Event::new(EventNs(5), host, process(pid), op, object) })
    }

    fn labels(records: &[Record]) -> Labels {
        let mut watcher = Watcher::new(Truth::from_json(TRUTH.as_bytes(), "test").expect("the truth is valid"));
        for (host, name) in [(1, "web"), (2, "mail")] {
            watcher.see(&Record::Host(HostRecord { host: HostId(host), name: name.into() })).unwrap();
        }
        records.iter().for_each(|record| watcher.see(record).unwrap());
        watcher.into_labels()
    }

    #[test]
    fn nodes_are_found_by_whatever_names_them() {
        let (web, mail) = (HostId(1), HostId(2));
        let socket = SocketRef { remote: Some("192.0.2.9:443".parse().unwrap()), ..SocketRef::default() };
        let renamed = FileRef::at_path("/tmp/old");
        let to_new = Detail::NewPath { path: "/tmp/new".into(), replaced: None };
        let labels = labels(&[
            event(web, 10, Operation::Exit, Object::None, Detail::None),
            event(web, 1, Operation::Fork, Object::Process(process(7)), Detail::None),
            event(mail, 7, Operation::Exit, Object::None, Detail::None),
            event(web, 3, Operation::Exec, Object::File(FileRef::at_path("/x/dropper")), Detail::None),
            event(web, 1, Operation::Rename, Object::File(renamed.clone()), to_new),
            event(mail, 8, Operation::Connect, Object::Socket(socket.clone()), Detail::None),
        ]);
        let first: Vec<_> = labels.attacks[0].nodes.keys().copied().collect();
        let mut expected = [process(10).key(web), process(7).key(web), process(3).key(web), renamed.key(web)];
        expected.sort();
        assert_eq!(first, expected);
        assert_eq!(labels.attacks[1].nodes, [(socket.key(mail), NodeKind::Socket)].into());
        assert_eq!(labels.ignored, [(process(8).key(mail), NodeKind::Process)].into());
        assert_eq!(labels.absent, ["b: process pid 99"]);
        assert_eq!(labels.attacks[0].windows.len(), 1);
    }

    #[test]
    fn what_never_occurs_is_absent() {
        let labels = labels(&[]);
        assert_eq!(labels.absent.len(), 6);
        assert_eq!(labels.absent[1], "a: process host web pid 7");
        assert!(labels.attacks.iter().all(|attack| attack.nodes.is_empty()) && labels.ignored.is_empty());
    }
}
