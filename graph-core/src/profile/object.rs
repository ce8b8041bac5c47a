//! Objects as paths of generalised labels, from the general to the specific.
//!
//! Labels of inner steps end in `/`, the last one never does, so that a prefix and a leaf cannot be mistaken for each
//! other whatever the names are.

use crate::profile::generalise::for_each_component;
use crate::profile::mask::mask_into;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tracewell_model::{OpClass, Operation, Protocol};
use tracewell_parameters::ProfileParameters;

/// The wildcard under which a node folds its leaves, subjects or contexts, and the one for prefixes.
pub(super) const WILDCARD: &str = "*";
pub(super) const WILDCARD_PREFIX: &str = "*/";

/// The class of what stood out about a subject, beside the classes of operations.
pub(super) const EVIDENCE: &str = "evidence";

/// First port of the range from which systems take a client's port.
const EPHEMERAL_PORT: u16 = 32_768;

/// What an operation acted on, as far as the source names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectLabel<'a> {
    None,
    File(&'a str),
    UnknownFile,
    Executable(&'a str),
    Socket {
        protocol: Protocol,
        direction: Direction,
        local: Option<SocketAddr>,
        remote: Option<SocketAddr>,
    },
    /// A local socket's path; empty when it has none.
    Unix(&'a str),
    /// Another process, by its executable.
    Process(&'a str),
    UnknownProcess,
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Inbound,
    Outbound,
}

/// A reusable list of labels.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels {
    text: String,
    ends: Vec<usize>,
}

impl Labels {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Replaces the list by the labels of an object.
    pub fn set(&mut self, object: ObjectLabel<'_>, parameters: &ProfileParameters) {
        self.text.clear();
        self.ends.clear();
        match object {
            ObjectLabel::None => self.push("-"),
            ObjectLabel::UnknownFile => self.push("<file>"),
            ObjectLabel::UnknownProcess => self.push("<process>"),
            ObjectLabel::File(path) | ObjectLabel::Executable(path) => self.path(path, parameters),
            ObjectLabel::Process(exe) => {
                self.push("process/");
                self.path(exe, parameters);
            }
            ObjectLabel::Unix(path) => {
                self.push("unix/");
                self.path(path, parameters);
            }
            ObjectLabel::Socket { protocol, direction, local, remote } => {
                self.push(protocol_label(protocol));
                let port = match direction {
                    Direction::Inbound => local.map(|local| local.port()),
                    Direction::Outbound => remote.map(|remote| remote.port()),
                };
                self.push_with(|text| match port {
                    None => text.push_str("?/"),
                    Some(EPHEMERAL_PORT..) => text.push_str("high/"),
                    Some(port) => text.push_str(&format!("{port}/")),
                });
                let Some(address) = remote.map(|remote| remote.ip().to_canonical()) else { return self.push("?") };
                self.push(reach(address));
                self.push_with(|text| mask_address(address, text));
            }
        }
    }

    fn path(&mut self, path: &str, parameters: &ProfileParameters) {
        for_each_component(path, parameters.depth_max, parameters.label_bytes_max, |label| self.push(label));
    }

    fn push(&mut self, label: &str) {
        self.push_with(|text| text.push_str(label));
    }

    fn push_with(&mut self, write: impl FnOnce(&mut String)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
    }
}

/// The name of a class, which is its label in the profile and in contributions.
pub fn class_name(class: OpClass) -> &'static str {
    match class {
        OpClass::Lifecycle => "lifecycle",
        OpClass::Exec => "exec",
        OpClass::FileRead => "file-read",
        OpClass::FileWrite => "file-write",
        OpClass::FileChange => "file-change",
        OpClass::Load => "load",
        OpClass::NetOut => "net-out",
        OpClass::NetIn => "net-in",
        OpClass::Control => "control",
    }
}

/// Whether the operations of a class are so unlike each other that each has a level of its own.
pub(super) fn class_is_mixed(op: Operation) -> bool {
    matches!(op.class(), OpClass::FileChange | OpClass::Control | OpClass::Lifecycle)
}

fn protocol_label(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Unknown => "socket/",
        Protocol::Tcp => "tcp/",
        Protocol::Udp => "udp/",
        Protocol::Unix => "unix/",
        Protocol::Other => "other/",
    }
}

/// How far away an address is.
fn reach(address: IpAddr) -> &'static str {
    let (loopback, link, private) = match address {
        IpAddr::V4(v4) => (v4.is_loopback() || v4.is_unspecified(), v4.is_link_local(), v4.is_private()),
        IpAddr::V6(v6) => (v6.is_loopback() || v6.is_unspecified(), v6.is_unicast_link_local(), v6.is_unique_local()),
    };
    match (loopback, link, private) {
        (true, ..) => "loopback/",
        (_, true, _) => "link/",
        (.., true) => "private/",
        _ => "internet/",
    }
}

/// An IPv4 address without its last octet, an IPv6 address without all but its first 48 bits.
fn mask_address(address: IpAddr, text: &mut String) {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = Ipv4Addr::octets(&v4);
            text.push_str(&format!("{a}.{b}.{c}.#"));
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = Ipv6Addr::segments(&v6);
            text.push_str(&format!("{a:x}:{b:x}:{c:x}:#"));
        }
    }
}

/// A name that is one label: a workload or an executable.
pub(super) fn name_label(name: &str, parameters: &ProfileParameters) -> String {
    let mut label = String::new();
    if name.contains('/') {
        let mut labels = Labels::default();
        labels.path(name, parameters);
        label = labels.text;
    } else {
        mask_into(name, parameters.label_bytes_max, &mut label);
    }
    label.truncate(label.floor_char_boundary(4 * parameters.label_bytes_max));
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(object: ObjectLabel<'_>, expected: &str) {
        let mut labels = Labels::default();
        labels.set(object, &tracewell_parameters::Parameters::default().profile);
        assert_eq!(labels.iter().collect::<Vec<_>>().join("|"), expected, "{object:?}");
    }

    #[test]
    fn table() {
        check(ObjectLabel::None, "-");
        check(ObjectLabel::UnknownFile, "<file>");
        check(ObjectLabel::File("/usr/lib/libc.so.6"), "/usr/|lib/|libc.so.#");
        check(ObjectLabel::File("/"), "/");
        check(ObjectLabel::File("x"), "x");
        check(ObjectLabel::Process("/bin/sh"), "process/|/bin/|sh");
        check(ObjectLabel::Unix("/run/dbus/socket"), "unix/|/run/|dbus/|socket");
        check(ObjectLabel::Unix(""), "unix/|.");
        let socket = |direction, local: &str, remote: &str| ObjectLabel::Socket {
            protocol: Protocol::Tcp,
            direction,
            local: local.parse().ok(),
            remote: remote.parse().ok(),
        };
        check(socket(Direction::Outbound, "10.0.0.1:40000", "1.2.3.4:443"), "tcp/|443/|internet/|1.2.3.#");
        check(socket(Direction::Inbound, "10.0.0.1:80", "10.0.0.9:51234"), "tcp/|80/|private/|10.0.0.#");
        check(socket(Direction::Outbound, "", "[2001:db8:5::1]:50000"), "tcp/|high/|internet/|2001:db8:5:#");
        check(socket(Direction::Outbound, "", "[::ffff:127.0.0.1]:53"), "tcp/|53/|loopback/|127.0.0.#");
        check(socket(Direction::Inbound, "", ""), "tcp/|?/|?");
    }
}
