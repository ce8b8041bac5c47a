//! What must hold of a recording: that it is whole, that its truth fits it, and that nothing of the recording machine is in it.

use crate::index::{Entry, Index, sha256};
use crate::machine::Machine;
use crate::network::is_in_lab;
use crate::notes::MARKS;
use crate::recorder::TIER;
use crate::scenarios::SCENARIOS;
use crate::structure::Structure;
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use tracewell_agent::redact::Redactor;
use tracewell_datasets::input::decompressed;
use tracewell_datasets::tracewell::TracewellWriter;
use tracewell_datasets::truth::{NodePattern, Truth};
use tracewell_datasets::{ReadOptions, open};
use tracewell_model::{Detail, Event, FileKind, HostId, NodeAttrs, Object, Operation, Record};

/// Folders at the root of a host; all paths lie in them.
const FOLDERS: &[&str] = &[
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv",
    "sys", "tmp", "usr", "var",
];

/// Of one kind, after which no more are looked for.
const COMPLAINTS_MAX: usize = 20;

/// Everything that is wrong with a recording; empty if nothing is.
///
/// # Errors
/// When it cannot be read at all.
pub fn verify(folder: &Path, entry: &Entry) -> Result<Vec<String>> {
    let file = folder.join(entry.recording());
    let mut records = Vec::new();
    for record in open(&file, None, &ReadOptions::default()).context("opening the recording")? {
        records.push(record.context("reading the recording")?);
    }
    let truth = Truth::open(&folder.join(entry.truth())).context("reading the truth")?;
    let mut wrong = Vec::new();
    round_trip(&file, &records, &mut wrong)?;
    against_index(&file, &records, &truth, entry, &mut wrong)?;
    against_scenarios(entry, &mut wrong);
    unchanged(folder, entry, &mut wrong)?;
    against_truth(&records, &truth, entry, &mut wrong);
    of_the_machine(&records, &truth, &mut wrong)?;
    names_of_the_machine(&records, &truth, &entry.hosts, &mut wrong);
    Ok(wrong)
}

/// Every recording of the index, and that the index names every file.
///
/// # Errors
/// When one cannot be read, or something is wrong with one.
pub fn verify_all(folder: &Path) -> Result<Vec<String>> {
    let index = Index::read(&folder.join(crate::index::FILE))?;
    let names: BTreeSet<_> = index.recordings.iter().map(|entry| &entry.name).collect();
    ensure!(names.len() == index.recordings.len(), "the index names a recording twice");
    let mut said = Vec::new();
    for entry in &index.recordings {
        let wrong = verify(folder, entry).with_context(|| format!("looking at {}", entry.name))?;
        ensure!(wrong.is_empty(), "{}: {}", entry.name, wrong.join("\n  "));
        let truth = Truth::open(&folder.join(entry.truth()))?;
        said.push(format!("{}: ok, {} events, {}", entry.name, entry.events, Structure::of(&truth).in_words()));
    }
    let known: BTreeSet<String> =
        index.recordings.iter().flat_map(|entry| [entry.recording(), entry.truth()]).collect();
    for file in fs::read_dir(folder).context("reading the folder of recordings")? {
        let name = file?.file_name().to_string_lossy().into_owned();
        ensure!(name == crate::index::FILE || known.contains(&name), "the index does not know {name}");
    }
    Ok(said)
}

/// Read, written and read again it is the same, byte for byte.
fn round_trip(file: &Path, records: &[Record], wrong: &mut Vec<String>) -> Result<()> {
    let mut writer = TracewellWriter::new(Vec::new())?;
    records.iter().try_for_each(|record| writer.write(record))?;
    let written = writer.finish()?;
    let mut is = Vec::new();
    decompressed(file)?.read_to_end(&mut is).context("reading the recording")?;
    if is != written {
        wrong.push("written again it is another".into());
    }
    Ok(())
}

