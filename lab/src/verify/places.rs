//! Whether a recording holds anything of the machine that recorded: paths, addresses, names, secrets, marks.

use super::COMPLAINTS_MAX;
use crate::index::Entry;
use crate::journal::Journal;
use crate::machine::Machine;
use crate::network::is_in_lab;
use crate::notes::MARKS;
use crate::root::{home_of, is_lab_home};
use anyhow::Result;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tracewell_agent::redact::Redactor;
use tracewell_datasets::truth::Truth;
use tracewell_model::{Detail, Object, Record};

/// Folders at the root of a host; all paths lie in them.
const FOLDERS: &[&str] = &[
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv",
    "sys", "tmp", "usr", "var",
];

/// What has no place in the tree is named by what it is (agent/src/translate).
const THINGS: &[&str] = &["memfd:", "bpf:", "namespace:"];

/// All that a recording and its truth say in words, each once.
#[derive(Default)]
struct Texts<'a> {
    paths: BTreeSet<&'a str>,
    addresses: BTreeSet<IpAddr>,
    /// Command lines and environments, with the program they are of.
    lines: BTreeSet<(&'a str, &'a str)>,
    names: BTreeSet<&'a str>,
}

pub(super) fn look(
    records: &[Record],
    truth: &Truth,
    journal: &Journal,
    entry: &Entry,
    wrong: &mut Vec<String>,
) -> Result<()> {
    let texts = Texts::of(records, truth, journal);
    let (redactor, machine) = (Redactor::new(&[])?, Machine::here());
    let mut complain = |of_kind: &mut dyn Iterator<Item = String>| {
        let complaints: BTreeSet<String> = of_kind.take(COMPLAINTS_MAX).collect();
        wrong.extend(complaints);
    };
    let paths = texts.paths.iter().filter_map(|path| Some(format!("{}: {path}", what_is_wrong_with(path)?)));
    complain(&mut { paths });
    let outside = texts.addresses.iter().filter(|address| !is_of_lab(**address));
    complain(&mut outside.map(|address| format!("an address outside the lab: {address}")));
    let all = || {
        texts.lines.iter().map(|(_, text)| *text).chain(texts.paths.iter().copied()).chain(texts.names.iter().copied())
    };
    let told = all().flat_map(|text| addresses_in(text).map(move |address| (address, text)));
    complain(
        &mut told
            .filter(|(address, _)| !is_of_lab(*address))
            .map(|(address, text)| format!("an address outside the lab: {address} in {text:?}")),
    );
    let homes = all().flat_map(|text| homes_in(text).map(move |home| (home, text)));
    complain(
        &mut homes
            .filter(|(home, _)| !is_lab_home(home))
            .map(|(home, text)| format!("a home of nobody: {home} in {text:?}")),
    );
    complain(&mut all().filter(|text| text.contains(MARKS)).map(|text| format!("a mark is left: {text:?}")));
    let lines = texts.lines.iter().copied().chain(texts.names.iter().map(|name| ("", *name)));
    let secrets = lines.filter(|(exe, text)| is_secret(&redactor, exe, text));
    complain(&mut secrets.map(|(_, text)| format!("a secret: {text:?}")));
    let named = all().filter_map(|text| Some((machine.named_in(text, &entry.hosts)?, text)));
    complain(&mut named.map(|(name, text)| format!("{name:?} names this machine: {text:?}")));
    Ok(())
}

impl<'a> Texts<'a> {
    fn of(records: &'a [Record], truth: &'a Truth, journal: &'a Journal) -> Self {
        let mut texts = Self::default();
        for attack in &truth.attacks {
            texts.names.insert(&attack.name);
            texts.names.extend(attack.steps.iter().map(|step| step.name.as_str()));
        }
        for step in journal.attacks.iter().flat_map(|attack| &attack.steps) {
            let files = step.files.iter().chain(&step.brought).chain(&step.infected);
            texts.paths.extend(files.map(|file| file.path.as_str()));
            texts.addresses.extend(step.remotes.iter().map(|far| IpAddr::V4(far.address)));
        }
        records.iter().for_each(|record| texts.record(record));
        texts
    }

