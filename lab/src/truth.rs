//! From the launcher's notes to ground truth (docs/truth-format.md).
//!
//! A step's nodes are
//! - the processes that said they belong to it (marks), and all that they started while they did;
//! - the connections of those processes, and those of a host with an address that only the attacker has;
//! - the files that those processes made, and those that the launcher named.
//!
//! Ignored is what lies between the attack and the launcher: the service that was made to start it, and what it forked to serve
//! the attacker. It served others as well, and nobody can say which part of it was the attack.

use crate::notes::Notes;
use crate::split::{Mark, Split};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use tracewell_datasets::truth::{Attack, NodePattern, PathPattern, Remote, Step, Truth, Window};
use tracewell_model::{Event, HostId, NodeKind, Object, Operation, ProcessRef, Protocol, Record};

pub const LABEL_SET: &str = "lab-launcher";

/// Host and process.
type Who = (HostId, ProcessRef);
/// Attack and step.
type Place = (usize, usize);

#[derive(Default)]
struct Seen {
    processes: BTreeSet<Who>,
    sockets: BTreeSet<(HostId, Option<SocketAddr>, SocketAddr)>,
    files: BTreeSet<(HostId, String)>,
}

pub fn truth(split: &Split, notes: &Notes, hosts: &[String]) -> Truth {
    let names: HashMap<HostId, &String> = hosts.iter().map(|name| (HostId::from_name(name), name)).collect();
    let (steps, ignored) = walk(split, notes);
    let attacks = notes.attacks.iter().enumerate().map(|(a, attack)| {
        let steps: Vec<_> = attack
            .steps
            .iter()
            .enumerate()
            .map(|(s, step)| {
                let mut nodes: Vec<_> = steps.get(&(a, s)).map(|seen| patterns(seen, &names)).unwrap_or_default();
                let files = step.files.iter().map(|(host, path)| of_file(host, path));
                let remotes = step.remotes.iter().map(|(host, address)| of_remote(host, IpAddr::V4(*address)));
                for node in files.chain(remotes) {
                    if !nodes.contains(&node) {
                        nodes.push(node);
                    }
                }
                let window = Window { from: notes.event_time(step.from), to: notes.event_time(step.to) };
                Step { name: step.name.clone(), techniques: step.techniques.clone(), window, nodes }
            })
            .collect();
        let mut nodes: Vec<NodePattern> = Vec::new();
        for node in steps.iter().flat_map(|step: &Step| &step.nodes) {
            if !nodes.contains(node) {
                nodes.push(node.clone());
            }
        }
        let windows = steps.iter().map(|step| step.window).collect();
        Attack { id: attack.id.clone(), name: attack.name.clone(), windows, nodes, steps }
    });
    let attacks = attacks.collect();
    let ignored = ignored.iter().filter_map(|who| of_process(who, &names)).collect();
    Truth {
        label_set: LABEL_SET.into(),
        label_kinds: vec![NodeKind::Process, NodeKind::File, NodeKind::Socket],
        attacks,
        ignored,
    }
}

/// What each step's processes are and did, and what is ignored.
fn walk(split: &Split, notes: &Notes) -> (BTreeMap<Place, Seen>, BTreeSet<Who>) {
    let mut steps: BTreeMap<Place, Seen> = BTreeMap::new();
    let mut belongs: HashMap<Who, Place> = HashMap::new();
    let mut parents: HashMap<Who, Who> = HashMap::new();
    let mut served: BTreeSet<Who> = BTreeSet::new();
    let mut marks = split.marks.iter().peekable();
    for (at, record) in split.records.iter().enumerate() {
        while let Some(mark) = marks.next_if(|mark| mark.at <= at) {
            take_mark(mark, notes, &mut belongs, &parents, &mut served, &mut steps);
        }
        let Record::Event(event) = record else { continue };
        let who = (event.host, event.subject);
        let place = belongs.get(&who).copied();
        if let (Operation::Fork, Object::Process(child)) = (event.op, &event.object) {
            let child = (event.host, *child);
            parents.insert(child, who);
            if let Some(place) = place {
                belongs.insert(child, place);
            }
        }
        if let Some(place) = place {
            steps.entry(place).or_default().event(event);
        }
    }
    for mark in marks {
        take_mark(mark, notes, &mut belongs, &parents, &mut served, &mut steps);
    }
    let labelled: BTreeSet<Who> = steps.values().flat_map(|seen| &seen.processes).copied().collect();
    served.retain(|who| !labelled.contains(who));
    (steps, served)
}

fn take_mark(
    mark: &Mark,
    notes: &Notes,
    belongs: &mut HashMap<Who, Place>,
    parents: &HashMap<Who, Who>,
    served: &mut BTreeSet<Who>,
    steps: &mut BTreeMap<Place, Seen>,
) {
    let Some(&place) = notes.marks.get(mark.mark) else { return };
    let who = (mark.host, mark.process);
    if belongs.insert(who, place).is_none() {
        let ancestors = std::iter::successors(parents.get(&who), |who| parents.get(who));
        served.extend(ancestors.copied());
    }
    steps.entry(place).or_default().processes.insert(who);
}

impl Seen {
    fn event(&mut self, event: &Event) {
        self.processes.insert((event.host, event.subject));
        match &event.object {
            Object::Process(child) if event.op == Operation::Fork => _ = self.processes.insert((event.host, *child)),
            Object::File(file) if event.op == Operation::Create => {
                let own = |path: &&str| !["/dev/", "/proc/"].iter().any(|folder| path.starts_with(folder));
                if let Some(path) = file.path.as_deref().filter(own) {
                    self.files.insert((event.host, path.to_owned()));
                }
            }
            Object::Socket(socket) if matches!(socket.protocol, Protocol::Tcp | Protocol::Udp) => {
                if let Some(remote) = socket.remote.filter(|remote| remote.port() != 0) {
                    self.sockets.insert((event.host, socket.local, remote));
                }
            }
            _ => {}
        }
    }
}

fn patterns(seen: &Seen, names: &HashMap<HostId, &String>) -> Vec<NodePattern> {
    let processes = seen.processes.iter().filter_map(|who| of_process(who, names));
    let files = seen.files.iter().filter_map(|(host, path)| Some(of_file(names.get(host)?, path)));
    let sockets = seen.sockets.iter().filter_map(|(host, local, remote)| {
        let end = |address: SocketAddr| Remote { ip: address.ip(), port: Some(address.port()) };
        Some(NodePattern {
            host: Some((*names.get(host)?).clone()),
            local: local.map(end),
            remote: Some(end(*remote)),
            ..NodePattern::any(NodeKind::Socket)
        })
    });
    processes.chain(files).chain(sockets).collect()
}

fn of_process((host, process): &Who, names: &HashMap<HostId, &String>) -> Option<NodePattern> {
    Some(NodePattern {
        host: Some((*names.get(host)?).clone()),
        pid: Some(process.pid),
        start: Some(process.start),
        ..NodePattern::any(NodeKind::Process)
    })
}

fn of_file(host: &str, path: &str) -> NodePattern {
    let path = Some(PathPattern::Exact(path.to_owned()));
    NodePattern { host: Some(host.to_owned()), path, ..NodePattern::any(NodeKind::File) }
}

fn of_remote(host: &str, ip: IpAddr) -> NodePattern {
    let remote = Some(Remote { ip, port: None });
    NodePattern { host: Some(host.to_owned()), remote, ..NodePattern::any(NodeKind::Socket) }
}