fn against_index(file: &Path, records: &[Record], truth: &Truth, entry: &Entry, wrong: &mut Vec<String>) -> Result<()> {
    let names = records.iter().filter_map(|record| match record {
        Record::Host(host) => Some(host.name.to_string()),
        _ => None,
    });
    let names: Vec<_> = names.collect();
    // Losses of the machine are told for each host.
    let losses = |of: HostId| {
        records.iter().filter_map(move |record| match record {
            Record::Loss(loss) if loss.host == of => Some(loss.n_events),
            _ => None,
        })
    };
    let mut is = |what: &str, is: u64, said: u64| {
        if is != said {
            wrong.push(format!("{what}: {is}, the index says {said}"));
        }
    };
    is("events", records.iter().filter(|record| matches!(record, Record::Event(_))).count() as u64, entry.events);
    is("attacks", truth.attacks.len() as u64, entry.attacks);
    is("bytes", fs::metadata(file)?.len(), entry.bytes);
    is("duration", duration_s(records), entry.duration_s);
    for name in &names {
        is("losses", losses(HostId::from_name(name)).sum(), entry.losses);
    }
    if names != entry.hosts {
        wrong.push(format!("hosts {names:?}, the index says {:?}", entry.hosts));
    }
    Ok(())
}

pub fn duration_s(records: &[Record]) -> u64 {
    let times = || records.iter().filter_map(Record::time);
    match (times().min(), times().max()) {
        (Some(first), Some(last)) => last.since(first) / 1_000_000_000,
        _ => 0,
    }
}

/// What the index says of a recording is what its scenario says.
fn against_scenarios(entry: &Entry, wrong: &mut Vec<String>) {
    let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == entry.scenario) else {
        wrong.push(format!("the index says scenario {:?}, which there is none of", entry.scenario));
        return;
    };
    let mut is = |what: &str, is: &str, said: &str| {
        if is != said {
            wrong.push(format!("{what}: {is:?}, the index says {said:?}"));
        }
    };
    is("half", scenario.half.name(), &entry.half);
    is("name", &format!("{}-{}", entry.scenario, entry.seed), &entry.name);
    is("tier", TIER, &entry.tier);
    let is_plain = |text: &str, of: fn(char) -> bool| !text.is_empty() && text.chars().all(of);
    if !is_plain(&entry.kernel, |c| c.is_ascii_digit() || c == '.') {
        wrong.push(format!("kernel {:?}, expected its number", entry.kernel));
    }
    if !is_plain(&entry.commit, |c| c.is_ascii_hexdigit()) {
        wrong.push(format!("commit {:?}, expected hexadecimal digits", entry.commit));
    }
    let paused: u64 = entry.pauses.iter().map(|(_, pause)| pause).sum();
    if paused > entry.duration_s {
        wrong.push(format!("pauses of {paused} s in {} s", entry.duration_s));
    }
}

/// Both files are those that were recorded.
fn unchanged(folder: &Path, entry: &Entry, wrong: &mut Vec<String>) -> Result<()> {
    for (file, said) in [(entry.recording(), &entry.recording_sha256), (entry.truth(), &entry.truth_sha256)] {
        let is = sha256(&folder.join(&file))?;
        if is != *said {
            wrong.push(format!("{file}: SHA-256 {is}, the index says {said}"));
        }
    }
    Ok(())
}

