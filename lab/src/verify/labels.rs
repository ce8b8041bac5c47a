//! Whether the truth of a recording is exact and whole.

use super::COMPLAINTS_MAX;
use crate::index::Entry;
use crate::journal::Journal;
use crate::shared::is_shared;
use crate::truth::changed_files;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use tracewell_datasets::truth::{NodePattern, Truth};
use tracewell_model::{
    Detail, Event, EventNs, FileKind, HostId, NodeAttrs, NodeKind, Object, Operation, ProcessRef, Record,
};

/// What the truth says is what was noted, each node of it is there, and nothing of the attack is left out of it.
pub(super) fn look(records: &[Record], truth: &Truth, journal: &Journal, entry: &Entry, wrong: &mut Vec<String>) {
    if *truth != crate::truth::truth(records, journal, &entry.hosts) {
        wrong.push("the truth is not what the recording and its journal make".into());
    }
    is_there(records, truth, entry, wrong);
    is_whole(records, truth, entry, wrong);
}

/// Each labelled node is there, and each step has events of its nodes inside its window.
fn is_there(records: &[Record], truth: &Truth, entry: &Entry, wrong: &mut Vec<String>) {
    let mut patterns: BTreeMap<String, (NodePattern, bool)> = BTreeMap::new();
    for node in truth.attacks.iter().flat_map(|attack| &attack.nodes).chain(&truth.ignored) {
        if node.host.as_ref().is_none_or(|host| !entry.hosts.contains(host)) {
            wrong.push(format!("the truth names a host that is not there: {node:?}"));
        }
        patterns.insert(format!("{node:?}"), (node.clone(), false));
    }
    let steps: Vec<_> = truth.attacks.iter().flat_map(|attack| &attack.steps).collect();
    let mut edges = vec![0u64; steps.len()];
    let hosts: BTreeMap<HostId, &str> =
        entry.hosts.iter().map(|name| (HostId::from_name(name), name.as_str())).collect();
    for record in records {
        let Record::Event(event) = record else { continue };
        let Some(&host) = hosts.get(&event.host) else { continue };
        let ends = ends_of(event);
        let is = |node: &NodePattern| ends.iter().any(|attrs| node.matches(host, attrs));
        for (step, edges) in steps.iter().zip(&mut edges) {
            let is_inside = step.window.from <= event.time && event.time <= step.window.to;
            *edges += u64::from(is_inside && step.nodes.iter().any(is));
        }
        for (node, is_there) in patterns.values_mut().filter(|(_, is_there)| !is_there) {
            *is_there = is(node);
        }
    }
    let missing = patterns.values().filter(|(_, is_there)| !is_there);
    wrong.extend(missing.map(|(node, _)| {
        let step = steps.iter().find(|step| step.nodes.contains(node)).map_or("ignored", |step| step.name.as_str());
        format!("not there: {} ({step})", in_words(node))
    }));
    let without = steps.iter().zip(edges).filter(|(_, edges)| *edges == 0);
    wrong.extend(without.map(|(step, _)| format!("step {:?} has no event in its window", step.name)));
}

