//! From a recording and what the launcher noted to ground truth (docs/truth-format.md).
//!
//! A step's nodes are
//! - the processes that said they belong to it (marks), those that were there only for the attacker ([`causes`]), and all that both
//!   started;
//! - the connections of those processes, and those of a host with an address that only the attacker has;
//! - the files that those processes changed ([`crate::shared`] says which not), and those that the launcher named.
//!
//! Ignored are the processes that served others as well, and the files that others changed as well, of which nobody can say which part
//! was the attack; and datagram sockets of the attack through which nothing went, as getaddrinfo(3) makes one for each address that it puts in order.

mod causes;

use crate::journal::Journal;
use crate::shared::{CHANGES, is_shared};
use causes::Causes;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use tracewell_datasets::truth::{Attack, NodePattern, PathPattern, Remote, Step, Truth, Window};
use tracewell_model::{
    Detail, Event, FileKind, FileRef, HostId, NodeKind, Object, Operation, ProcessRef, Protocol, Record,
};

pub const LABEL_SET: &str = "lab-launcher";

/// Host and process.
type Who = (HostId, ProcessRef);
/// Attack and step.
type Place = (usize, usize);
/// A connection as a host sees it: its own end, where that is known, and the other.
type Connection = (HostId, Option<SocketAddr>, SocketAddr);

#[derive(Default)]
struct Seen {
    processes: BTreeSet<Who>,
    sockets: BTreeSet<Connection>,
    /// Datagram sockets with an other end, whether anything went through them or not.
    tried: BTreeSet<Connection>,
    files: BTreeSet<(HostId, String)>,
}