    fn record(&mut self, record: &'a Record) {
        match record {
            Record::Host(host) => _ = self.names.insert(&host.name),
            Record::Process(process) => {
                // Where the source has only the name of a program it is no path.
                self.paths.extend(process.exe.as_deref().filter(|exe| exe.contains('/')));
                let exe = process.exe.as_deref().unwrap_or_default();
                self.lines.extend(process.cmdline.as_deref().map(|line| (exe, line)));
                self.names.extend(process.container.as_deref());
            }
            Record::Event(event) => {
                let mut exe = "";
                match &event.object {
                    Object::File(file) => {
                        self.paths.extend(file.path.as_deref());
                        exe = file.path.as_deref().unwrap_or_default();
                    }
                    Object::Socket(socket) => {
                        self.addresses.extend([socket.local, socket.remote].into_iter().flatten().map(|end| end.ip()));
                        // A name without a slash in front is no path (unix(7)).
                        let (paths, names): (Vec<_>, Vec<_>) =
                            socket.path.as_deref().into_iter().partition(|path| path.starts_with('/'));
                        self.paths.extend(paths);
                        self.names.extend(names);
                    }
                    _ => {}
                }
                match &event.detail {
                    Detail::NewPath { path, replaced } => {
                        self.paths.insert(path);
                        self.paths.extend(replaced.as_ref().and_then(|file| file.path.as_deref()));
                    }
                    Detail::Exec { cmdline, environment } => {
                        self.lines.extend(cmdline.as_deref().map(|line| (exe, line)));
                        self.lines.extend(environment.as_deref().map(|text| ("", text)));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// `None` when a path is one of a host of the lab.
fn what_is_wrong_with(path: &str) -> Option<&'static str> {
    if THINGS.iter().any(|thing| path.starts_with(thing)) {
        return None;
    }
    let Some(rest) = path.strip_prefix('/') else { return Some("a path that begins nowhere") };
    let mut parts = rest.split('/');
    let folder = parts.next().unwrap_or_default();
    if path.starts_with(MARKS) || !(rest.is_empty() || FOLDERS.contains(&folder)) {
        return Some("a path of no host");
    }
    rest.split('/').any(|part| matches!(part, "." | "..")).then_some("a path that is not straight")
}

/// Whether a rule of redaction fits, be it to one argument or to several that were one.
fn is_secret(redactor: &Redactor, exe: &str, text: &str) -> bool {
    let is_rewritten = |arguments: &mut dyn Iterator<Item = &str>| {
        let (rewritten, _) = redactor.arguments(exe, arguments);
        rewritten != text
    };
    is_rewritten(&mut text.split(' ')) || is_rewritten(&mut std::iter::once(text))
}

fn is_of_lab(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_unspecified() || is_in_lab(ip) || ip.is_broadcast(),
        // Multicast and link-local ones are made by the kernel itself and lead nowhere.
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local(),
    }
}

/// Addresses that stand in a text, as people write them. Of those of IPv6 only such as are of a network: `a::b` is many things.
fn addresses_in(text: &str) -> impl Iterator<Item = IpAddr> {
    let words = |is_part: fn(char) -> bool| {
        let mut end = 0;
        let starts = text.char_indices().filter(move |&(at, c)| {
            let is_start = at >= end && is_part(c);
            if is_start {
                end = text[at..].find(|c| !is_part(c)).map_or(text.len(), |length| at + length);
            }
            is_start
        });
        starts.map(move |(at, _)| {
            let length = text[at..].find(|c| !is_part(c)).unwrap_or(text.len() - at);
            // A number in a name, as that of a library, is no address.
            let is_in_name = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
            (&text[at..at + length], is_in_name)
        })
    };
    let plain = words(|c| c.is_ascii_digit() || c == '.').filter(|(_, is_in_name)| !is_in_name);
    let plain = plain.filter_map(|(word, _)| word.trim_matches('.').parse::<Ipv4Addr>().ok()).map(IpAddr::V4);
    let long = words(|c| c.is_ascii_hexdigit() || c == ':').filter_map(|(word, _)| word.parse::<Ipv6Addr>().ok());
    plain.chain(long.filter(|address| address.segments()[0] >= 0x2000).map(IpAddr::V6))
}

/// Homes that a text names, wherever in it.
fn homes_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("/home/").filter_map(|(at, _)| {
        // A folder of that name elsewhere is no home.
        let is_elsewhere = text[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.*".contains(c));
        (!is_elsewhere).then(|| home_of(&text[at..])).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_hosts() {
        for (path, wrong) in [
            ("/", None),
            ("/etc/passwd", None),
            ("/builds/x", Some("a path of no host")),
            ("/run/lab/1", Some("a path of no host")),
            ("etc/passwd", Some("a path that begins nowhere")),
            ("memfd:x", None),
            ("namespace:mnt,pid", None),
            ("./x", Some("a path that begins nowhere")),
            ("/etc/../builds/x", Some("a path that is not straight")),
            ("/etc/./x", Some("a path that is not straight")),
            ("/etc/..x", None),
        ] {
            assert_eq!(what_is_wrong_with(path), wrong, "{path}");
        }
    }

    #[test]
    fn addresses_are_found_in_texts() {
        for (text, found) in [
            ("curl http://203.0.113.7:80/x", vec!["203.0.113.7"]),
            ("ssh root@203.0.113.7, then 192.0.2.1.", vec!["203.0.113.7", "192.0.2.1"]),
            ("/usr/lib/libx.so.1.2.3.4", vec![]),
            ("tool-1.2.3.4", vec![]),
            ("at 12:30:45 a::b 1.2.3", vec![]),
            ("[2001:db8::7]:443", vec!["2001:db8::7"]),
        ] {
            let is: Vec<_> = addresses_in(text).map(|address| address.to_string()).collect();
            assert_eq!(is, found, "{text}");
        }
    }

    #[test]
    fn homes_are_found_in_texts() {
        for (text, found) in [
            ("ls /home/carol/x", vec!["/home/carol"]),
            ("HOME=/home/alice:/home/carol", vec!["/home/alice", "/home/carol"]),
            ("ls /home /home/", vec![]),
            ("/srv/home/x", vec![]),
        ] {
            assert_eq!(homes_in(text).collect::<Vec<_>>(), found, "{text}");
        }
    }
}