/// What an attack's processes started and changed, and whoever has a connection with an address that only the attacker has, is labelled
/// or ignored; what many write ([`is_shared`]) need not be. This knows only the truth, not how it was made.
fn is_whole(records: &[Record], truth: &Truth, entry: &Entry, wrong: &mut Vec<String>) {
    let hosts: BTreeMap<HostId, &str> =
        entry.hosts.iter().map(|name| (HostId::from_name(name), name.as_str())).collect();
    let nodes = |kind| truth.attacks.iter().flat_map(|attack| &attack.nodes).filter(move |node| node.kind == kind);
    let process = |host: HostId, process: &ProcessRef| {
        (hosts.get(&host).copied().unwrap_or_default(), process.pid, process.start)
    };
    fn key(node: &NodePattern) -> Option<(&str, u32, u64)> {
        Some((node.host.as_deref()?, node.pid?, node.start?))
    }
    // From when on each process is the attack's.
    let mut since: HashMap<(&str, u32, u64), EventNs> = HashMap::new();
    for step in truth.attacks.iter().flat_map(|attack| &attack.steps) {
        for who in step.nodes.iter().filter_map(key) {
            let at = since.entry(who).or_insert(step.window.from);
            *at = step.window.from.min(*at);
        }
    }
    let ignored: HashSet<_> = truth.ignored.iter().filter_map(key).collect();
    let files: HashSet<(&str, String)> = nodes(NodeKind::File)
        .chain(truth.ignored.iter().filter(|node| node.kind == NodeKind::File))
        .filter_map(|node| Some((node.host.as_deref()?, node.path.as_ref()?.to_string())))
        .collect();
    let far: HashSet<(&str, IpAddr)> = nodes(NodeKind::Socket)
        .filter_map(|node| Some((node.host.as_deref()?, node.remote.filter(|far| far.port.is_none())?.ip)))
        .collect();
    let begin = truth.attacks.iter().flat_map(|attack| &attack.windows).map(|window| window.from).min();
    let mut complaints = BTreeSet::new();
    let mut before = HashSet::new();
    let mut served = HashMap::new();
    let (mut young, mut servers) = (HashSet::new(), HashSet::new());
    for record in records {
        let Record::Event(event) = record else { continue };
        let who = process(event.host, &event.subject);
        if let Object::Socket(socket) = &event.object {
            let is_served = ignored.contains(&who) && begin.is_some_and(|begin| begin <= event.time);
            if let Some(remote) = socket.remote.filter(|_| is_served) {
                let (n_far, n_others) = served.entry(who).or_insert((0u32, 0u32));
                *(if far.contains(&(who.0, remote.ip())) { n_far } else { n_others }) += 1;
            }
            let is_far = socket.remote.is_some_and(|remote| far.contains(&(who.0, remote.ip())));
            let is_known = since.contains_key(&who) || ignored.contains(&who);
            if is_far && !is_known && begin.is_some_and(|begin| begin <= event.time) {
                complaints
                    .insert(format!("talks with the attacker, and is not labelled: process {} on {}", who.1, who.0));
            }
        }
        match (event.op, &event.object) {
            (Operation::Fork, Object::Process(child)) if begin.is_some_and(|begin| begin <= event.time) => {
                young.insert(process(event.host, child));
            }
            (Operation::Accept, _) => _ = servers.insert(who),
            _ => {}
        }
        let Some(&since_then) = since.get(&who) else { continue };
        let is_attack = since_then <= event.time;
        if let (true, Operation::Fork, Object::Process(child)) = (is_attack, event.op, &event.object) {
            let child = process(event.host, child);
            if !since.contains_key(&child) {
                complaints
                    .insert(format!("started by the attack, and not labelled: process {} on {}", child.1, child.0));
            }
        }
        for path in changed_files(event) {
            // A process that was there before goes on with what it did.
            if !is_attack {
                before.insert((who, path));
            } else if !is_shared(path, event.op)
                && !before.contains(&(who, path))
                && !files.contains(&(who.0, path.to_owned()))
            {
                complaints.insert(format!(
                    "changed by the attack ({}), and not labelled: {path} on {}",
                    event.op.name(),
                    who.0
                ));
            }
        }
    }
    let only_for_it = served.iter().filter(|(who, (n_far, n_others))| {
        *n_far > 0 && *n_others == 0 && young.contains(*who) && !servers.contains(*who)
    });
    complaints.extend(
        only_for_it.map(|(who, _)| format!("ignored, and served only the attacker: process {} on {}", who.1, who.0)),
    );
    wrong.extend(complaints.into_iter().take(COMPLAINTS_MAX));
}

fn in_words(node: &NodePattern) -> String {
    let of = |name: &str, value: Option<String>| value.map(|value| format!(" {name} {value}"));
    let parts = [
        of("host", node.host.clone()),
        of("pid", node.pid.map(|pid| pid.to_string())),
        of("start", node.start.map(|start| start.to_string())),
        of("path", node.path.as_ref().map(|path| format!("{path:?}"))),
        of("local", node.local.as_ref().map(|local| format!("{local:?}"))),
        of("remote", node.remote.as_ref().map(|remote| format!("{remote:?}"))),
    ];
    format!("{:?}{}", node.kind, parts.into_iter().flatten().collect::<String>()).to_lowercase()
}

/// Both ends of an event, as the truth sees nodes.
fn ends_of(event: &Event) -> Vec<NodeAttrs> {
    let process = |process, exe| NodeAttrs::Process {
        process,
        exe,
        cmdline: None,
        uid: None,
        container: None,
        environment: None,
    };
    let exe = match (&event.object, event.op) {
        (Object::File(file), Operation::Exec) => file.path.clone(),
        _ => None,
    };
    let mut ends = vec![process(event.subject, exe)];
    match &event.object {
        Object::None => {}
        Object::Process(other) => ends.push(process(*other, None)),
        Object::File(file) => {
            let named = |path| NodeAttrs::File { uuid: None, path, kind: FileKind::Regular };
            ends.push(named(file.path.clone()));
            if let Detail::NewPath { path, .. } = &event.detail {
                ends.push(named(Some(path.clone())));
            }
        }
        Object::Socket(socket) => ends.push(NodeAttrs::Socket {
            uuid: None,
            protocol: socket.protocol,
            local: socket.local,
            remote: socket.remote,
            path: socket.path.clone(),
        }),
    }
    ends
}