pub fn truth(records: &[Record], journal: &Journal, hosts: &[String]) -> Truth {
    let names: HashMap<HostId, &String> = hosts.iter().map(|name| (HostId::from_name(name), name)).collect();
    let (mut steps, ignored) = walk(records, journal);
    let others = changed_by_others(records, &steps);
    let mut mixed = BTreeSet::new();
    for seen in steps.values_mut() {
        let (of_both, own) = std::mem::take(&mut seen.files).into_iter().partition(|file| others.contains(file));
        seen.files = own;
        mixed.extend::<BTreeSet<_>>(of_both);
    }
    let attacks = journal.attacks.iter().enumerate().map(|(a, attack)| {
        let steps: Vec<_> = attack
            .steps
            .iter()
            .enumerate()
            .map(|(s, step)| {
                let mut nodes: Vec<_> = steps.get(&(a, s)).map(|seen| patterns(seen, &names)).unwrap_or_default();
                let files = step.files.iter().chain(&step.brought).chain(&step.infected);
                let files = files.map(|file| of_file(&file.host, &file.path));
                let remotes = step.remotes.iter().map(|far| of_remote(&far.host, IpAddr::V4(far.address)));
                for node in files.chain(remotes) {
                    if !nodes.contains(&node) {
                        nodes.push(node);
                    }
                }
                let window = Window { from: step.from, to: step.to };
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
    let attacks: Vec<Attack> = attacks.collect();
    let used: BTreeSet<_> = steps.values().flat_map(|seen| &seen.sockets).collect();
    let tried: BTreeSet<_> = steps.values().flat_map(|seen| &seen.tried).filter(|end| !used.contains(end)).collect();
    let tried = tried.into_iter().filter_map(|end| of_socket(end, &names));
    let mixed = mixed.iter().filter_map(|(host, path)| Some(of_file(names.get(host)?, path)));
    let named: Vec<&NodePattern> = attacks.iter().flat_map(|attack: &Attack| &attack.nodes).collect();
    let mixed = mixed.filter(|file| !named.contains(&file));
    let ignored = ignored.iter().filter_map(|who| of_process(who, &names)).chain(mixed).chain(tried).collect();
    Truth {
        label_set: LABEL_SET.into(),
        label_kinds: vec![NodeKind::Process, NodeKind::File, NodeKind::Socket],
        attacks,
        ignored,
    }
}

/// What each step's processes are and did, and what is ignored.
fn walk(records: &[Record], journal: &Journal) -> (BTreeMap<Place, Seen>, BTreeSet<Who>) {
    let mut causes = Causes::new(records, journal);
    loop {
        let steps = walk_once(records, journal, &causes);
        // What serves a connection of the attack on another host does so for the attack too. Each round finds more, or is the last.
        let ends = steps.iter().flat_map(|(place, seen)| seen.sockets.iter().map(|end| (*end, *place)));
        let far_ends = ends.filter_map(|((host, local, remote), place)| {
            // Every host has these addresses.
            let only_there = remote.ip().is_loopback().then_some(host);
            Some(((only_there, remote, local?), place))
        });
        let far_ends = far_ends.collect();
        if !causes.far_ends(records, &far_ends) {
            let labelled: BTreeSet<Who> = steps.values().flat_map(|seen| &seen.processes).copied().collect();
            let ignored = causes.mixed(records, journal);
            return (steps, ignored.difference(&labelled).copied().collect());
        }
    }
}

/// Files that processes beside the attack changed.
fn changed_by_others(records: &[Record], steps: &BTreeMap<Place, Seen>) -> BTreeSet<(HostId, String)> {
    let labelled: BTreeSet<Who> = steps.values().flat_map(|seen| &seen.processes).copied().collect();
    let events = records.iter().filter_map(|record| match record {
        Record::Event(event) if !labelled.contains(&(event.host, event.subject)) => Some(event),
        _ => None,
    });
    let changed = events.flat_map(|event| {
        let files = changed_files(event).filter(|path| !is_shared(path, event.op));
        files.map(|path| (event.host, path.to_owned()))
    });
    changed.collect()
}

fn walk_once(records: &[Record], journal: &Journal, causes: &Causes) -> BTreeMap<Place, Seen> {
    let mut steps: BTreeMap<Place, Seen> = BTreeMap::new();
    let mut belongs = causes.from_birth.clone();
    for (who, place) in &belongs {
        steps.entry(*place).or_default().processes.insert(*who);
    }
    let mut marks = journal.marks.iter().peekable();
    let take = |at: usize| move |mark: &&crate::journal::MarkNote| mark.at <= at;
    for (at, record) in records.iter().enumerate() {
        while let Some(mark) = marks.next_if(take(at)) {
            let place = (mark.attack, mark.step);
            belongs.insert(mark.who(), place);
            steps.entry(place).or_default().processes.insert(mark.who());
        }
        let Record::Event(event) = record else { continue };
        let Some(&place) = belongs.get(&(event.host, event.subject)) else { continue };
        if let (Operation::Fork, Object::Process(child)) = (event.op, &event.object) {
            belongs.entry((event.host, *child)).or_insert(place);
        }
        steps.entry(place).or_default().event(event);
    }
    for mark in marks {
        steps.entry((mark.attack, mark.step)).or_default().processes.insert(mark.who());
    }
    steps
}

impl Seen {
    fn event(&mut self, event: &Event) {
        self.processes.insert((event.host, event.subject));
        match &event.object {
            Object::Process(child) if event.op == Operation::Fork => _ = self.processes.insert((event.host, *child)),
            Object::File(_) => {
                let changed = changed_files(event).filter(|path| !is_shared(path, event.op));
                self.files.extend(changed.map(|path| (event.host, path.to_owned())));
            }
            Object::Socket(socket) if matches!(socket.protocol, Protocol::Tcp | Protocol::Udp) => {
                let is_tried = socket.protocol == Protocol::Udp && event.op == Operation::Connect;
                if let Some(remote) = socket.remote.filter(|remote| remote.port() != 0) {
                    let ends = if is_tried { &mut self.tried } else { &mut self.sockets };
                    ends.insert((event.host, socket.local, remote));
                }
            }
            _ => {}
        }
    }
}

/// Paths of what an event changed; nothing if it failed.
pub fn changed_files(event: &Event) -> impl Iterator<Item = &str> {
    let file = match &event.object {
        Object::File(file) if event.errno == 0 && CHANGES.contains(&event.op) => Some(file),
        _ => None,
    };
    let is_file = |file: &&FileRef| !matches!(file.kind, FileKind::Device | FileKind::Pipe);
    let new = match &event.detail {
        Detail::NewPath { path, .. } => file.map(|_| &**path),
        _ => None,
    };
    file.filter(is_file).and_then(|file| file.path.as_deref()).into_iter().chain(new)
}

fn patterns(seen: &Seen, names: &HashMap<HostId, &String>) -> Vec<NodePattern> {
    let processes = seen.processes.iter().filter_map(|who| of_process(who, names));
    let files = seen.files.iter().filter_map(|(host, path)| Some(of_file(names.get(host)?, path)));
    let sockets = seen.sockets.iter().filter_map(|end| of_socket(end, names));
    processes.chain(files).chain(sockets).collect()
}

fn of_socket((host, local, remote): &Connection, names: &HashMap<HostId, &String>) -> Option<NodePattern> {
    let end = |address: SocketAddr| Remote { ip: address.ip(), port: Some(address.port()) };
    Some(NodePattern {
        host: Some((*names.get(host)?).clone()),
        local: local.map(end),
        remote: Some(end(*remote)),
        ..NodePattern::any(NodeKind::Socket)
    })
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