/// Each labelled node is there, and each step has events of its nodes inside its window.
fn against_truth(records: &[Record], truth: &Truth, entry: &Entry, wrong: &mut Vec<String>) {
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

/// Nothing that belongs to the machine that recorded: addresses, paths, secrets, marks.
fn of_the_machine(records: &[Record], truth: &Truth, wrong: &mut Vec<String>) -> Result<()> {
    let redactor = Redactor::new(&[])?;
    let mut complaints = BTreeSet::new();
    let told = truth.attacks.iter().flat_map(|attack| attack.steps.iter().map(|step| &step.name).chain([&attack.name]));
    complaints.extend(told.filter(|text| is_secret(&redactor, "", text)).map(|text| format!("a secret: {text:?}")));
    for record in records {
        let mut texts = Vec::new();
        match record {
            Record::Process(process) => {
                paths([process.exe.as_deref()], &mut complaints);
                texts.push((process.exe.as_deref().unwrap_or_default(), process.cmdline.as_deref()));
            }
            Record::Event(event) => {
                match &event.object {
                    Object::File(file) => paths([file.path.as_deref()], &mut complaints),
                    Object::Socket(socket) => {
                        addresses([socket.local, socket.remote], &mut complaints);
                        // A name without a slash in front is no path (unix(7)).
                        paths([socket.path.as_deref().filter(|path| path.starts_with('/'))], &mut complaints);
                    }
                    _ => {}
                }
                match (&event.detail, &event.object) {
                    (Detail::NewPath { path, .. }, _) => paths([Some(&**path)], &mut complaints),
                    (Detail::Exec { cmdline, environment }, Object::File(file)) => {
                        texts.push((file.path.as_deref().unwrap_or_default(), cmdline.as_deref()));
                        texts.push(("", environment.as_deref()));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        for (exe, text) in texts.into_iter().filter_map(|(exe, text)| Some((exe, text?))) {
            if text.contains(MARKS) {
                complaints.insert(format!("a mark is left: {text:?}"));
            }
            if is_secret(&redactor, exe, text) {
                complaints.insert(format!("a secret: {text:?}"));
            }
        }
        if complaints.len() > COMPLAINTS_MAX {
            break;
        }
    }
    wrong.extend(complaints);
    Ok(())
}

/// Whether a rule of redaction fits, be it to one argument or to several that were one.
fn is_secret(redactor: &Redactor, exe: &str, text: &str) -> bool {
    let is_rewritten = |arguments: &mut dyn Iterator<Item = &str>| {
        let (rewritten, _) = redactor.arguments(exe, arguments);
        rewritten != text
    };
    is_rewritten(&mut text.split(' ')) || is_rewritten(&mut std::iter::once(text))
}

/// Whatever the machine that this runs on is called by, in any text.
fn names_of_the_machine(records: &[Record], truth: &Truth, hosts: &[String], wrong: &mut Vec<String>) {
    let machine = Machine::here();
    let mut texts: BTreeSet<&str> = BTreeSet::new();
    for record in records {
        match record {
            Record::Host(host) => _ = texts.insert(&host.name),
            Record::Process(process) => {
                let of = [&process.exe, &process.cmdline, &process.container];
                texts.extend(of.into_iter().flatten().map(|text| &**text));
            }
            Record::Event(event) => {
                match &event.object {
                    Object::File(file) => texts.extend(file.path.as_deref()),
                    Object::Socket(socket) => texts.extend(socket.path.as_deref()),
                    _ => {}
                }
                match &event.detail {
                    Detail::NewPath { path, .. } => _ = texts.insert(path),
                    Detail::Exec { cmdline, environment } => {
                        texts.extend([cmdline, environment].into_iter().flatten().map(|text| &**text));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    let steps = truth.attacks.iter().flat_map(|attack| &attack.steps);
    texts.extend(steps.map(|step| step.name.as_str()));
    let named = texts.into_iter().filter_map(|text| Some((machine.named_in(text, hosts)?, text)));
    wrong.extend(named.take(COMPLAINTS_MAX).map(|(name, text)| format!("{name:?} names this machine: {text:?}")));
}

fn paths<const N: usize>(of: [Option<&str>; N], complaints: &mut BTreeSet<String>) {
    for path in of.into_iter().flatten() {
        let Some(rest) = path.strip_prefix('/') else { continue };
        let folder = rest.split('/').next().unwrap_or_default();
        if path.starts_with(MARKS) || !(rest.is_empty() || FOLDERS.contains(&folder)) {
            complaints.insert(format!("a path of no host: {path}"));
        }
    }
}

fn addresses<const N: usize>(of: [Option<SocketAddr>; N], complaints: &mut BTreeSet<String>) {
    for address in of.into_iter().flatten() {
        let is_of_lab = match address.ip() {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_unspecified() || is_in_lab(ip) || ip.is_broadcast(),
            // Multicast and link-local ones are made by the kernel itself and lead nowhere.
            IpAddr::V6(ip) => {
                ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local()
            }
        };
        if !is_of_lab {
            complaints.insert(format!("an address outside the lab: {address}"));
        }
    }
}
